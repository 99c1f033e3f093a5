# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keep the hours of one source fresh, in a thread of its own: a source that hangs holds up no other.

What spans want comes in through `want`, which waits for nothing. Everything that touches the network or the file is
done by the thread; `step` is all it does, and may be called without one.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.grid import fetch
from carbonspan.grid.attempt import HOUR_S, Attempt, answered, failed, settled
from carbonspan.grid.cache import Key
from carbonspan.grid.clock import Clock, Moment
from carbonspan.grid.hours import hour_index, hour_start
from carbonspan.grid.source import RateLimited
from carbonspan.values import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from carbonspan.grid.cache import Claim, HourCache
    from carbonspan.grid.lease import Holder
    from carbonspan.grid.source import GridSource, HourValue
    from carbonspan.grid.store import HourStore
    from carbonspan.values import Basis

_log = logging.getLogger("carbonspan")

PRESENT = -1  # in place of a day, where a span of the last 24 hours wants its hour

POLL_S = 60.0
"""The thread looks at the clocks this often: a machine that was suspended is up to date a minute after it wakes."""

IDLE_HOURS = 3
"""A zone that no span has wanted for so long is no longer asked for."""

MAX_WANTS = 10_000  # waiting in the queue
MAX_ZONES = 1_000
MAX_DAYS = 400  # of the past, waiting, of one zone

DAYS_AT_ONCE = 10
"""Days of the past in one request: what Electricity Maps takes (docs/grid.md)."""

PAST_GAP_S = 1.0  # between requests for the past: there is no hurry

_SPREAD_S = 5.0  # processes of a host wake up one after the other: the first one asks, the others read


class Wants(NamedTuple):
    """Zones that somebody waits for, and how to tell them that all were looked at."""

    zones: set[str]
    done: threading.Event


@dataclass(slots=True)
class _Zone:
    key: Key
    wanted_s: float  # monotonic, until when it is asked for: a suspend does not count
    due: Moment
    past_due: Moment
    loaded_s: float = -1.0  # `success_s` of what was read from the file last
    days: dict[int, None] = field(default_factory=dict)  # days since 1970, wanted


class Refresher:
    """One source: which of its zones are wanted, and when each is due."""

    def __init__(
        self,
        source: GridSource,
        *,
        origin: str,
        bases: tuple[Basis, ...],
        store: HourStore,
        cache: HourCache,
        clock: Clock | None = None,
        owned: bool = False,
    ) -> None:
        """Take the source, and where its hours go.

        Args:
            source: who is asked.
            origin: its name in the shared file.
            bases: the bases that may be used, the preferred one first; a zone gets the first that the source serves.
            store: what spans read.
            cache: what processes share.
            clock: the time.
            owned: whether to close the source at the end.
        """
        self.source = source
        self.origin = origin
        self._bases = bases
        self._store = store
        self._cache = cache
        self._clock = clock or Clock()
        self._owned = owned
        self._random = random.Random()
        self._zones: dict[str, _Zone] = {}
        self._unserved: dict[str, None] = {}
        self._waiting: list[Wants] = []
        self._queue: queue.SimpleQueue[tuple[str, int] | Wants | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopped = False
        self._counts: Counter[str] = Counter()
        self._doubted: set[str] = set()

    def want(self, zone: str, day: int) -> None:
        """Note that a span wants an hour of today (`PRESENT`) or of a day of the past. Never waits."""
        if self._queue.qsize() < MAX_WANTS:
            # A SimpleQueue may be put to from a signal handler that interrupts a put, unlike an Event.
            self._queue.put((zone, day))
            if self._thread is None:
                self._start()

    def bring(self, zones: Iterable[str] | None) -> threading.Event:
        """Have these zones looked at now, by default all that are wanted; the event is set when that is done."""
        wants = Wants(set(self._zones) if zones is None else set(zones), threading.Event())
        self._queue.put(wants)
        self._start()
        return wants.done

    def counts(self) -> Mapping[str, int]:
        """Return how many requests had each outcome."""
        return dict(self._counts)

    def attempt(self, key: Key) -> Attempt:
        """Return the last request for a series, of any process."""
        return self._cache.attempt(key)

    def series(self) -> tuple[Key, ...]:
        """Return what is kept fresh."""
        return tuple(zone.key for zone in tuple(self._zones.values()))

    def stop(self) -> None:
        """Tell the thread to end after the request in flight."""
        self._stopped = True
        self._queue.put(None)
        if self._thread is None:
            self._close_source()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, but no longer than `timeout_s` seconds."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no other thread."""
        self._thread = None
        self._starting = threading.Lock()
        self._queue = queue.SimpleQueue()
        self._zones, self._waiting = {}, []

    def _start(self) -> None:
        if self._stopped or self._thread is not None or not self._starting.acquire(blocking=False):
            return  # somebody else is starting it
        try:
            if self._thread is None:
                # A daemon: neither a sleep nor a request in flight delays the interpreter's exit.
                thread = threading.Thread(target=self._run, name=f"carbonspan-{self.source.name}", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            pass  # no thread can be started: the interpreter is shutting down
        finally:
            self._starting.release()

    def _run(self) -> None:
        pid, wait_s = os.getpid(), 0.0
        while not self._stopped and os.getpid() == pid:
            try:
                with suppress(queue.Empty):
                    self._take(self._queue.get(timeout=max(0.001, min(wait_s, POLL_S))))
                wait_s = self.step()
            except Exception as error:  # noqa: BLE001, PERF203 - a fault here must not end the refreshing
                _log.warning("carbonspan: grid refresh of %s: %s", self.source.name, type(error).__qualname__)
                wait_s = POLL_S
        self._close_source()

    def _close_source(self) -> None:
        if self._owned:
            self.source.close()

    def step(self) -> float:
        """Do all that is due, and return how many seconds it is until something is."""
        while not self._queue.empty():
            self._take(self._queue.get())
        for name, zone in tuple(self._zones.items()):
            if self._stopped:
                break
            if zone.wanted_s <= self._clock.monotonic_s() and not zone.days:
                del self._zones[name]
                continue
            if not zone.due.left_s(self._clock):
                self._visit(zone)
            if zone.days and not zone.past_due.left_s(self._clock) and not self._stopped:
                self._visit_past(zone)
        self._tell()
        return min((self._left_s(zone) for zone in self._zones.values()), default=POLL_S)

    def _left_s(self, zone: _Zone) -> float:
        left_s = zone.due.left_s(self._clock)
        return min(left_s, zone.past_due.left_s(self._clock)) if zone.days else left_s

    def _take(self, item: tuple[str, int] | Wants | None) -> None:
        if item is None:
            return
        if isinstance(item, Wants):
            for name in item.zones:
                zone = self._zone(name)
                if zone is not None:
                    zone.due = Moment.after(self._clock, 0.0)
            self._waiting.append(item)
            return
        zone = self._zone(item[0])
        if zone is not None and item[1] != PRESENT and len(zone.days) < MAX_DAYS:
            zone.days[item[1]] = None

    def _zone(self, name: str) -> _Zone | None:
        """Return a zone, wanted from now on; `None` where the source does not serve it, or there are too many."""
        until_s = self._clock.monotonic_s() + IDLE_HOURS * HOUR_S
        zone = self._zones.get(name)
        if zone is not None:
            zone.wanted_s = until_s
            return zone
        basis = self._basis(name)
        if basis is None or len(self._zones) >= MAX_ZONES:
            return None
        now = Moment.after(self._clock, 0.0)
        zone = self._zones[name] = _Zone(Key(self.origin, name, basis), until_s, now, now)
        return zone

    def _basis(self, name: str) -> Basis | None:
        if name in self._unserved:
            return None
        for basis in self._bases:
            if self.source.serves(name, basis):
                return basis
        if len(self._unserved) < MAX_ZONES:
            self._unserved[name] = None
        return None

    def _tell(self) -> None:
        """Tell those who wait, where none of their zones is still due."""
        for wants in tuple(self._waiting):
            zones = [self._zones[name] for name in wants.zones if name in self._zones]
            if self._stopped or all(zone.loaded_s >= 0 and zone.due.left_s(self._clock) > 1.0 for zone in zones):
                self._waiting.remove(wants)
                wants.done.set()

    # -- the present day

    def _visit(self, zone: _Zone) -> None:
        now_hour = self._hour()
        if zone.loaded_s < 0:  # first sight: what other processes have fetched, and before them earlier ones
            self._load(zone.key, now_hour - 2 * fetch.PRESENT_HOURS, now_hour + 4 * fetch.PRESENT_HOURS)
        claim = self._cache.claim(zone.key)
        if claim.holder is None:
            self._follow(zone, claim, now_hour)
            return
        attempt = self._ask(zone.key, claim.holder, claim.attempt, now_hour)
        zone.loaded_s = attempt.success_s
        zone.due = self._until(attempt.next_s)

    def _follow(self, zone: _Zone, claim: Claim, now_hour: int) -> None:
        """Take over what another process has fetched, or come back when it has."""
        if claim.wait_s:
            zone.due = Moment.after(self._clock, claim.wait_s)
            return
        if claim.attempt.success_s > zone.loaded_s:
            self._load(zone.key, now_hour - 2 * fetch.PRESENT_HOURS, now_hour + 4 * fetch.PRESENT_HOURS)
        zone.loaded_s = claim.attempt.success_s
        zone.due = self._until(claim.attempt.next_s + self._random.uniform(0.0, _SPREAD_S))

    def _ask(self, key: Key, holder: Holder, before: Attempt, now_hour: int) -> Attempt:
        values: list[HourValue] = []
        whole = False
        try:
            values = self._judged(fetch.present(self.source, key, now_hour, self._store), key)
            attempt = answered(self._clock.wall_s(), len(values), self._random)
        except Exception as error:  # noqa: BLE001 - a source of the user's own may raise anything
            attempt, whole = self._failed(before, error)
        self._counts[attempt.outcome] += 1
        self._store.put(values)
        self._cache.finish(key, holder, attempt, values, whole=whole)
        return attempt

    def _failed(self, before: Attempt, error: Exception) -> tuple[Attempt, bool]:
        attempt = failed(before, self._clock.wall_s(), error, self._random)
        return attempt, isinstance(error, RateLimited)  # limits are of the key or the address: they hold for all zones

    def _judged(self, values: list[HourValue], key: Key) -> list[HourValue]:
        values = fetch.judged(values, key, self._store)
        doubted = [value for value in values if value.around_g_per_kwh is not None]
        if doubted:
            self._counts["implausible"] += len(doubted)
            if key.zone not in self._doubted:  # once, and counted from then on
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

    # -- days of the past

    def _visit_past(self, zone: _Zone) -> None:
        reach = self._hour() - fetch.reach_hours(self.source)
        claimed: list[tuple[int, Claim]] = []
        for day in sorted(zone.days):
            if claimed and (day != claimed[-1][0] + 1 or len(claimed) >= DAYS_AT_ONCE):
                break
            first, last = day * 24, day * 24 + 23
            measured = sum(value.quality is Quality.MEASURED for value in self._load(zone.key, first, last))
            if measured < 24 and last >= reach:  # noqa: PLR2004 - the hours of a day
                claim = self._cache.claim(_of_day(zone.key, day))
                if claim.holder is not None:
                    claimed.append((day, claim))
                elif claim.wait_s:
                    break  # another process is asking: its answer comes with the file
                elif claimed:
                    break
            zone.days.pop(day)
        zone.past_due = Moment.after(self._clock, PAST_GAP_S)
        if claimed:
            self._ask_past(zone, claimed, reach)

    def _ask_past(self, zone: _Zone, claimed: list[tuple[int, Claim]], reach: int) -> None:
        values: list[HourValue] = []
        error: Exception | None = None
        try:
            first, last = max(claimed[0][0] * 24, reach), claimed[-1][0] * 24 + 23
            values = self._judged(fetch.past(self.source, zone.key, first, last), zone.key)
        except Exception as raised:  # noqa: BLE001 - a source of the user's own may raise anything
            error = raised
        self._store.put(values)
        for day, claim in claimed:
            of_day = [value for value in values if hour_index(value.hour) // 24 == day]
            whole = False
            if error is None:
                attempt = settled(self._clock.wall_s(), len(of_day))
            else:
                attempt, whole = self._failed(claim.attempt, error)
                zone.past_due = self._until(attempt.next_s)
            if claim.holder is not None:
                self._cache.finish(_of_day(zone.key, day), claim.holder, attempt, of_day, whole=whole)
            if day == claimed[0][0]:
                self._counts[attempt.outcome] += 1

    # -- both

    def _load(self, key: Key, first: int, last: int) -> list[HourValue]:
        values = self._cache.hours(key, first, last)
        self._store.put(values)
        return values

    def _until(self, wall_s: float) -> Moment:
        return Moment.after(self._clock, max(0.0, wall_s - self._clock.wall_s()))

    def _hour(self) -> int:
        return int(self._clock.wall_s() // HOUR_S)


def _of_day(key: Key, day: int) -> Key:
    return key._replace(task=hour_start(day * 24).date().isoformat())
