# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Ask a source for all processes of the host: hours to the store and the file, the outcome to whoever is next."""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Quality
from carbonspan.grid.source import RateLimited
from carbonspan.live import _fetch as fetch
from carbonspan.live._attempt import HOUR_S, Attempt, answered, failed, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from carbonspan.core.values import Basis
    from carbonspan.grid._store import HourStore
    from carbonspan.grid.source import GridSource, HourValue
    from carbonspan.live._clock import Clock
    from carbonspan.live.cache._cache import Claim, HourCache, Key

_log = logging.getLogger("carbonspan")

HOURS_A_DAY = 24


class Asker:
    """One source, asked where this process holds the lease. Nothing that a source does is raised."""

    def __init__(
        self, source: GridSource, bases: tuple[Basis, ...], store: HourStore, cache: HourCache, clock: Clock
    ) -> None:
        """Take the source, the bases that may be used, where its hours go, and the time."""
        self._source = source
        self._bases = bases
        self._store = store
        self._cache = cache
        self._clock = clock
        self._random = random.Random()
        self._counts: Counter[str] = Counter()
        self._doubted: set[str] = set()
        self._reach = Attempt()

    def counts(self) -> Mapping[str, int]:
        """Return how many requests had each outcome, and how many hours were `implausible`."""
        return dict(self._counts)

    def after_fork(self) -> None:
        """Count anew in a forked child: what was counted before is the parent's to report."""
        self._counts = Counter()
        self._random.seed()  # or all children of one parent would ask together

    def hour(self) -> int:
        """Return the present hour since 1970."""
        return int(self._clock.wall_s() // HOUR_S)

    def load(self, key: Key, first: int, last: int) -> list[HourValue]:
        """Take the hours `first <= hour <= last` over from the file, in every basis that may be used."""
        keys = [key._replace(basis=basis) for basis in self._bases]
        values = [value for each in keys for value in self._cache.hours(each, first, last)]
        self._store.put(values)
        return values

    def load_present(self, key: Key) -> None:
        """Take over from the file what may be of use now: yesterday, and the forecast."""
        self.load(key, self.hour() - 2 * fetch.PRESENT_HOURS, self.hour() + 4 * fetch.PRESENT_HOURS)

    def present(self, key: Key, claim: Claim) -> Attempt:
        """Ask for the hours up to the present one."""
        return self._ask(key, claim, lambda: fetch.present(self._source, key, self.hour(), self._store, self._bases))

    def ahead(self, key: Key, claim: Claim) -> Attempt:
        """Ask for the hours to come: none where the source has no forecast."""
        return self._ask(key, claim, lambda: fetch.ahead(self._source, key, self._bases))

    def _ask(self, key: Key, claim: Claim, question: Callable[[], list[HourValue]]) -> Attempt:
        values: list[HourValue] = []
        whole = False
        try:
            values = self._judged(question(), key)
            attempt = answered(self._clock.wall_s(), len(values), self._random)
        except Exception as error:  # noqa: BLE001 - a source of the user's own may raise anything
            attempt, whole = self._failed(claim.attempt, error)
        self._counts[attempt.outcome] += 1
        self._finish(key, claim, attempt, values, whole=whole)
        return attempt

    def reach(self) -> int:
        """Return the oldest hour that the source can be asked for; the last day's while it does not say."""
        now_s = self._clock.wall_s()
        if self._reach.due(now_s):
            try:
                hours = self._source.capabilities().history_hours
            except Exception as error:  # noqa: BLE001 - a source of the user's own may raise anything
                # No lease stands before this question: without a wait each old span would ask it again.
                self._reach = failed(self._reach, now_s, error, self._random)
                _log.debug(
                    "carbonspan: %s does not say what it can serve: %s", self._source.name, type(error).__qualname__
                )
            else:
                self._reach = Attempt()
                return self.hour() - hours
        return self.hour() - fetch.PRESENT_HOURS

    def is_whole(self, key: Key, day: int) -> bool:
        """Return whether every hour of a day (since 1970) is measured, in one basis, in the file."""
        values = self.load(key, day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY - 1)
        measured = Counter(value.basis for value in values if value.quality is Quality.MEASURED)
        # A source that is asked for one basis may have another: only then does that one count.
        return max(measured.values() if key.basis not in measured else [measured[key.basis]], default=0) >= HOURS_A_DAY

    def past(self, key: Key, claims: Mapping[int, Claim]) -> float:
        """Ask for neighbouring days (since 1970); return how many seconds to wait after a failure, 0 after none."""
        values: list[HourValue] = []
        error: Exception | None = None
        first, last = max(min(claims) * HOURS_A_DAY, self.reach()), (max(claims) + 1) * HOURS_A_DAY - 1
        try:
            values = self._judged(fetch.past(self._source, key, first, last, self._bases), key)
        except Exception as raised:  # noqa: BLE001 - a source of the user's own may raise anything
            error = raised
        now_s, wait_s, outcome = self._clock.wall_s(), 0.0, ""
        for day, claim in claims.items():
            of_day = [value for value in values if hour_index(value.hour) // HOURS_A_DAY == day]
            attempt, whole = settled(now_s, len(of_day)), False
            if error is not None:
                attempt, whole = self._failed(claim.attempt, error)
                wait_s = attempt.next_s - now_s
            outcome = outcome or attempt.outcome
            self._finish(of_day_key(key, day), claim, attempt, of_day, whole=whole)
        self._counts[outcome] += 1
        return wait_s

    def _finish(self, key: Key, claim: Claim, attempt: Attempt, values: Sequence[HourValue], *, whole: bool) -> None:
        # The file first: a process that ends as soon as it has its hour must not leave the others to ask again.
        if claim.holder is not None:
            self._cache.finish(key, claim.holder, attempt, values, whole=whole)
        self._store.put(values)

    def _failed(self, before: Attempt, error: Exception) -> tuple[Attempt, bool]:
        attempt = failed(before, self._clock.wall_s(), error, self._random)
        return attempt, isinstance(error, RateLimited)  # limits are of the key or the address: they hold for all zones

    def _judged(self, values: list[HourValue], key: Key) -> list[HourValue]:
        values = fetch.judged(values, key, self._store)
        doubted = [value for value in values if value.around_g_per_kwh is not None]
        if doubted:
            self._counts["implausible"] += len(doubted)
        if doubted and key.zone not in self._doubted:  # once, and counted from then on
            self._doubted.add(key.zone)
            _log.warning(
                "carbonspan: %s says %g g/kWh for %s at %s, where the hours around say %g: used as an estimate",
                key.source,
                doubted[0].intensity_g_per_kwh,
                key.zone,
                doubted[0].hour.isoformat(),
                doubted[0].around_g_per_kwh,
            )
        return values


def of_day_key(key: Key, day: int) -> Key:
    """Return the key of a day of the past (since 1970) of a series."""
    return key._replace(task=hour_start(day * HOURS_A_DAY).date().isoformat())
