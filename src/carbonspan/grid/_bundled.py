# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What needs no network: profile, yearly value of the zone, of the country, mix of the geography, and their sources."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from carbonspan.core._regions import WORLD, cloud_regions
from carbonspan.core.values import Basis, Quality, Range, product
from carbonspan.grid import _spread as spread
from carbonspan.grid._mix import HIGH, LOW, mix_sources, mixes
from carbonspan.grid._spread import Estimate, percentile
from carbonspan.grid._yearly import SourceInfo, Yearly, country_means, profiles, sources, yearly

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.core.values import Place


def bundled_sources() -> tuple[SourceInfo, ...]:
    """Return every bundled source, then every mix: title, year, basis, accounting, licence, address.

    Every `Intensity.source` that needs no network is among them.
    """
    return (*sources().values(), *mix_sources())


def profile(place: Place, basis: Basis, month: int, hour_utc: int) -> Estimate | None:
    """Return the zone's yearly mean times the ratio of this month and hour; `None` but for eight US zones.

    Only in life-cycle terms: the ratios were made with life-cycle factors, and direct emissions swing more. They are
    of generation within the zone, the mean of what is consumed there: `accounting` is the mean's.
    """
    ratios, mean = profiles().get((place.zone, month)), yearly(place.zone, basis)
    if ratios is None or mean is None or basis is not Basis.LIFE_CYCLE:
        return None
    intensity = spread.of_a_profile(place.zone).scaled(mean.g_per_kwh * ratios[hour_utc])
    return Estimate(intensity, place.zone, "eia930_profile", basis, Quality.PROFILE, mean.accounting, mean.year)


def annual_zone(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the yearly mean of the place's zone, with the spread of a year's hours; `None` where no table has it."""
    mean = yearly(place.zone, basis, place.region) if place.zone else None
    if mean is None:
        return None
    intensity = spread.of_an_hour(place.zone, basis).scaled(mean.g_per_kwh)
    return Estimate(intensity, place.zone, mean.source, basis, Quality.ANNUAL, mean.accounting, mean.year)


def annual_country(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the yearly mean of the place's country; `None` where only a geography is known.

    Which zone of the country it was is not known, so the bounds take in every zone that holds a cloud region; where
    none does, the usual ratio of a cloud region's zone to its country. The spread of the hours comes on top.
    """
    mean = country_means().get(place.country)
    if mean is None or basis is not Basis.LIFE_CYCLE or place.region == place.geography:
        return None
    central = mean.g_per_kwh
    zones = [zone.g_per_kwh for zone in _zones_of(place.country)]
    own = Range(min([central, *zones]), central, max([central, *zones]))
    where = own if zones else zone_to_country().scaled(central)
    intensity = product(where, spread.of_an_hour(""))
    return Estimate(intensity, place.country, mean.source, basis, Quality.ANNUAL, mean.accounting, mean.year)


def _zones_of(country: str) -> list[Yearly]:
    means = [yearly(region.zone, Basis.LIFE_CYCLE) for region in cloud_regions().values() if region.country == country]
    return [mean for mean in means if mean is not None]


@cache
def zone_to_country() -> Range:
    """Return the usual ratio of the yearly mean of a cloud region's zone to that of its country."""
    ratios = [
        zone.g_per_kwh / mean.g_per_kwh for country, mean in country_means().items() for zone in _zones_of(country)
    ]
    return Range(min(1.0, percentile(ratios, LOW)), 1.0, max(1.0, percentile(ratios, HIGH)))


def mix(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the mix of the place's geography, the world's where it has none; `None` in a basis without one."""
    return mixes().get((place.geography, basis)) or mixes().get((WORLD, basis))


RUNGS: tuple[Callable[[Place, Basis, int, int], Estimate | None], ...] = (
    profile,
    annual_zone,
    annual_country,
    mix,
)
"""Best first."""


def load() -> None:
    """Read every table now, so that no span has to."""
    mixes()
    profiles()
    zone_to_country()
    spread.load()
