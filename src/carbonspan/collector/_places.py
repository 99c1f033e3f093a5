# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a joule causes at each place that the statements may come to.

A place has a key: a cloud region's id, or `operator|AREA` for a geography or a country on somebody's machines. A region
that opened after this release is known by its prefix (`operator~prefix`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.collector import _profile as profile
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._tables import rows
from carbonspan.core.values import Place
from carbonspan.estimate.footprint import rates
from carbonspan.site import parse_region
from carbonspan.site._facility import site_of
from carbonspan.site._hosts import PRIVATE
from carbonspan.site._places import WORLD, area_place, region_place, tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core._options import Settings
    from carbonspan.grid import Resolver

AREA_OPERATORS = ("", "aws", "gcp", "azure", "openai", "anthropic", "mistral", "xai", "cohere", "deepseek")
"""Whose machines a geography is known on, beside those that the tables name one of."""


class Places(NamedTuple):
    """What is known of places: the table, and which of them a name stands for."""

    by_key: dict[str, Place]

    def add(self, place: Place) -> str:
        """Note a place and return its key."""
        key = key_of(place)
        self.by_key.setdefault(key, place)
        return key


def key_of(place: Place) -> str:
    """Return the key of a place that a setting or a table names."""
    region = tables().regions.get(place.region)
    if region is not None and region.operator == place.operator:
        return place.region
    return f"{place.operator}|{place.region}"


def known(settings: Settings, covered: Iterable[str]) -> Places:
    """Return every place that the statements of `locate` may come to.

    Args:
        settings: `region` and `regions` are read.
        covered: The cloud regions to know, by id.
    """
    places = Places({})
    operators = ["", *dict.fromkeys(row["operator"] for row in rows("sites/providers.csv") if row["operator"])]
    operators += [row["operator"] for row in rows("sites/hosts.csv") if row["operator"] != PRIVATE]
    named = [(row["region"], row["operator"]) for table in ("providers", "hosts") for row in rows(f"sites/{table}.csv")]
    named += [(row["region"], "aws") for row in rows("sites/model_prefixes.csv")]
    named += [(code, operator) for operator in AREA_OPERATORS for code in tables().geographies]
    found = [region_place(region, "", "") for region in covered]
    found += [area_place(area, operator, "") for area, operator in named if area]
    found += [Place(operator, WORLD, "", geography=WORLD) for operator in operators]
    for region in (settings.region, *settings.regions.values()):
        place = parse_region(region) if region else None
        found += [replace(place, operator=place.operator or operator) for operator in operators] if place else []
    for place in found:
        if place is not None:
            places.add(place)
    for owner, prefix, where in tables().region_prefixes:
        near = area_place(where, owner, "")
        if near is not None:
            places.by_key[f"{owner}~{prefix}"] = Place(owner, prefix, "", "", near.country, near.geography)
    return places


def figures(place: Place, resolver: Resolver, hour: int, pue: float | None) -> dict[str, object] | None:
    """Return what a joule at a place in an hour (since 1970, UTC) causes, and the texts of it."""
    intensity = resolver.at(place, hour * NS_PER_HOUR, hour * NS_PER_HOUR)
    if intensity is None:
        return None
    site = site_of(place, pue_override=pue)
    numbers = (*rates(site, intensity).figures, intensity.intensity_g_per_kwh.central, site.pue.central)
    entry: dict[str, object] = {
        "f": [float(value) for value in numbers],
        "t": [place.region, intensity.zone, intensity.source, intensity.quality.value, intensity.basis.value],
    }
    shape = profile.shape(place, intensity, site.pue)
    return entry if shape is None else entry | {"h": shape}
