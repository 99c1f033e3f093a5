# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a joule causes at each place that the statements may come to, as tables: in any hour, and in known ones.

A place has a key: a cloud region's id, or `operator|AREA` for a geography or a country on somebody's machines. A region
that opened after this release is known by its prefix (`operator~prefix`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._regions import WORLD, cloud_regions, geographies
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Place, Quality, log_widths
from carbonspan.estimate.footprint import rates
from carbonspan.grid import _spread as spread
from carbonspan.grid._yearly import alternative_zone, profiles, yearly
from carbonspan.site import parse_region
from carbonspan.site._facility import site_of
from carbonspan.site._hosts import PRIVATE
from carbonspan.site._places import area_place, other_names, region_place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core._options import Settings
    from carbonspan.core.values import Intensity, Range
    from carbonspan.grid._resolver import Resolver

AREA_OPERATORS = ("", "aws", "gcp", "azure", "openai", "anthropic", "mistral", "xai", "cohere", "deepseek")
"""Operators on whose machines any geography is known; of others only those that the tables name."""

FIGURES = ("g", "g_below", "g_above", "wh", "wh_below", "wh_above", "operational", "embodied", "water", "grid", "pue")
"""What is under `f` in a place's entry: the nine `Rates.figures`, the grid's intensity (g/kWh) and the PUE."""


class Places(NamedTuple):
    """What statements look places up in."""

    by_key: dict[str, Place]
    figures: dict[str, object]  # by the place's key
    hours: dict[str, object]  # by `key@hour`, hours since 1970


def key_of(place: Place) -> str:
    """Return the key of a place that a setting or a table names."""
    region = cloud_regions().get(place.region)
    if region is not None and region.operator == place.operator:
        return place.region
    return f"{place.operator}|{place.region}"


def places(settings: Settings, resolver: Resolver, covered: Iterable[str], hours: range) -> Places:
    """Return the tables of places under these settings.

    Args:
        settings: The processor's own.
        resolver: The grid, with what live sources delivered.
        covered: The cloud regions to know, by id.
        hours: Those to know one by one, since 1970; of others a place has its yearly figure, as it ships.
    """
    by_key = _known(settings, covered)
    always: dict[str, object] = {}
    by_hour: dict[str, object] = {}
    for key, place in by_key.items():
        entry = figures(place, resolver, 0, settings.pue)
        if entry is not None:
            always[key] = entry
        if place.zone:
            by_hour |= _hours(key, place, resolver, settings, hours)
    return Places(by_key, always, by_hour)


def _known(settings: Settings, covered: Iterable[str]) -> dict[str, Place]:
    """Return every place that the statements of `_location` may come to, by its key."""
    operators = ["", *dict.fromkeys(row["operator"] for row in rows("sites/providers.csv") if row["operator"])]
    operators += [row["operator"] for row in rows("sites/hosts.csv") if row["operator"] != PRIVATE]
    named = [(row["region"], row["operator"]) for table in ("providers", "hosts") for row in rows(f"sites/{table}.csv")]
    named += [(row["region"], "aws") for row in rows("sites/model_prefixes.csv")]
    named += [(code, operator) for operator in AREA_OPERATORS for code in geographies()]
    found = [region_place(region, "", "") for region in covered]
    found += [area_place(area, operator, "") for area, operator in named if area]
    found += [Place(operator, WORLD, "", geography=WORLD) for operator in operators]
    for region in (settings.region, *settings.regions.values()):
        place = parse_region(region) if region else None
        found += [replace(place, operator=place.operator or operator) for operator in operators] if place else []
    by_key: dict[str, Place] = {}
    for place in found:
        if place is not None:
            by_key.setdefault(key_of(place), place)
    for operator, prefix, where in other_names().region_prefixes:
        near = area_place(where, operator, "")
        if near is not None:
            by_key[f"{operator}~{prefix}"] = Place(operator, prefix, "", "", near.country, near.geography)
    return by_key


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
    profile = _profile(place, intensity, site.pue)
    return entry if profile is None else entry | {"h": profile}


def _hours(key: str, place: Place, resolver: Resolver, settings: Settings, hours: range) -> dict[str, object]:
    found = {hour: figures(place, resolver, hour, settings.pue) for hour in hours}
    values = [value for value in found.values() if value is not None and "h" not in value]
    if all(value == values[0] for value in values):
        return {}
    # An hour of a profile needs no entry of its own: the place's has all twenty-four.
    return {f"{key}@{hour}": value for hour, value in found.items() if value in values}


# The month-hour profile of eight US zones: a place there has no figures of its own. Its intensity is the yearly mean
# times a ratio, and its bounds take in another zone where that may be meant. The rest is `footprint.rates`.


def _profile(place: Place, intensity: Intensity, pue: Range) -> list[object] | None:
    """Return what the statements need of a place whose intensity is of a profile; `None` where it is not.

    The yearly mean (g/kWh), the factors of its bounds, its zone; the other zone and its yearly mean, `""` and 0 where
    there is none; PUE and its squared log widths.
    """
    mean = yearly(place.zone, Basis.LIFE_CYCLE)
    if intensity.quality is not Quality.PROFILE or mean is None:
        return None
    factors = spread.of_a_profile(place.zone)
    other = alternative_zone(place)
    second = yearly(other, Basis.LIFE_CYCLE) if other else None
    below, above = log_widths(pue)
    return [
        *(mean.g_per_kwh, factors.low, factors.high, place.zone),
        *(other if second else "", second.g_per_kwh if second else 0.0),
        *(pue.central, below, above),
    ]


def profile_ratios() -> dict[str, object]:
    """Return the ratios to the yearly mean by zone: one list a month, one number a UTC hour."""
    zones = dict.fromkeys(zone for zone, _ in profiles())
    return {zone: [list(profiles()[zone, month]) for month in range(1, 13)] for zone in zones}


def alternative_zones() -> list[str]:
    """Return the other zones that some cloud region may lie in."""
    return list(dict.fromkeys(region.zone_alt for region in cloud_regions().values() if region.zone_alt))
