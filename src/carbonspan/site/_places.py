# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the place tables know: cloud regions, countries, geographies, and the `Place` each name stands for."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Place

WORLD = "WORLD"


class Region(NamedTuple):
    """One cloud region of data/sites/cloud_regions.csv."""

    operator: str
    region: str
    city: str
    country: str  # ISO 3166-1 alpha-3
    zone: str  # Electricity Maps spelling
    zone_alt: str  # the other zone it may lie in; "" where there is no doubt
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
    parent: str
    country: str  # where the geography lies in one country; "" otherwise
    macro_region: str  # as Microsoft reports: Americas, EMEA, Asia Pacific; "" for the world


class Tables(NamedTuple):
    """The place tables, indexed the ways they are asked."""

    regions: dict[str, Region]  # by region id; no two operators share one
    countries: dict[str, Country]  # by alpha-3
    iso3: dict[str, str]  # alpha-2 -> alpha-3
    geographies: dict[str, Geography]
    aliases: dict[str, str]  # other names of geographies, lower case -> code
    operators: dict[str, str]  # names of clouds, lower case -> operator
    region_prefixes: tuple[tuple[str, str, str], ...]  # operator, prefix, name of the geography or country


@cache
def tables() -> Tables:
    """Return the place tables, read on first use and kept."""
    countries = {
        row["iso3"]: Country(row["iso3"], row["iso2"], row["geography"], row["zone"])
        for row in rows("sites/countries.csv")
    }
    geographies = rows("sites/geographies.csv")
    return Tables(
        regions={
            row["region"]: Region(
                row["operator"],
                row["region"],
                row["city"],
                row["country"],
                row["zone"],
                row["zone_alt"],
                countries[row["country"]].geography,
                row["confidence"],
            )
            for row in rows("sites/cloud_regions.csv")
        },
        countries=countries,
        iso3={country.iso2: country.iso3 for country in countries.values()},
        geographies={
            row["code"]: Geography(row["code"], row["parent"], row["country"], row["macro_region"])
            for row in geographies
        },
        aliases={alias: row["code"] for row in geographies for alias in (row["code"].lower(), *row["aliases"].split())},
        operators={row["alias"]: row["operator"] for row in rows("sites/operator_aliases.csv")},
        region_prefixes=tuple(
            (row["operator"], row["prefix"], row["region"]) for row in rows("sites/region_prefixes.csv")
        ),
    )


@cache
def zones() -> frozenset[str]:
    """Return every grid zone that has a yearly value, in Electricity Maps' spelling."""
    return frozenset(row["zone"] for row in rows("electricity_maps_yearly_odbl/yearly.csv"))


def region_id(text: str) -> str:
    """Return a region name as the tables spell it: `Sweden Central` is `swedencentral`."""
    return text.strip().lower().replace(" ", "")


def region_place(text: str, operator: str, method: str) -> Place | None:
    """Return the place of a cloud region; `None` where neither the tables nor the name's prefix know it.

    A region that opened after this release is placed by its prefix (`eu-`, `asia-`): a geography, no zone.
    An id of another operator than the one given is that other operator's: a gateway may sit in between.
    """
    table = tables()
    name = region_id(text)
    found = table.regions.get(name)
    if found is not None:
        return Place(found.operator, name, method, found.zone, found.country, found.geography)
    for owner, prefix, where in table.region_prefixes:
        if name.startswith(prefix) and operator in {owner, ""}:
            near = area_place(where, owner, method)
            return None if near is None else Place(owner, name, method, "", near.country, near.geography)
    return None


def area_place(text: str, operator: str, method: str) -> Place | None:
    """Return the place of a geography (`EU`, `global`) or a country (`GBR`, `USA`); `None` where it is neither."""
    table = tables()
    code = table.aliases.get(text.strip().lower())
    if code is not None:
        return Place(operator, code, method, "", table.geographies[code].country, code)
    country = table.countries.get(text.strip().upper())
    if country is None:
        return None
    if country.iso3 == table.geographies[country.geography].country:
        return Place(operator, country.geography, method, "", country.iso3, country.geography)
    return Place(operator, country.iso3, method, country.zone, country.iso3, country.geography)


def zone_place(zone: str, operator: str, method: str) -> Place | None:
    """Return the place of a grid zone (`US-CAL-CISO`); `None` where no zone has that name."""
    name = zone.strip().upper()
    if name not in zones():
        return None
    iso3 = tables().iso3.get(name.partition("-")[0], "")
    return Place(operator, name, method, name, iso3, tables().countries[iso3].geography if iso3 else WORLD)
