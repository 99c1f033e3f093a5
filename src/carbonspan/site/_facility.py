# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a place adds to the energy of its servers: PUE, and water on and off site.

The figures and their bounds are rows of data/sites/pue_wue.csv and data/sites/wue_offsite.csv; the rules behind the
bounds stand in data/sites/README.md and are checked against the rows by the tests.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._regions import WORLD, cloud_regions, geographies
from carbonspan.core._tables import rows
from carbonspan.core.values import Place, Range, Site
from carbonspan.site._places import place_of

if TYPE_CHECKING:
    from carbonspan.core._regions import CloudRegion

_OFFSITE_FACTOR = 2.0
"""Off-site water is good to a factor of two either way.

Li et al., Making AI Less Thirsty, 2023 (rev. 2025), https://arxiv.org/abs/2304.03271: factors of one country differ by
method and by year; boundary: water consumed in generating the electricity, reservoirs included."""


class _Row(NamedTuple):
    pue: Range
    wue_l_per_kwh: Range
    source: str


@cache
def _rows() -> dict[tuple[str, str], _Row]:
    return {
        (row["operator"], row["region"]): _Row(
            Range(float(row["pue_low"]), float(row["pue"]), float(row["pue_high"])),
            Range(float(row["wue_low_l_per_kwh"]), float(row["wue_l_per_kwh"]), float(row["wue_high_l_per_kwh"])),
            ":".join(part for part in (row["operator"], row["region"], row["pue_kind"], row["year"]) if part),
        )
        for row in rows("sites/pue_wue.csv")
    }


@cache
def _offsite() -> dict[str, Range]:
    """Return off-site water by country; under "" what stands in for a country without a figure."""
    central = {row["country"]: float(row["l_per_kwh"]) for row in rows("sites/wue_offsite.csv")}
    world = central.pop("")
    known = {country: Range.around(value, _OFFSITE_FACTOR, _OFFSITE_FACTOR) for country, value in central.items()}
    return known | {"": Range(min(central.values()), world, max(central.values()))}


def site_of(place: Place, *, pue_override: float | None = None) -> Site:
    """Return a place with its facility factors.

    The PUE is that of the operator's region, else of its macro-region (Azure), else of its fleet, else an assumption
    for the provider, else the world's average data centre. `Site.source` is the row: `operator:region:kind:year`.

    Args:
        place: where the inference ran.
        pue_override: the user's own PUE (1 or more), taken as certain.

    Raises:
        ValueError: the override is not a finite number of 1 or more.
    """
    table = _rows()
    geography = geographies().get(place.geography)
    macro_region = geography.macro_region if geography is not None else ""
    row = (
        table.get((place.operator, place.region))
        or table.get((place.operator, macro_region))
        or table.get((place.operator, ""))
        or table["", ""]
    )
    pue, source = row.pue, row.source
    if pue_override is not None:
        if not (math.isfinite(pue_override) and pue_override >= 1.0):
            raise ValueError(f"a PUE is a finite number of 1 or more, not {pue_override!r}")
        pue, source = Range.exactly(float(pue_override)), f"pue:setting, wue:{row.source}"
    offsite = _offsite()
    return Site(place, pue, row.wue_l_per_kwh, offsite.get(place.country) or offsite[""], source)


def regions() -> tuple[tuple[CloudRegion, Site], ...]:
    """Return every cloud region that is known, with what it adds, by operator and region id."""
    ordered = sorted(cloud_regions().values(), key=lambda region: (region.operator, region.id))
    return tuple((region, site_of(place_of(region, "setting"))) for region in ordered)


def load() -> None:
    """Read every facility table now, so that no span has to."""
    site_of(Place("", WORLD, "unknown", geography=WORLD))
