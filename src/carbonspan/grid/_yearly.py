# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the tables say of a year: means of zones and countries, the profile of the hours, and whose figures they are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._regions import cloud_regions, zones
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis

if TYPE_CHECKING:
    from carbonspan.core.values import Place


class SourceInfo(NamedTuple):
    """One bundled source, or one mix derived from some of them."""

    id: str  # as in `Intensity.source`; the mix of a geography in two bases has one id
    title: str
    year: str
    basis: Basis
    accounting: str
    licence: str
    url: str
    note: str


class Yearly(NamedTuple):
    """A yearly mean, with where it is from."""

    g_per_kwh: float
    source: str  # an id of `sources`
    accounting: str
    year: str


@cache
def sources() -> dict[str, SourceInfo]:
    """Return the bundled sources by id: data/grid/sources.csv."""
    return {
        row["id"]: SourceInfo(
            row["id"],
            row["title"],
            row["year"],
            Basis(row["basis"]),
            row["accounting"],
            row["licence"],
            row["url"],
            row["note"],
        )
        for row in rows("grid/sources.csv")
    }


def of_source(g_per_kwh: float, source: str, year: str = "") -> Yearly:
    """Return a mean that a bundled source gives; by default of the source's year."""
    about = sources()[source]
    return Yearly(g_per_kwh, source, about.accounting, year or about.year)


@cache
def _life_cycle() -> dict[str, Yearly]:
    source = "electricity_maps_yearly"
    return {name: of_source(zone.lifecycle_g_per_kwh, source, zone.year) for name, zone in zones().items()}


@cache
def direct_means() -> dict[str, Yearly]:
    """Return direct means by zone: Google's, which agree with those of Electricity Maps."""
    source = "google_region_2024"
    return {
        row["zone"]: of_source(float(row["direct_g_per_kwh"]), source, row["year"])
        for row in rows("grid/google_regions.csv")
    }


@cache
def _egrid() -> dict[str, Yearly]:
    """Return eGRID values by region id, and by zone where all cloud regions of a zone lie in one subregion."""
    rates = {
        row["subregion"]: of_source(float(row["direct_g_per_kwh"]), "egrid2023")
        for row in rows("grid/egrid_subregions.csv")
    }
    by_zone: dict[str, set[str]] = {}
    for region in cloud_regions().values():
        by_zone.setdefault(region.zone, set()).add(region.egrid_subregion)
    certain = {zone: next(iter(names)) for zone, names in by_zone.items() if len(names) == 1}
    names = {name: region.egrid_subregion for name, region in cloud_regions().items()} | certain
    return {name: rates[subregion] for name, subregion in names.items() if subregion}


@cache
def country_means() -> dict[str, Yearly]:
    """Return means by ISO 3166-1 alpha-3 code: life-cycle, production, Our World in Data."""
    return {
        row["country"]: of_source(float(row["lifecycle_g_per_kwh"]), "owid_ember")
        for row in rows("grid/owid_countries.csv")
    }


@cache
def profiles() -> dict[tuple[str, int], tuple[float, ...]]:
    """Return ratios to the yearly mean by zone and month, one for each UTC hour."""
    return {
        (row["zone"], int(row["month"])): tuple(float(row[f"h{hour:02d}"]) for hour in range(24))
        for row in rows("grid/eia930_profile.csv")
    }


def alternative_zone(place: Place) -> str:
    """Return the other zone that a region may lie in; `""` where there is no doubt."""
    region = cloud_regions().get(place.region)
    return region.zone_alt if region is not None and region.zone == place.zone else ""


def yearly(zone: str, basis: Basis, region: str = "") -> Yearly | None:
    """Return the yearly mean of a zone in a basis; `None` where no table has it.

    Args:
        zone: grid zone, Electricity Maps spelling.
        basis: no table is marginal.
        region: the cloud region's id, which implies the eGRID subregion where the zone does not.
    """
    if basis is Basis.LIFE_CYCLE:
        return _life_cycle().get(zone)
    if basis is Basis.DIRECT:
        return direct_means().get(zone) or _egrid().get(region) or _egrid().get(zone)
    return None
