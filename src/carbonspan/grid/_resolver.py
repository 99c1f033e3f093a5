# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the carbon intensity of a place over the hours of a span: the best rung that has an answer, in one basis.

The ladder: measured hour, estimated or forecast hour, stale hour, month-hour profile, yearly zone, yearly country,
mix of the geography. The basis is a preference. A live source is there because the user chose it, so it is used in the
basis it has, before any table in the basis that was wished for, and its hour before a stale one in that basis;
`basis_strict` refuses every other basis. All hours of a span are resolved in one basis. Among sources the best rung
wins, and on one rung the source named first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from carbonspan.core._hours import LAST_HOUR, NS_PER_HOUR, hour_start, hours_of, whole_ns
from carbonspan.core.values import Basis, Intensity, Quality, Range
from carbonspan.grid import _bundled as bundled, _spread as spread
from carbonspan.grid._spread import Estimate
from carbonspan.grid._store import HourStore
from carbonspan.grid._yearly import alternative_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbonspan.core.values import Place
    from carbonspan.grid.source import HourValue

STALE_HOURS = 6
"""How old the last known hour may be. Real hours of eight US grids differ by up to 27 % after six hours (95th
percentile, data/grid/stale_spread.csv); from there on a profile or a yearly mean is no worse."""

_CACHE_SIZE = 4096
_QUALITIES = tuple(Quality)


class Resolver:
    """Resolves intensities under one set of settings. Pure but for what the store holds: no clock, no I/O."""

    def __init__(
        self,
        store: HourStore | None = None,
        *,
        sources: Sequence[str] | None = None,
        basis: Basis = Basis.LIFE_CYCLE,
        basis_strict: bool = False,
        stale_hours: int = STALE_HOURS,
        want: Callable[[str, int], None] | None = None,
    ) -> None:
        """Take the settings.

        Args:
            store: hours of live sources; without one only the tables answer.
            sources: names of live sources, the preferred one first; by default all that the store knows.
            basis: the basis wished for.
            basis_strict: whether to return nothing rather than a value in another basis.
            stale_hours: how many hours the last known hour of a live source stays good for; 0 for never.
            want: is told the zone and the hour (since 1970, UTC) of each look-up that found no measured hour. It is
                called on the path of a span, so it may neither raise nor wait.
        """
        self._store = HourStore(capacity=1) if store is None else store
        self._sources = None if sources is None else tuple(sources)
        self._bases = (basis,) if basis_strict else (basis, *(other for other in Basis if other is not basis))
        self._stale_hours = stale_hours
        self._want = want
        self._cache: tuple[int, dict[tuple[int, int], tuple[Place, Intensity | None]]] = (-1, {})
        bundled.load()

    @property
    def store(self) -> HourStore:
        """The hours of live sources that it answers from."""
        return self._store

    @property
    def version(self) -> int:
        """Changes whenever an hour may resolve to another value than before."""
        return self._store.version

    def at(self, place: Place, start_ns: int, end_ns: int) -> Intensity | None:
        """Return the intensity at a place over a span (nanoseconds since 1970, UTC), weighted by its time in each hour.

        `None` only where `basis_strict` refuses what there is. Quality, source and year are those of the worst hour;
        a span of more than a week is weighted over its first week. Times that no date can express count as the nearest
        hour that one can.
        """
        if type(start_ns) is not int or type(end_ns) is not int:
            start_ns = whole_ns(start_ns)
            end_ns = whole_ns(end_ns)
        hour = start_ns // NS_PER_HOUR
        if end_ns > start_ns and (end_ns - 1) // NS_PER_HOUR != hour:
            return self._over(place, hours_of(start_ns, end_ns))
        hour = min(max(hour, 0), LAST_HOUR)
        version, cache = self._cache
        if version != self._store.version:
            # The version is read before anything is derived from the store, and the new cache is a new object: a thread
            # that still computes from the old store writes to the old one.
            version, cache = self._cache = (self._store.version, {})
        # By identity, like the site of a place; the entry holds the place, so that its identity cannot be reused.
        key = (id(place), hour)
        found = cache.get(key)
        if found is not None and found[0] is place:
            return found[1]
        intensity = self._over(place, ((hour, 1.0),))
        if len(cache) >= _CACHE_SIZE:
            cache.clear()
        cache[key] = (place, intensity)
        return intensity

    def _over(self, place: Place, hours: tuple[tuple[int, float], ...]) -> Intensity | None:
        want = self._want
        if want is not None and place.zone:
            for hour, _ in hours:
                if not self._is_measured(place.zone, hour):
                    want(place.zone, hour)
        for basis in self._order(place.zone, hours):
            estimates = [self._estimate(place, hour, basis) for hour, _ in hours]
            known = [estimate for estimate in estimates if estimate is not None]
            if len(known) == len(hours):
                return _weighted(known, hours)
        return None

    def _is_measured(self, zone: str, hour: int) -> bool:
        found = (self._fresh(zone, hour, basis) for basis in self._bases)
        return any(value is not None and value.quality is Quality.MEASURED for value in found)

    def _order(self, zone: str, hours: tuple[tuple[int, float], ...]) -> tuple[Basis, ...]:
        """Return the bases to try: those in which a live source knows any of the hours go first, stale ones behind."""
        if not zone or not len(self._store):
            return self._bases
        fresh = [basis for basis in self._bases if any(self._fresh(zone, hour, basis) for hour, _ in hours)]
        stale = [
            basis
            for basis in self._bases
            if basis not in fresh and any(self._live(zone, hour, basis) is not None for hour, _ in hours)
        ]
        return (*fresh, *stale, *(basis for basis in self._bases if basis not in fresh and basis not in stale))

    def _estimate(self, place: Place, hour: int, basis: Basis) -> Estimate | None:
        found = self._ladder(place, hour, basis)
        other = alternative_zone(place) if found is not None and found.zone == place.zone else ""
        if found is None or not other:
            return found
        second = self._ladder(replace(place, region=other, zone=other), hour, basis)
        if second is None or second.zone != other:
            return found
        value = second.intensity_g_per_kwh.central
        low, central, high = found.intensity_g_per_kwh
        return found._replace(intensity_g_per_kwh=Range(min(low, value), central, max(high, value)))

    def _ladder(self, place: Place, hour: int, basis: Basis) -> Estimate | None:
        found = self._live(place.zone, hour, basis)
        if found is not None:
            return found
        when = hour_start(hour)
        for rung in bundled.RUNGS:
            found = rung(place, basis, when.month, when.hour)
            if found is not None:
                return found
        return None

    def _live(self, zone: str, hour: int, basis: Basis) -> Estimate | None:
        if not zone or not len(self._store):
            return None
        for age in range(self._stale_hours + 1):
            best = self._fresh(zone, hour - age, basis)
            if best is not None:
                return _of_hour(best) if age == 0 else _of_stale_hour(best, age)
        return None

    def _fresh(self, zone: str, hour: int, basis: Basis) -> HourValue | None:
        """Return what is known of this very hour: the best quality, and among equals of the source named first."""
        sources = self._store.sources() if self._sources is None else self._sources
        values = [self._store.get(source, zone, basis, hour) for source in sources]
        known = [value for value in values if value is not None]
        return min(known, key=lambda value: _QUALITIES.index(value.quality)) if known else None


def _of_hour(value: HourValue) -> Estimate:
    factors = spread.MEASURED if value.quality is Quality.MEASURED else spread.ESTIMATED
    return _live_estimate(value, factors, value.quality)


def _of_stale_hour(value: HourValue, age_h: int) -> Estimate:
    return _live_estimate(value, spread.of_a_stale_hour(age_h, value.zone, value.basis), Quality.STALE)


def _live_estimate(value: HourValue, factors: Range, quality: Quality) -> Estimate:
    intensity = factors.scaled(value.intensity_g_per_kwh)
    around = value.around_g_per_kwh
    if around is not None:  # the hours around contradict it: either may be right
        intensity = Range(min(intensity.low, around), intensity.central, max(intensity.high, around))
    return Estimate(
        intensity,
        value.zone,
        value.source,
        value.basis,
        quality,
        value.accounting,
        value.vintage or str(value.hour.year),
    )


def _weighted(estimates: list[Estimate], hours: tuple[tuple[int, float], ...]) -> Intensity:
    worst = max(estimates, key=lambda estimate: _QUALITIES.index(estimate.quality))
    total = estimates[0].intensity_g_per_kwh.scaled(hours[0][1])
    for estimate, (_, share) in zip(estimates[1:], hours[1:], strict=True):
        # Neighbouring hours err alike: their bounds add up.
        total = total.plus(estimate.intensity_g_per_kwh.scaled(share))
    return Intensity(
        total,
        worst.zone,
        hour_start(hours[0][0]),
        worst.source,
        worst.basis,
        worst.quality,
        worst.accounting,
        worst.year,
    )
