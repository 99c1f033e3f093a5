# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the hours of one source fresh, in a thread of its own: a source that hangs holds up no other.

What spans want comes in through `want`, which waits for nothing. Everything that touches the network or the file is
done by the thread; `step` is all it does, and may be called without one.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.live._clock import HOUR_S, Clock, Moment
from carbonspan.live._fetcher import Fetcher, of_day_key
from carbonspan.live.cache._cache import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from carbonspan.core.values import Basis
    from carbonspan.grid._store import HourStore
    from carbonspan.grid.source import GridSource
    from carbonspan.live._backoff import Attempt
    from carbonspan.live.cache._cache import Claim, HourCache

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
"""Days of the past in one request: what Electricity Maps takes (docs/how-to/grid.md)."""

PAST_GAP_S = 1.0  # between requests for the past: there is no hurry

_SPREAD_S = 5.0  # processes of a host wake up one after the other: the first one asks, the others read


class Waiter(NamedTuple):
    """Somebody who waits for zones, and what is set when all of them were looked at."""

    zones: set[str] | None  # None: all that are wanted
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
        threaded: bool = True,
    ) -> None:
        """Take the source, and where its hours go.

        Args:
            source: what is asked.
            origin: its name in the shared file.
            bases: the bases that may be used, the preferred one first; a zone gets the first that the source serves.
            store: what spans read.
            cache: what processes share.
            clock: the time.
            owned: whether to close the source at the end.
            threaded: whether to start a thread when something is wanted; without it, call `step`.
        """
        self.source = source
        self.origin = origin
        self._bases = bases
        self._cache = cache
        self._clock = clock or Clock()
        self._owned = owned
        self._threaded = threaded
        self._random = random.Random()
        self._fetcher = Fetcher(source, bases, store, cache, self._clock)
        self._zones: dict[str, _Zone] = {}
        self._waiters: list[Waiter] = []
        self._queue: queue.SimpleQueue[tuple[str, int] | Waiter | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopped = False

    def want(self, zone: str, day: int) -> None:
        """Note that a span wants an hour of today (`PRESENT`) or of a day of the past. Never waits."""
        if self._queue.qsize() < MAX_WANTS:
            # A SimpleQueue may be put to from a signal handler that interrupts a put, unlike an Event.
            self._queue.put((zone, day))
            if self._thread is None:
                self._start()

    def refresh(self, zones: Iterable[str] | None) -> threading.Event:
        """Have these zones looked at now, by default all that are wanted; the event is set when that is done."""
        waiter = Waiter(None if zones is None else set(zones), threading.Event())
        self._queue.put(waiter)
        self._start()
        if self._stopped:
            waiter.done.set()
        return waiter.done

    def is_running(self) -> bool:
        """Return whether its thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def counts(self) -> Mapping[str, int]:
        """Return how many requests had each outcome."""
        return self._fetcher.counts()

    def attempt(self, key: Key) -> Attempt:
        """Return the last request for a series, of any process."""
        return self._cache.attempt(key)

    def series(self) -> tuple[Key, ...]:
        """Return what is kept fresh: zone and basis."""
        return tuple(zone.key for zone in tuple(self._zones.values()))

    def stop(self) -> None:
        """Have the thread end after the request in flight."""
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
        self._zones, self._waiters = {}, []
        self._fetcher.after_fork()
        self._random.seed()  # or all children of one parent would wake up together

    def _start(self) -> None:
        if self._stopped or not self._threaded or self._thread is not None:
            return
        if not self._starting.acquire(blocking=False):
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
                    self._receive(self._queue.get(timeout=max(0.001, min(wait_s, POLL_S))))
                wait_s = self.step()
            except BaseException as error:  # noqa: BLE001, PERF203 - a user's function may raise SystemExit, too
                _log.warning("carbonspan: grid refresh of %s: %s", self.source.name, type(error).__qualname__)
                wait_s = POLL_S
        self._notify()
        self._close_source()

    def _close_source(self) -> None:
        if self._owned:
            self.source.close()

    def step(self) -> float:
        """Do all that is due, and return how many seconds it is until something is."""
        while not self._queue.empty():
            self._receive(self._queue.get())
        for name, zone in tuple(self._zones.items()):
            if self._stopped:
                break
            if zone.wanted_s <= self._clock.monotonic_s() and not zone.days:
                del self._zones[name]
                continue
            if not zone.due.left_s(self._clock):
                self._look_at(zone)
            if zone.days and not zone.past_due.left_s(self._clock) and not self._stopped:
                self._fetch_past(zone)
        self._notify()
        return min((self._left_s(zone) for zone in self._zones.values()), default=POLL_S)

    def _left_s(self, zone: _Zone) -> float:
        left_s = zone.due.left_s(self._clock)
        return min(left_s, zone.past_due.left_s(self._clock)) if zone.days else left_s

    def _receive(self, item: tuple[str, int] | Waiter | None) -> None:
        if item is None:
            return
        if isinstance(item, Waiter):
            names = set(self._zones) if item.zones is None else item.zones
            for known in filter(None, map(self._zone, names)):
                known.due = Moment.after(self._clock, 0.0)
            self._waiters.append(Waiter(names, item.done))
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
        # Asked anew with each want: a plan, or a file of the user's own, may come to have a zone.
        try:
            return next((basis for basis in self._bases if self.source.serves(name, basis)), None)
        except Exception as error:  # noqa: BLE001 - a source of the user's own may raise anything
            _log.debug(
                "carbonspan: %s does not say whether it serves %s: %s",
                self.source.name,
                name,
                type(error).__qualname__,
            )
            return None

    def _notify(self) -> None:
        """End the wait of those of whose zones none is still due."""
        for waiter in tuple(self._waiters):
            zones = [self._zones[name] for name in waiter.zones or () if name in self._zones]
            if self._stopped or all(zone.loaded_s >= 0 and zone.due.left_s(self._clock) > 1.0 for zone in zones):
                self._waiters.remove(waiter)
                waiter.done.set()

    def _look_at(self, zone: _Zone) -> None:
        if zone.loaded_s < 0:  # first sight: what other processes have fetched, and before them earlier ones
            self._fetcher.load_present(zone.key)
        claim = self._cache.claim(zone.key)
        if claim.holder is None:
            self._follow(zone, claim)
            return
        attempt = self._fetcher.present(zone.key, claim)
        zone.loaded_s = attempt.success_s
        zone.due = self._at(attempt.next_s)

    def _follow(self, zone: _Zone, claim: Claim) -> None:
        """Take over what another process has fetched, or come back when it has."""
        if claim.wait_s:
            zone.due = Moment.after(self._clock, claim.wait_s)
            return
        if claim.attempt.success_s > zone.loaded_s:
            self._fetcher.load_present(zone.key)
        zone.loaded_s = claim.attempt.success_s
        zone.due = self._at(claim.attempt.next_s + self._random.uniform(0.0, _SPREAD_S))

    def _fetch_past(self, zone: _Zone) -> None:
        """Ask for the first days in a row that are wanted and not in the file."""
        reach = self._fetcher.reach()
        claims: dict[int, Claim] = {}
        for day in sorted(zone.days):
            if claims and (day != max(claims) + 1 or len(claims) >= DAYS_AT_ONCE):
                break
            if (day + 1) * 24 > reach and not self._fetcher.is_whole(zone.key, day):
                claim = self._cache.claim(of_day_key(zone.key, day))
                if claim.holder is not None:
                    claims[day] = claim
                elif claims or claim.wait_s:
                    break  # later; where another process is asking, its answer comes with the file
            zone.days.pop(day)
        wait_s = self._fetcher.past(zone.key, claims) if claims else 0.0
        zone.past_due = Moment.after(self._clock, max(wait_s, PAST_GAP_S))

    def _at(self, wall_s: float) -> Moment:
        return Moment.after(self._clock, max(0.0, wall_s - self._clock.wall_s()))
