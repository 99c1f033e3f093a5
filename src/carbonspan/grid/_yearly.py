# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Yearly means of zones and countries, and the profiles of a year, as the tables have them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis
from carbonspan.grid._estimate import Yearly

if TYPE_CHECKING:
    from carbonspan.core.values import Place


class CloudRegion(NamedTuple):
    """What the grid needs to know of a cloud region (data/sites/cloud_regions.csv)."""

    operator: str
    zone: str
    zone_alt: str
    country: str
    subregion: str


@cache
def cloud_regions() -> dict[str, CloudRegion]:
    """Return the cloud regions by id; no two operators share one."""
    return {
        row["region"]: CloudRegion(
            row["operator"], row["zone"], row["zone_alt"], row["country"], row["egrid_subregion"]
        )
        for row in rows("sites/cloud_regions.csv")
    }


@cache
def _yearly_zones() -> dict[str, Yearly]:
    return {
        row["zone"]: Yearly(float(row["lifecycle_g_per_kwh"]), "electricity_maps_yearly", "consumption", row["year"])
        for row in rows("electricity_maps_yearly_odbl/yearly.csv")
    }


@cache
def _google() -> dict[str, Yearly]:
    return {
        row["zone"]: Yearly(float(row["direct_g_per_kwh"]), "google_region_2024", "consumption", row["year"])
        for row in rows("grid/google_regions.csv")
    }


@cache
def _egrid() -> dict[str, Yearly]:
    """Return eGRID values by region id, and by zone where all cloud regions of a zone lie in one subregion."""
    rates = {
        row["subregion"]: Yearly(float(row["direct_g_per_kwh"]), "egrid2023", "production", "2023")
        for row in rows("grid/egrid_subregions.csv")
    }
    by_zone: dict[str, set[str]] = {}
    for region in cloud_regions().values():
        by_zone.setdefault(region.zone, set()).add(region.subregion)
    certain = {zone: next(iter(names)) for zone, names in by_zone.items() if len(names) == 1}
    names = {name: region.subregion for name, region in cloud_regions().items()} | certain
    return {name: rates[subregion] for name, subregion in names.items() if subregion}


@cache
def countries() -> dict[str, float]:
    """Return yearly means in g/kWh by ISO 3166-1 alpha-3: life-cycle, production, Our World in Data."""
    return {row["country"]: float(row["lifecycle_g_per_kwh"]) for row in rows("grid/owid_countries.csv")}


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
    """Return the yearly mean of a zone in a basis; `None` where no table has it. The region id tells the subregion."""
    if basis is Basis.LIFE_CYCLE:
        return _yearly_zones().get(zone)
    if basis is Basis.DIRECT:
        return _google().get(zone) or _egrid().get(region) or _egrid().get(zone)
    return None
