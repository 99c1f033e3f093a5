# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The mix of a geography, for a call that may have run anywhere in it."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from carbonspan.core._regions import cloud_regions, geographies
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Quality, Range, product
from carbonspan.grid import _spread as spread
from carbonspan.grid._spread import Estimate, percentile
from carbonspan.grid._yearly import SourceInfo, Yearly, of_source, sources, yearly

if TYPE_CHECKING:
    from carbonspan.core._regions import CloudRegion

LOW, HIGH = 0.05, 0.95
"""The bounds of a mix: percentiles over the cloud regions in it, each region once."""

_HOURS = "electricity_maps_yearly"  # the source of the spread of the hours, which every bound takes in


@cache
def _aggregates() -> dict[tuple[str, str], Yearly]:
    return {
        (row["geography"], row["basis"]): of_source(float(row["g_per_kwh"]), row["source"], row["year"])
        for row in rows("grid/aggregates.csv")
    }


def _is_within(region: CloudRegion, code: str) -> bool:
    """Return whether a cloud region lies in a geography, or in one that the geography contains."""
    operator, separator, prefix = geographies()[code].members.partition(":")
    if separator:
        return region.operator == operator and region.id.startswith(prefix)
    at = region.geography
    while at and at != code:
        at = geographies()[at].parent
    return at == code


@cache
def _means(code: str, basis: Basis) -> tuple[Yearly, ...]:
    """Return the yearly means of the cloud regions of a geography, each region once."""
    members = (region for region in cloud_regions().values() if _is_within(region, code))
    means = (yearly(region.zone, basis, region.id) for region in members)
    return tuple(mean for mean in means if mean is not None)


@cache
def _centres() -> dict[tuple[str, Basis], Yearly]:
    """Return a published value of each geography, else (only life-cycle) the mean of its cloud regions."""
    found = {}
    for code in geographies():
        for basis in (Basis.LIFE_CYCLE, Basis.DIRECT):
            published = _aggregates().get((code, basis.value))
            if published is not None:
                found[code, basis] = published
            elif basis is Basis.LIFE_CYCLE:
                values = [mean.g_per_kwh for mean in _means(code, basis)]
                found[code, basis] = of_source(math.fsum(values) / len(values), "cloud_region_mean")
    return found


@cache
def mixes() -> dict[tuple[str, Basis], Estimate]:
    """Return every mix. Computed on first use, so that no second copy of the zone table has to be kept in step."""
    return {(code, basis): _mix(code, basis, centre) for (code, basis), centre in _centres().items()}


def _mix(code: str, basis: Basis, centre: Yearly) -> Estimate:
    values = [mean.g_per_kwh for mean in _means(code, basis)]
    low, high = percentile(values, LOW), percentile(values, HIGH)
    where = Range(min(low, centre.g_per_kwh), centre.g_per_kwh, max(high, centre.g_per_kwh))
    intensity = product(where, spread.of_an_hour("", basis))
    return Estimate(intensity, code, f"mix:{code}", basis, Quality.MIX, centre.accounting, centre.year)


def mix_sources() -> tuple[SourceInfo, ...]:
    """Return what every mix rests on: the source of its centre, and those that its bounds come from."""
    found = []
    for (code, basis), mean in _centres().items():
        centre, members = sources()[mean.source], dict.fromkeys(each.source for each in _means(code, basis))
        licences = (centre.licence, *(sources()[name].licence for name in members), sources()[_HOURS].licence)
        found.append(
            SourceInfo(
                f"mix:{code}",
                f"Mix of {geographies()[code].name}: {centre.title}",
                mean.year,
                basis,
                mean.accounting,
                " AND ".join(dict.fromkeys(licences)),
                centre.url,
                f"centre: {centre.id}; bounds: cloud regions by {', '.join(members)}, and the spread of the hours",
            )
        )
    return tuple(found)
