# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where the bundled values come from, for the documentation and the command line."""

from __future__ import annotations

from typing import NamedTuple

from carbonspan.grid.tables import rows
from carbonspan.grid.yearly import yearly
from carbonspan.values import Basis


class SourceInfo(NamedTuple):
    """One bundled source."""

    id: str  # as in `Intensity.source`
    title: str
    year: str
    basis: Basis
    accounting: str
    licence: str
    url: str
    note: str


def sources() -> tuple[SourceInfo, ...]:
    """Return every bundled source: title, year, basis, accounting, licence, address."""
    return tuple(
        SourceInfo(
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
    )


def annual_g_per_kwh(zone: str, basis: Basis = Basis.LIFE_CYCLE, region: str = "") -> float | None:
    """Return the bundled yearly mean of a zone in gCO2e/kWh; `None` where no table has it in this basis.

    Args:
        zone: grid zone, Electricity Maps spelling.
        basis: life-cycle or direct.
        region: the cloud region, which tells the eGRID subregion where the zone alone does not.
    """
    found = yearly(zone, basis, region)
    return None if found is None else found.g_per_kwh
