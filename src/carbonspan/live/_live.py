# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The live grid: the selected sources, what they delivered, and what keeps that fresh. One for equal settings."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbonspan.core._fork import renew_in_child
from carbonspan.core._hours import hour_start
from carbonspan.core.values import Basis
from carbonspan.grid._store import HourStore
from carbonspan.live._clock import Clock
from carbonspan.live._fetcher import HOURS_A_DAY, PRESENT_HOURS
from carbonspan.live._forecast import Forecasts
from carbonspan.live._in_use import Present
from carbonspan.live._refresher import MAX_WANTS, PRESENT, Refresher
from carbonspan.live._selection import make_sources
from carbonspan.live._status import TIMEOUT_S, GridReport, SeriesStatus, status_of
from carbonspan.live.cache._cache import HourCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from carbonspan.core.values import Place
    from carbonspan.live._in_use import InUse
    from carbonspan.live._selection import SelectedSource
    from carbonspan.live.cache._cache import Key

_log = logging.getLogger("carbonspan")

CLOSE_S = 0.5
"""How long `close` waits for the threads: a request in flight may take longer, and ends by itself."""

_NOTED_S = 60.0  # a want that is repeated within this time is passed on once


class LiveGrid:
    """Sources, store, cache and refreshers. Made by `open_grid`; `close` it as often as it was opened."""

    def __init__(
        self,
        sources: Sequence[SelectedSource],
        *,
        place_of: Callable[[str], Place],
        basis: Basis = Basis.LIFE_CYCLE,
        basis_strict: bool = False,
        cache_path: Path | None = None,
        clock: Clock | None = None,
        capacity: int = 50_000,
        threaded: bool = True,
    ) -> None:
        """Take the sources, the preferred one first.

        Args:
            sources: what was selected.
            place_of: returns the place that a setting names; raises `ValueError` for a name that it does not know.
            basis: the preferred basis. Marginal hours are fetched only where it is marginal.
            basis_strict: whether other bases are left alone.
            cache_path: the file that the processes of a host share; `None` for only memory.
            clock: the time.
            capacity: hours in memory.
            threaded: whether hours are fetched in the background; without it, call `step` of each refresher.
        """
        clock = clock or Clock()
        self.store = HourStore(capacity=capacity)
        self.names = tuple(item.source.name for item in sources)
        self._clock = clock
        self._place_of = place_of
        self._shared = HourCache(cache_path, clock=clock)
        self._private = HourCache(None, clock=clock)
        self.refreshers = tuple(
            Refresher(
                item.source,
                origin=item.origin,
                bases=bases(basis, strict=basis_strict),
                store=self.store,
                cache=self._shared if item.shared else self._private,
                clock=clock,
                owned=item.owned,
                threaded=threaded,
            )
            for item in sources
        )
        self._forecasts = Forecasts(
            [(item, self._shared if item.shared else self._private) for item in sources],
            bases(basis, strict=basis_strict),
            self.store,
            clock,
        )
        self._present = Present(
            self.store, self.names, basis=basis, basis_strict=basis_strict, clock=clock, place_of=place_of
        )
        self._noted: tuple[float, dict[tuple[str, int], None]] = (0.0, {})
        self.closed = False
        _grids.add(self)

    def want(self, zone: str, hour: int) -> None:
        """Note that a span found no measured hour (since 1970, UTC). On a span's path: no lock, no wait, no I/O."""
        now_s = self._clock.monotonic_s()
        until, noted = self._noted
        if now_s >= until:
            until, noted = self._noted = (now_s + _NOTED_S, {})
        age_h = self._clock.hour() - hour
        note = (zone, PRESENT if age_h < PRESENT_HOURS else hour // HOURS_A_DAY)
        if note not in noted and len(noted) < MAX_WANTS:
            noted[note] = None
            for refresher in self.refreshers:
                refresher.want(*note)

    def refresh(self, timeout_s: float = TIMEOUT_S) -> GridReport:
        """Bring the zones that spans have wanted up to date, as far as their sources may be asked now; wait for it."""
        return self._refresh(None, timeout_s)

    def prefetch(self, regions: Iterable[str], timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch today's hours of these regions or zones and wait for it: before the first span, and in serverless use.

        Args:
            regions: as the setting `region` takes them (aws:eu-west-2, GB, zone:DE).
            timeout_s: seconds to wait; what is not there by then comes later.

        Raises:
            ValueError: a region is unknown; the message says what is allowed.
        """
        names = [regions] if isinstance(regions, str) else list(regions)
        places = [self._place_of(name) for name in names]
        unserved = [name for name, place in zip(names, places, strict=True) if not place.zone]
        return self._refresh([place.zone for place in places if place.zone], timeout_s, unserved)

    def fetch_forecast(self, region: str, timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch the forecast of a region or zone, where sources have one, and wait for it. Spans do not need it.

        Raises:
            ValueError: the region is unknown; the message says what is allowed.
        """
        return self._forecasts.fetch(self._place_of(region).zone, timeout_s)

    def _refresh(self, zones: list[str] | None, timeout_s: float, unserved: Iterable[str] = ()) -> GridReport:
        events = [refresher.refresh(zones) for refresher in self.refreshers]
        end_s = time.monotonic() + timeout_s
        complete = all(event.wait(max(0.0, end_s - time.monotonic())) for event in events)
        status = self.status()
        known = {row.zone for row in status.series}
        # A source that has not looked yet may still serve a zone.
        missing = [zone for zone in zones or () if zone not in known] if complete else []
        return status._replace(complete=complete, unserved=(*unserved, *dict.fromkeys(missing)))

    def status(self) -> GridReport:
        """Return how each zone of each source is doing. Reads the shared file; not for the path of a span."""
        rows: list[SeriesStatus] = []
        for refresher in self.refreshers:
            rows += [self._status(key, refresher) for key in refresher.series()]
        return GridReport(tuple(rows), complete=True, cache_problem=self._shared.problem)

    def _status(self, key: Key, refresher: Refresher) -> SeriesStatus:
        known = self._known(key)
        return status_of(key, refresher.attempt(key), len(known), hour_start(known[0]) if known else None)

    def _known(self, key: Key) -> list[int]:
        """Return the hours known of the last 24, newest first."""
        now = self._clock.hour()
        hours = range(now, now - PRESENT_HOURS, -1)
        return [hour for hour in hours if any(self.store.get(key.source, key.zone, basis, hour) for basis in Basis)]

    def refreshes(self) -> Mapping[tuple[str, str], int]:
        """Return how often each source had each outcome in this process: (source, outcome) to a count that only grows.

        `implausible` counts outliers: hours that read far off the hours around them. No I/O: for a metric.
        """
        return {
            (refresher.source.name, outcome): count
            for refresher in self.refreshers
            for outcome, count in refresher.counts().items()
        }

    def in_use(self) -> list[InUse]:
        """Return what a span that ends now gets, of each zone that is kept fresh. No I/O: for a metric."""
        return self._present.of(key.zone for refresher in self.refreshers for key in refresher.series())

    def shut(self) -> None:
        """End the threads, within `CLOSE_S` seconds. What was fetched can still be read."""
        self.closed = True
        for refresher in self.refreshers:
            refresher.stop()
        end_s = time.monotonic() + CLOSE_S
        for refresher in self.refreshers:
            refresher.join(max(0.0, end_s - time.monotonic()))

    def close(self) -> None:
        """Give the grid back; the last one to do so ends its threads."""
        with _opening:
            for key, (grid, count) in tuple(_open.items()):
                if grid is self and count > 1:
                    _open[key] = (grid, count - 1)
                    return
                if grid is self:
                    del _open[key]
        self.shut()

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no other thread."""
        self._noted = (0.0, {})
        for refresher in self.refreshers:
            refresher.after_fork()


def bases(basis: Basis, *, strict: bool) -> tuple[Basis, ...]:
    """Return the bases that may be fetched, the preferred one first: marginal hours only where asked for."""
    others = (other for other in (Basis.LIFE_CYCLE, Basis.DIRECT) if other is not basis)
    return (basis,) if strict else (basis, *others)


_open: dict[str, tuple[LiveGrid, int]] = {}
_opening = threading.Lock()
_grids: weakref.WeakSet[LiveGrid] = weakref.WeakSet()


def open_grids() -> tuple[LiveGrid, ...]:
    """Return the grids of this process that are open, each once."""
    return tuple(grid for grid, _ in tuple(_open.values()))


def open_grid(
    items: Sequence[Any],
    options: Mapping[str, Mapping[str, Any]],
    cache: bool | str,  # noqa: FBT001 - a setting's value
    *,
    basis: Basis,
    basis_strict: bool,
    place_of: Callable[[str], Place],
    start: bool = True,
    passed_over: Callable[[str], None] | None = None,
) -> LiveGrid | None:
    """Return the live grid of these settings: the same object for equal settings of one process, until it is closed.

    Args:
        items: sources in order, as from `parse_sources`.
        options: options of each source by its name.
        cache: the path of the shared file; True for the user's cache directory, False for none.
        basis: the preferred basis.
        basis_strict: whether to leave other bases alone.
        place_of: returns the place that a setting names.
        start: whether to make one; else `None` where none is open.
        passed_over: called with the reason why a source is left out; without it, that is raised.

    Raises:
        ValueError: an option of a source is wrong or missing.
    """
    names = [item if isinstance(item, str) else f"{type(item).__qualname__} {id(item)}" for item in items]
    settings = json.dumps([names, options, cache, basis.value, basis_strict], sort_keys=True, default=id)
    key = blake2b(settings.encode()).hexdigest()  # they may hold keys, and this is kept
    with _opening:
        grid, count = _open.get(key, (None, 0))
        if grid is None and not start:
            return None
        if grid is None:
            path = _path(cache)
            sources = make_sources(items, options, os.environ, passed_over)
            grid = LiveGrid(sources, place_of=place_of, basis=basis, basis_strict=basis_strict, cache_path=path)
        _open[key] = (grid, count + 1)
    return grid


def _path(cache: bool | str) -> Path | None:  # noqa: FBT001 - a setting's value
    if cache is True:
        from carbonspan.live.cache._file import default_path  # noqa: PLC0415 - with sqlite3

        return default_path()
    return Path(cache).expanduser() if cache else None


def _renew() -> None:
    global _opening  # noqa: PLW0603 - a lock that another thread of the parent may have held
    _opening = threading.Lock()
    for grid in tuple(_grids):
        grid.after_fork()


renew_in_child(_renew)
