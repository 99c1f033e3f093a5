# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The place that a name stands for: a region's id, a geography, a country, a grid zone, or what a setting says."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._regions import WORLD, cloud_regions, countries, geographies, zones
from carbonspan.core._tables import rows
from carbonspan.core.values import Place
from carbonspan.site._hints import close, did_you_mean, region_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.core._regions import CloudRegion

_ALLOWED = (
    "a cloud region (aws:eu-west-1, eu-west-1, gcp:europe-west4, azure:swedencentral), a grid zone (zone:GB), "
    "a country (GBR) or a geography"
)


class OtherNames(NamedTuple):
    """What else places and operators are called, beside the ids and codes of core/_regions.py."""

    iso3: Mapping[str, str]  # alpha-2 -> alpha-3
    aliases: Mapping[str, str]  # every name of a geography, lower case -> code
    operators: Mapping[str, str]  # every name of a cloud, lower case -> operator
    region_prefixes: tuple[tuple[str, str, str], ...]  # operator, prefix, name of the geography or country


@cache
def other_names() -> OtherNames:
    """Return the names, read on first use and kept."""
    return OtherNames(
        iso3={country.iso2: country.iso3 for country in countries().values()},
        aliases={name: code for code, known in geographies().items() for name in (code.lower(), *known.aliases)},
        operators={row["alias"]: row["operator"] for row in rows("sites/operator_aliases.csv")},
        region_prefixes=tuple(
            (row["operator"], row["prefix"], row["region"]) for row in rows("sites/region_prefixes.csv")
        ),
    )


def region_id(text: str) -> str:
    """Return a region name as the tables spell it: `Sweden Central` is `swedencentral`."""
    return text.strip().lower().replace(" ", "")


def region_place(text: str, operator: str, method: str) -> Place | None:
    """Return the place of a cloud region; `None` where neither the tables nor the name's prefix know it.

    A region that opened after this release is placed by its prefix (`eu-`, `asia-`): a geography, no zone.
    An id of another operator than the one given is that other operator's: a gateway may sit in between.
    """
    name = region_id(text)
    found = cloud_regions().get(name)
    if found is not None:
        return place_of(found, method)
    for owner, prefix, where in other_names().region_prefixes:
        if name.startswith(prefix) and operator in {owner, ""}:
            near = area_place(where, owner, method)
            return None if near is None else Place(owner, name, method, "", near.country, near.geography)
    return None


def place_of(region: CloudRegion, method: str) -> Place:
    """Return the place of a cloud region of the tables."""
    return Place(region.operator, region.id, method, region.zone, region.country, region.geography)


def area_place(text: str, operator: str, method: str) -> Place | None:
    """Return the place of a geography (`EU`, `global`) or a country (`GBR`, `USA`); `None` where it is neither."""
    code = other_names().aliases.get(text.strip().lower())
    if code is not None:
        return Place(operator, code, method, "", geographies()[code].country, code)
    country = countries().get(text.strip().upper())
    if country is None:
        return None
    if country.iso3 == geographies()[country.geography].country:
        return Place(operator, country.geography, method, "", country.iso3, country.geography)
    return Place(operator, country.iso3, method, country.zone, country.iso3, country.geography)


def zone_place(zone: str, operator: str, method: str) -> Place | None:
    """Return the place of a grid zone (`US-CAL-CISO`); `None` where no zone has that name."""
    name = zone.strip().upper()
    if name not in zones():
        return None
    iso3 = other_names().iso3.get(name.partition("-")[0], "")
    return Place(operator, name, method, name, iso3, countries()[iso3].geography if iso3 else WORLD)


def parse_region(text: str) -> Place:
    """Return the place that a setting names; its `method` is `setting`.

    Accepted: `operator:region`, a bare region id, `zone:NAME`, a country (ISO 3166-1 alpha-3 or alpha-2), a geography
    (US, EU, APAC, WORLD, ...) and a bare zone. An operator, which only a region id implies, may stand before a country,
    a zone or a geography too: `azure:EU`.

    Raises:
        ValueError: nothing has that name; the message gives the value, what is allowed, and near matches.
    """
    if not isinstance(text, str):
        raise TypeError(f"a region is text, not {text!r}; allowed: {_ALLOWED}")  # configuration files give anything
    names = other_names()
    head, separator, tail = text.strip().partition(":")
    operator = ""
    name = text.strip()
    if separator:
        if head.lower() == "zone":
            place = zone_place(tail, "", "setting")
            if place is None:
                other = _known(tail.strip(), "")
                hint = did_you_mean([tail.strip()]) if other else region_hint(tail, "", ())
                raise ValueError(_refusal(text, hint))
            return place
        operator = names.operators.get(head.lower(), "")
        name = tail.strip()
        if not operator:
            raise ValueError(_refusal(text, did_you_mean(close(head.lower(), [*names.operators, "zone"]))))
    place = _known(name, operator)
    if place is None:
        raise ValueError(_refusal(text, region_hint(name, operator, names.aliases)))
    return place


def _known(name: str, operator: str) -> Place | None:
    area = area_place(name, operator, "setting")
    if area is not None:
        return area
    region = cloud_regions().get(region_id(name))
    if region is not None:
        return place_of(region, "setting") if operator in {"", region.operator} else None
    zone = zone_place(name, operator, "setting")
    return zone or area_place(other_names().iso3.get(name.upper(), ""), operator, "setting")


def _refusal(text: str, hint: str) -> str:
    # The hint comes first: a log line ends after some hundred characters.
    return f"unknown region {text!r}{hint or ':'} allowed are {_ALLOWED} ({', '.join(sorted(geographies()))})"


def load() -> None:
    """Read now every table that a span's attributes are looked up in."""
    cloud_regions()
    other_names()
