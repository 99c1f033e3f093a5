# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The mix of a geography, for a call that may have run anywhere in it."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Quality, Range, product
from carbonspan.grid import _spread as spread
from carbonspan.grid._estimate import Estimate, Yearly, percentile
from carbonspan.grid._yearly import CloudRegion, cloud_regions, yearly

LOW, HIGH = 0.05, 0.95
"""The bounds of a mix: percentiles over the cloud regions in it, each region once."""


class _Geography(NamedTuple):
    parent: str
    members: str  # "operator:prefix" where they are told by the region id; "" where by the country


@cache
def _aggregates() -> dict[tuple[str, str], Yearly]:
    accounting = {row["id"]: row["accounting"] for row in rows("grid/sources.csv")}
    return {
        (row["geography"], row["basis"]): Yearly(
            float(row["g_per_kwh"]), row["source"], accounting[row["source"]], row["year"]
        )
        for row in rows("grid/aggregates.csv")
    }


@cache
def _geographies() -> dict[str, _Geography]:
    return {row["code"]: _Geography(row["parent"], row["members"]) for row in rows("sites/geographies.csv")}


def _is_member(name: str, region: CloudRegion, code: str) -> bool:
    operator, separator, prefix = _geographies()[code].members.partition(":")
    if separator:
        return region.operator == operator and name.startswith(prefix)
    at = _country_geography()[region.country]
    while at and at != code:
        at = _geographies()[at].parent
    return at == code


@cache
def _country_geography() -> dict[str, str]:
    return {row["iso3"]: row["geography"] for row in rows("sites/countries.csv")}


@cache
def _means(code: str, basis: Basis) -> tuple[Yearly, ...]:
    """Return the yearly means of the cloud regions of a geography, each region once."""
    members = [(name, region) for name, region in cloud_regions().items() if _is_member(name, region, code)]
    means = [yearly(region.zone, basis, name) for name, region in members]
    return tuple(mean for mean in means if mean is not None)


def _centre(code: str, basis: Basis) -> Yearly | None:
    """Return a published value of the geography, else (life-cycle alone) the mean of its cloud regions."""
    published = _aggregates().get((code, basis.value))
    if published is not None or basis is not Basis.LIFE_CYCLE:
        return published
    values = [mean.g_per_kwh for mean in _means(code, basis)]
    return Yearly(math.fsum(values) / len(values), "cloud_region_mean", "consumption", "2025")


def origins(code: str, basis: Basis) -> tuple[str, ...]:
    """Return the sources a mix stands on: that of its centre, then each of those that its bounds come from."""
    central = _centre(code, basis)
    bounds = dict.fromkeys(mean.source for mean in _means(code, basis))
    return () if central is None else (central.source, *bounds)


@cache
def mixes() -> dict[tuple[str, Basis], Estimate]:
    """Return every mix. Computed on first use, so that no second copy of the zone table has to be kept in step."""
    found: dict[tuple[str, Basis], Estimate] = {}
    for code in _geographies():
        for basis in (Basis.LIFE_CYCLE, Basis.DIRECT):
            values = [mean.g_per_kwh for mean in _means(code, basis)]
            central = _centre(code, basis)
            if central is None:
                continue
            low, high = percentile(values, LOW), percentile(values, HIGH)
            where = Range(min(low, central.g_per_kwh), central.g_per_kwh, max(high, central.g_per_kwh))
            found[code, basis] = Estimate(
                product(where, spread.of_an_hour("", basis)),
                code,
                f"mix:{code}",
                basis,
                Quality.MIX,
                central.accounting,
                central.year,
            )
    return found
