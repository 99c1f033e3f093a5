# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Read a region that a person wrote in a setting."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from carbonspan.site._places import area_place, region_id, region_place, tables, zone_place, zones

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core.values import Place

_ALLOWED = (
    "a cloud region (aws:eu-west-1, eu-west-1, gcp:europe-west4, azure:swedencentral), a grid zone (zone:GB), "
    "a country (GBR) or a geography"
)


def parse_region(text: str) -> Place:
    """Return the place that a setting names; its `method` is `setting`.

    Accepted: `operator:region`, a bare region id, `zone:NAME`, a country (ISO 3166-1 alpha-3 or alpha-2), a geography
    (US, EU, APAC, WORLD, ...) and a bare zone. An operator, which only a region id tells by itself, may stand before a
    country, a zone or a geography too: `azure:EU`.

    Raises:
        ValueError: nothing has that name; the message gives the value, what is allowed, and near matches.
    """
    if not isinstance(text, str):
        raise TypeError(f"a region is text, not {text!r}; allowed: {_ALLOWED}")  # configuration files give anything
    table = tables()
    head, separator, tail = text.strip().partition(":")
    operator = ""
    name = text.strip()
    if separator:
        if head.lower() == "zone":
            place = zone_place(tail, "", "setting")
            if place is None:
                raise ValueError(_refusal(text, tail.strip().upper(), zones()))
            return place
        operator = table.operators.get(head.lower(), "")
        name = tail.strip()
        if not operator:
            raise ValueError(_refusal(text, head.lower(), table.operators))
    place = _known(name, operator)
    if place is None:
        candidates = [r.region for r in table.regions.values() if operator in {"", r.operator}]
        raise ValueError(_refusal(text, region_id(name), [*candidates, *table.aliases]))
    return place


def _known(name: str, operator: str) -> Place | None:
    area = area_place(name, operator, "setting")
    if area is not None:
        return area
    region = tables().regions.get(region_id(name))
    if region is not None:
        return region_place(name, operator, "setting") if operator in {"", region.operator} else None
    zone = zone_place(name, operator, "setting")
    return zone or area_place(tables().iso3.get(name.upper(), ""), operator, "setting")


def _refusal(text: str, name: str, candidates: Iterable[str]) -> str:
    near = get_close_matches(name, list(candidates), n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f"unknown region {text!r}: allowed are {_ALLOWED} ({', '.join(sorted(tables().geographies))}){hint}"
