# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Asks one source for all processes of the host: hours to the store and the file, the outcome to whoever is next.

Nothing passes but hours of the series that was asked for; those that read far off the hours around them are marked.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import acceptable
from carbonspan.grid.source import BadAnswer, HourValue, NotCovered, RateLimited
from carbonspan.live._backoff import Attempt, answered, answered_for_past, failed
from carbonspan.live._outlier import MAX_RUN_HOURS, mark_outliers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from carbonspan.grid._store import HourStore
    from carbonspan.grid.source import GridSource
    from carbonspan.live._clock import Clock
    from carbonspan.live.cache._cache import Claim, HourCache, Key

_log = logging.getLogger("carbonspan")

HOURS_A_DAY = 24

PRESENT_HOURS = 24
"""The hours that are asked for each time, the present one included: what sources give in one answer, and long enough
for estimated hours to be replaced by measured ones, which come within a day."""

FORECAST_AGE_S = 6 * 3600.0
"""A forecast is asked for again when it is older than this, or does not have the present hour."""

_MAX_VALUES = 20_000  # of one answer: two years of hours


class Fetcher:
    """Asks one source, where this process holds the lease. Nothing that a source does is raised."""

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
        self._warned: set[str] = set()  # zones that had an outlier
        self._reach = Attempt()

    def counts(self) -> Mapping[str, int]:
        """Return how many requests had each outcome, and how many hours were `implausible`: outliers."""
        return dict(self._counts)

    def after_fork(self) -> None:
        """Count anew in a forked child: what was counted before is the parent's to report."""
        self._counts = Counter()
        self._random.seed()  # or all children of one parent would ask together

    def load(self, key: Key, first: int, last: int) -> list[HourValue]:
        """Take the hours `first <= hour <= last` over from the file, in every basis that may be used."""
        keys = [key._replace(basis=basis) for basis in self._bases]
        values = [value for each in keys for value in self._cache.hours(each, first, last)]
        self._store.put(values)
        return values

    def load_present(self, key: Key) -> None:
        """Take over from the file what may be of use now: yesterday, and the forecast."""
        hour = self._clock.hour()
        self.load(key, hour - 2 * PRESENT_HOURS, hour + 4 * PRESENT_HOURS)

    def present(self, key: Key, claim: Claim) -> Attempt:
        """Ask for the hours up to the present one; with the forecast where the present hour is not among them."""
        return self._ask(key, claim, lambda: self._present(key, self._clock.hour()))

    def forecast(self, key: Key, claim: Claim) -> Attempt:
        """Ask for the hours to come: none where the source has no forecast."""
        return self._ask(key, claim, lambda: self._forecast(key))

    def past(self, key: Key, claims: Mapping[int, Claim]) -> float:
        """Ask for neighbouring days (since 1970); return how many seconds to wait after a failure, 0 after none."""
        values: list[HourValue] = []
        error: Exception | None = None
        first, last = max(min(claims) * HOURS_A_DAY, self.reach()), (max(claims) + 1) * HOURS_A_DAY - 1
        try:
            values = self._judged(self._history(key, first, last), key)
        except Exception as raised:  # noqa: BLE001 - a source of the user's own may raise anything
            error = raised
        now_s, wait_s, outcome = self._clock.wall_s(), 0.0, ""
        for day, claim in claims.items():
            of_day = [value for value in values if hour_index(value.hour) // HOURS_A_DAY == day]
            attempt, whole = answered_for_past(now_s, len(of_day)), False
            if error is not None:
                attempt, whole = self._failed(claim.attempt, error)
                wait_s = attempt.next_s - now_s
            outcome = outcome or attempt.outcome
            self._finish(of_day_key(key, day), claim, attempt, of_day, whole=whole)
        self._counts[outcome] += 1
        return wait_s

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
                return self._clock.hour() - hours
        return self._clock.hour() - PRESENT_HOURS

    def is_whole(self, key: Key, day: int) -> bool:
        """Return whether every hour of a day (since 1970) is measured, in one basis, in the file."""
        values = self.load(key, day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY - 1)
        measured = Counter(value.basis for value in values if value.quality is Quality.MEASURED)
        # A source that is asked for one basis may have another: only then does that one count.
        return max(measured.values() if key.basis not in measured else [measured[key.basis]], default=0) >= HOURS_A_DAY

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

    def _present(self, key: Key, hour: int) -> list[HourValue]:
        values = self._history(key, hour - PRESENT_HOURS + 1, hour)
        known = (self._store.get(key.source, key.zone, basis, hour) for basis in self._bases)
        if all(hour_index(value.hour) != hour for value in values) and all(map(_is_old, known)):
            try:
                values += self._forecast(key)
            except Exception as error:  # noqa: BLE001 - a source without its forecast still has its history
                _log.debug("carbonspan: no forecast from %s for %s: %s", key.source, key.zone, type(error).__qualname__)
        return values

    def _forecast(self, key: Key) -> list[HourValue]:
        if self._source.capabilities().forecast_hours <= 0:
            return []
        return _of_series(self._source.forecast(key.zone, key.basis), key, self._bases)

    def _history(self, key: Key, first: int, last: int) -> list[HourValue]:
        """Return the hours `first <= hour <= last`, in whichever of the bases the source has them."""
        values = self._source.history(key.zone, hour_start(first), hour_start(last + 1), key.basis)
        return _of_series(values, key, self._bases)

    def _finish(self, key: Key, claim: Claim, attempt: Attempt, values: Sequence[HourValue], *, whole: bool) -> None:
        # The file first: a process that ends as soon as it has its hour must not leave the others to ask again.
        if claim.holder is not None:
            self._cache.finish(key, claim.holder, attempt, values, whole=whole)
        self._store.put(values)

    def _failed(self, before: Attempt, error: Exception) -> tuple[Attempt, bool]:
        attempt = failed(before, self._clock.wall_s(), error, self._random)
        return attempt, isinstance(error, RateLimited)  # limits are of the key or the address: they hold for all zones

    def _judged(self, values: list[HourValue], key: Key) -> list[HourValue]:
        """Return the values, those marked that are outliers; count them, and log the first of a zone."""
        # A forecast says nothing about what was: only hours that were are compared, each with those in its own basis.
        found = [value for value in values if not _was(value)]
        for basis in {value.basis: None for value in values if _was(value)}:
            series = [value for value in values if _was(value) and value.basis is basis]
            found += mark_outliers(series, self._around(key, basis, [hour_index(value.hour) for value in series]))
        outliers = [value for value in found if value.around_g_per_kwh is not None]
        if outliers:
            self._counts["implausible"] += len(outliers)
            self._warn(key, outliers[0])
        return found

    def _around(self, key: Key, basis: Basis, hours: list[int]) -> dict[int, HourValue]:
        """Return what is known of these hours and of those around them."""
        around = range(min(hours) - MAX_RUN_HOURS, max(hours) + MAX_RUN_HOURS + 1)
        known = {hour: self._store.get(key.source, key.zone, basis, hour) for hour in around}
        return {hour: value for hour, value in known.items() if value is not None and _was(value)}

    def _warn(self, key: Key, outlier: HourValue) -> None:
        if key.zone not in self._warned:  # once, and only counted from then on
            self._warned.add(key.zone)
            _log.warning(
                "carbonspan: %s says %g g/kWh for %s at %s, where the hours around say %g: used as an estimate",
                key.source,
                outlier.intensity_g_per_kwh,
                key.zone,
                outlier.hour.isoformat(),
                outlier.around_g_per_kwh,
            )


def of_day_key(key: Key, day: int) -> Key:
    """Return the key of a day of the past (since 1970) of a series."""
    return key._replace(task=hour_start(day * HOURS_A_DAY).date().isoformat())


def _of_series(values: Iterable[object], key: Key, bases: tuple[Basis, ...]) -> list[HourValue]:
    """Return what is an hour of this zone in one of these bases, under the source's name.

    Raises:
        BadAnswer: there were values, and not one of them is an hour of this zone.
        NotCovered: there were hours, all of them in other bases.
    """
    given = list(islice(values, _MAX_VALUES))
    hours = [
        value if value.source == key.source else replace(value, source=key.source)
        for value in given
        if isinstance(value, HourValue) and value.zone == key.zone and acceptable(value)
    ]
    if given and not hours:
        raise BadAnswer(
            f"{key.source} gave {len(given)} values, none of them an hour of {key.zone}",
            f"{key.source} answers with another zone or with no numbers: see whether its address is right",
        )
    kept = [value for value in hours if value.basis in bases]
    if hours and not kept:
        found = hours[0].basis
        other = "" if found is Basis.MARGINAL else ", or leave `basis_strict` out"  # marginal only where asked for
        raise NotCovered(
            f"{key.source} has only {found.value} hours of {key.zone}",
            f"it has only {found.value} hours: set `basis` to {found.value}{other}",
        )
    return kept


def _is_old(known: HourValue | None) -> bool:
    return known is None or (datetime.now(timezone.utc) - known.fetched_at).total_seconds() > FORECAST_AGE_S


def _was(value: HourValue) -> bool:
    return value.quality is not Quality.FORECAST
