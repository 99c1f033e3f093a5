# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The grid zones that a name may have meant which is not one: `UK` is `GB`, `US-CA` is `US-CAL-CISO`.

Only for messages. A name is never replaced by what it may have meant: a wrong zone is worse than none.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from carbonspan.core._regions import countries, zones
from carbonspan.core._tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ZONES = 7
"""Of a country that are named. More would say nothing: the United States have some sixty."""
_CUTOFF = 0.85  # of difflib: one or two wrong letters in a name of ten
_PART = 3  # letters after the country's in ISO 3166-2, at most
_LONG = 8  # letters of a name in which a wrong one leaves the rest to go by


@cache
def mistaken_names() -> Mapping[str, tuple[str, ...]]:
    """Return the zones meant by each name in the tables, as `_plain` spells it; the likeliest first."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows("grid/watttime_regions.csv"):
        name = _plain(row["watttime_region"])
        if name not in zones() and name not in _codes():  # DK, IND: a country, whatever else it names
            found[name] = (*found.get(name, ()), row["zone"])
    for row in rows("sites/mistaken_zones.csv"):
        found.update({_plain(name): tuple(row["zones"].split()) for name in row["names"].split(";")})
    return found


def zones_meant(name: str) -> tuple[str, ...]:
    """Return the zones that a name may mean, the likeliest first; none where that would be a guess.

    In this order: a name in the tables; a country, by either code; the end of a zone's name (`SE3`, `US-PJM`) or its
    start (`US-CAL`); a zone of the same country that it is spelled like; the country of a part (`DE-BY`), or its zones
    where they are few.
    """
    plain = _plain(name)
    head, dash, tail = plain.partition("-")
    head = _codes().get(head, head)
    plain = head + dash + tail
    known = mistaken_names().get(plain) or tuple(
        zone for zone in mistaken_names().get(tail, ()) if zone.startswith(f"{head}-")
    )
    if known:
        return known
    if plain in zones():
        return (plain,)
    of_country = [zone for zone in zones() if zone.partition("-")[0] == head]
    if not dash and of_country:
        return _whole_or_parts(head, of_country)
    last = plain.rpartition("-")[2]
    found = [zone for zone in (of_country if dash else zones()) if (dash or len(last) > 1) and _ends(zone, last)]
    if dash and not found:
        found = [zone for zone in of_country if "-" in zone and (plain[:-1] == zone or zone.startswith(f"{plain}-"))]
        if not found and len(plain) >= _LONG:
            found = get_close_matches(plain, of_country, n=3, cutoff=_CUTOFF)
    is_part = "-" not in tail and 0 < len(tail) <= _PART  # and no cloud region: ME-WEST-1 is not in Montenegro
    return tuple(found[:MOST_ZONES]) or (_whole_or_parts(head, of_country) if is_part else ())


def _ends(zone: str, last: str) -> bool:
    head, _, _ = zone.partition("-")
    return "-" in zone and zone.rpartition("-")[2] in {last, head + last}


def _whole_or_parts(head: str, of_country: list[str]) -> tuple[str, ...]:
    """Return the zone that is the whole country, unless it is cut up; else its parts, where they are few."""
    if len(of_country) > MOST_ZONES:
        return ()
    parts = [zone for zone in of_country if zone.startswith(f"{head}-{head}")]  # SE-SE1: the country is cut up
    return tuple(parts) or ((head,) if head in of_country else tuple(of_country))


@cache
def _codes() -> Mapping[str, str]:
    """Return the alpha-2 code of each alpha-3 one."""
    return {country.iso3: country.iso2 for country in countries().values()}


def _plain(name: str) -> str:
    """Return a name in upper case, its parts joined by dashes."""
    return "-".join(name.upper().replace("_", " ").replace("-", " ").split())
