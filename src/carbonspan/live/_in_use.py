# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span that ends now gets, zone by zone: for metrics. Reads only memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.grid._resolver import STALE_HOURS, Resolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from carbonspan.core.values import Basis, Intensity, Place
    from carbonspan.grid._store import HourStore
    from carbonspan.live._clock import Clock


class InUse(NamedTuple):
    """The intensity of one zone."""

    zone: str
    intensity: Intensity
    age_s: float | None  # since the live hour was fetched; `None` where a table answers


class Present:
    """Resolves the present hour of zones as spans do, without asking for it."""

    def __init__(
        self,
        store: HourStore,
        sources: Sequence[str],
        *,
        basis: Basis,
        basis_strict: bool,
        clock: Clock,
        place_of: Callable[[str], Place],
    ) -> None:
        """Take what spans are answered from, the time, and what returns the place that `zone:GB` names."""
        self._store = store
        self._sources = sources
        self._resolver = Resolver(store, sources=sources, basis=basis, basis_strict=basis_strict)
        self._clock = clock
        self._place_of = place_of
        self._places: dict[str, Place] = {}  # one object a zone: the resolver knows places by identity

    def of(self, zones: Iterable[str]) -> list[InUse]:
        """Return what is in use in these zones; a zone where `basis_strict` refuses all there is has nothing."""
        now_s = self._clock.wall_s()
        hour = self._clock.hour()
        found = []
        for zone in sorted(set(zones)):
            place = self._place(zone)
            intensity = self._resolver.at(place, hour * NS_PER_HOUR, hour * NS_PER_HOUR)
            if intensity is not None:
                found.append(InUse(zone, intensity, self._age_s(intensity, zone, hour, now_s)))
        return found

    def _place(self, zone: str) -> Place:
        place = self._places.get(zone)
        if place is None:
            place = self._places[zone] = self._place_of(f"zone:{zone}")
        return place

    def _age_s(self, intensity: Intensity, zone: str, hour: int, now_s: float) -> float | None:
        if intensity.source not in self._sources:
            return None
        hours = range(hour, hour - STALE_HOURS - 1, -1)
        values = (self._store.get(intensity.source, zone, intensity.basis, each) for each in hours)
        fetched = (value.fetched_at.timestamp() for value in values if value is not None)
        return max(0.0, now_s - next(fetched, now_s))
