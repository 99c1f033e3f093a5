# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics of the live grid: how its sources answer, which intensity is in use, and how old that is.

There are none without a live source. The gauges are states, not flows: they say what a span that ends now would get.
A callback reads memory and asks nobody.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from opentelemetry import metrics as api

from carbonspan.core._fork import renew_in_child
from carbonspan.telemetry._contract import AGE, BASIS, INTENSITY, OUTCOME, QUALITY, REFRESHES, SOURCE, ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from carbonspan.core.values import Intensity

MAX_ZONES = 200
"""Zones that have gauges; an application that sees more has its first ones in alphabetical order."""

OUTCOMES = frozenset(
    {"ok", "empty", "implausible", "error", "unauthorised", "not_covered", "rate_limited", "unavailable", "bad_answer"}
)
OTHER = "other"  # a source of one's own may name its errors as it likes


class InUse(Protocol):
    """The intensity of one zone."""

    @property
    def zone(self) -> str:
        """The zone."""
        ...

    @property
    def intensity(self) -> Intensity:
        """What a span gets that ends now."""
        ...

    @property
    def age_s(self) -> float | None:
        """Seconds since the live hour was fetched; `None` where a table answers."""
        ...


class Grid(Protocol):
    """What is watched: the live grid."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        ...

    def refreshes(self) -> Mapping[tuple[str, str], int]:
        """Return how often each source had each outcome."""
        ...

    def in_use(self) -> Sequence[InUse]:
        """Return what a span that ends now gets, by zone."""
        ...


class _Watched(NamedTuple):
    grids: dict[int, Grid]  # by identity
    ended: Counter[tuple[str, str]]  # what closed grids had counted: a counter does not go back


class GridMetrics:
    """The instruments of one meter provider, and the grids they report: none of them once it is closed."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._renew()
        renew_in_child(self._after_fork)

    def _renew(self, grids: dict[int, Grid] | None = None) -> None:
        self._lock = threading.RLock()  # a signal handler may end a processor while a reader collects
        self._watched = _Watched(grids or {}, Counter())

    def _after_fork(self) -> None:
        self._renew(self._watched.grids)  # the grids start anew in the child: what ended was the parent's

    def create(self, meter: Meter) -> None:
        """Make the instruments."""
        meter.create_observable_counter(REFRESHES.name, [self._refreshes], REFRESHES.unit, REFRESHES.meaning)
        meter.create_observable_gauge(AGE.name, [self._ages], AGE.unit, AGE.meaning)
        meter.create_observable_gauge(INTENSITY.name, [self._intensities], INTENSITY.unit, INTENSITY.meaning)

    def watch(self, grid: Grid) -> None:
        """Report a grid until it is closed; one that is watched already is not watched twice."""
        with self._lock:
            self._open()
            self._watched.grids[id(grid)] = grid

    def _open(self) -> list[Grid]:
        """Return the grids that are not closed; of the others nothing stays but what they counted."""
        with self._lock:
            for key, grid in tuple(self._watched.grids.items()):
                if grid.closed:
                    del self._watched.grids[key]
                    self._watched.ended.update(grid.refreshes())
            return list(self._watched.grids.values())

    def _refreshes(self, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = Counter[tuple[str, str]]()
            for grid in self._open():
                counts.update(grid.refreshes())
            counts.update(self._watched.ended)
        known: Counter[tuple[str, str]] = Counter()
        for (source, outcome), count in counts.items():
            known[source, outcome if outcome in OUTCOMES else OTHER] += count
        return [
            api.Observation(count, {SOURCE: source, OUTCOME: outcome}) for (source, outcome), count in known.items()
        ]

    def _ages(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            api.Observation(used.age_s, {SOURCE: used.intensity.source, ZONE: used.zone})
            for used in self._in_use()
            if used.age_s is not None
        ]

    def _intensities(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            api.Observation(
                used.intensity.intensity_g_per_kwh.central,
                {
                    ZONE: used.zone,
                    SOURCE: used.intensity.source,
                    BASIS: used.intensity.basis.value,
                    QUALITY: used.intensity.quality.value,
                },
            )
            for used in self._in_use()
        ]

    def _in_use(self) -> list[InUse]:
        found = [used for grid in self._open() for used in grid.in_use()]
        zones = frozenset(sorted({used.zone for used in found})[:MAX_ZONES])
        return [used for used in found if used.zone in zones]
