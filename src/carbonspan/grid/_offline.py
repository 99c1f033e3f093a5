# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The rungs that need no network: profile, yearly value of the zone, of the country, mix of the geography."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from carbonspan.core.values import Basis, Quality, Range, product
from carbonspan.grid import _spread as spread
from carbonspan.grid._estimate import Estimate, Yearly, percentile
from carbonspan.grid._mix import HIGH, LOW, mixes
from carbonspan.grid._yearly import cloud_regions, countries, profiles, yearly

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.core.values import Place


def profile(place: Place, basis: Basis, month: int, hour_utc: int) -> Estimate | None:
    """Return the zone's yearly mean times the ratio of this month and hour; `None` but for eight US zones.

    In life-cycle terms alone: the ratios were made with life-cycle factors, and direct emissions swing more. They are
    of generation within the zone, the mean of what is consumed there: `accounting` is the mean's.
    """
    ratios, mean = profiles().get((place.zone, month)), yearly(place.zone, basis)
    if ratios is None or mean is None or basis is not Basis.LIFE_CYCLE:
        return None
    value = mean.g_per_kwh * ratios[hour_utc]
    return Estimate(
        spread.of_a_profile(place.zone).scaled(value),
        place.zone,
        "eia930_profile",
        basis,
        Quality.PROFILE,
        mean.accounting,
        mean.year,
    )


def annual_zone(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the yearly mean of the place's zone, with the spread of a year's hours; `None` where no table has it."""
    mean = yearly(place.zone, basis, place.region) if place.zone else None
    if mean is None:
        return None
    return Estimate(
        spread.of_an_hour(place.zone, basis).scaled(mean.g_per_kwh),
        place.zone,
        mean.source,
        basis,
        Quality.ANNUAL,
        mean.accounting,
        mean.year,
    )


def annual_country(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the yearly mean of the place's country; `None` where only a geography is known.

    Which zone of the country it was is not known, so the bounds take in every zone that holds a cloud region; where
    none does, the usual ratio of a cloud region's zone to its country. The spread of the hours comes on top.
    """
    central = countries().get(place.country)
    if central is None or basis is not Basis.LIFE_CYCLE or place.region == place.geography:
        return None
    zones = [mean.g_per_kwh for mean in _zones_of(place.country)]
    own = Range(min([central, *zones]), central, max([central, *zones]))
    where = own if zones else _zone_to_country().scaled(central)
    return Estimate(
        product(where, spread.of_an_hour("")),
        place.country,
        "owid_ember",
        basis,
        Quality.ANNUAL,
        "production",
        "latest",
    )


def _zones_of(country: str) -> list[Yearly]:
    means = [yearly(region.zone, Basis.LIFE_CYCLE) for region in cloud_regions().values() if region.country == country]
    return [mean for mean in means if mean is not None]


@cache
def _zone_to_country() -> Range:
    ratios = [mean.g_per_kwh / central for name, central in countries().items() for mean in _zones_of(name)]
    return Range(min(1.0, percentile(ratios, LOW)), 1.0, max(1.0, percentile(ratios, HIGH)))


def mix(place: Place, basis: Basis, _month: int = 0, _hour_utc: int = 0) -> Estimate | None:
    """Return the mix of the place's geography, the world's where it has none; `None` in a basis without one."""
    return mixes().get((place.geography, basis)) or mixes().get(("WORLD", basis))


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
    countries()
    _zone_to_country()
    spread.of_a_profile("")
    spread.of_a_stale_hour(1, "", Basis.DIRECT)
