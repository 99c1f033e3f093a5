# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Cloud regions, countries, geographies and grid zones: the tables in which both site and grid look places up.

Each is read once in a process, on first use. Which place a call ran at is decided in `site`, what its electricity emits
in `grid`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

WORLD = "WORLD"
"""The geography of a call that may have run anywhere."""


class CloudRegion(NamedTuple):
    """One cloud region of data/sites/cloud_regions.csv."""

    operator: str
    id: str
    city: str
    country: str  # ISO 3166-1 alpha-3
    zone: str  # Electricity Maps spelling
    zone_alt: str  # the other zone it may lie in; "" where there is no doubt
    egrid_subregion: str  # of the US EPA's eGRID; "" outside the United States
    geography: str
    confidence: str  # of the zone: high, medium, low


class Country(NamedTuple):
    """One country of data/sites/countries.csv."""

    iso3: str
    iso2: str
    geography: str
    zone: str  # where one grid zone serves the whole country; "" otherwise


class Geography(NamedTuple):
    """One geography of data/sites/geographies.csv."""

    code: str
    name: str
    aliases: tuple[str, ...]  # other names, lower case
    parent: str  # the wider one; "" where there is none
    country: str  # where the geography lies in one country; "" otherwise
    members: str  # `operator:prefix` where the region id decides which regions belong to it; "" where the country does
    macro_region: str  # as Microsoft reports: Americas, EMEA, Asia Pacific; "" for the world


class Zone(NamedTuple):
    """One grid zone of data/electricity_maps_yearly_odbl/yearly.csv."""

    lifecycle_g_per_kwh: float  # mean of the year, consumption
    year: str


@cache
def cloud_regions() -> Mapping[str, CloudRegion]:
    """Return the cloud regions by id; no two operators share one."""
    return {
        row["region"]: CloudRegion(
            row["operator"],
            row["region"],
            row["city"],
            row["country"],
            row["zone"],
            row["zone_alt"],
            row["egrid_subregion"],
            countries()[row["country"]].geography,
            row["confidence"],
        )
        for row in rows("sites/cloud_regions.csv")
    }


@cache
def countries() -> Mapping[str, Country]:
    """Return the countries by ISO 3166-1 alpha-3 code."""
    return {
        row["iso3"]: Country(row["iso3"], row["iso2"], row["geography"], row["zone"])
        for row in rows("sites/countries.csv")
    }


@cache
def geographies() -> Mapping[str, Geography]:
    """Return the geographies by code."""
    return {
        row["code"]: Geography(
            row["code"],
            row["name"],
            tuple(row["aliases"].split()),
            row["parent"],
            row["country"],
            row["members"],
            row["macro_region"],
        )
        for row in rows("sites/geographies.csv")
    }


@cache
def zones() -> Mapping[str, Zone]:
    """Return every grid zone that has a yearly value, by its name in Electricity Maps' spelling."""
    return {
        row["zone"]: Zone(float(row["lifecycle_g_per_kwh"]), row["year"])
        for row in rows("electricity_maps_yearly_odbl/yearly.csv")
    }
