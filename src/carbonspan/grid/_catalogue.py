# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where the bundled values come from, for the documentation and the command line."""

from __future__ import annotations

from typing import NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis
from carbonspan.grid._mix import mixes, origins
from carbonspan.grid._yearly import yearly


class SourceInfo(NamedTuple):
    """One bundled source, or one mix derived from some of them."""

    id: str  # as in `Intensity.source`; the mix of a geography in two bases has one id
    title: str
    year: str
    basis: Basis
    accounting: str
    licence: str
    url: str
    note: str


def bundled_sources() -> tuple[SourceInfo, ...]:
    """Return every bundled source, then every mix: title, year, basis, accounting, licence, address.

    Every `Intensity.source` that needs no network is among them.
    """
    bundled = _bundled()
    return (*bundled, *_mixes({source.id: source for source in bundled}))


_HOURS = "electricity_maps_yearly"  # in the folder of the spread of the hours, which every bound takes in


def _mixes(bundled: dict[str, SourceInfo]) -> tuple[SourceInfo, ...]:
    names = {row["code"]: row["name"] for row in rows("sites/geographies.csv")}
    found = []
    for (code, basis), mix in mixes().items():
        centre, *members = (bundled[name] for name in origins(code, basis))
        spread = ", ".join(member.id for member in members)
        found.append(
            SourceInfo(
                mix.source,
                f"Mix of {names[code]}: {centre.title}",
                mix.year,
                basis,
                mix.accounting,
                " AND ".join(dict.fromkeys(s.licence for s in (centre, *members, bundled[_HOURS]))),
                centre.url,
                f"centre: {centre.id}; bounds: cloud regions by {spread}, and the spread of the hours",
            )
        )
    return tuple(found)


def _bundled() -> tuple[SourceInfo, ...]:
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
