# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a name that is no region may have meant. No hint is better than one to another part of the world."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from carbonspan.core._mistaken import zones_meant
from carbonspan.core._regions import cloud_regions

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 3  # names in a hint
_CUTOFF = 0.85  # of difflib: one or two wrong letters in a name of ten
_HEAD = 2  # letters that say where in the world a region lies: us, eu, ap
_SUBDIVISION = re.compile(
    r"[a-z]{2,3}-[a-z0-9]{1,3}", re.IGNORECASE
)  # ISO 3166-2, as US-CA; no cloud names a region so


def region_hint(name: str, operator: str, others: Iterable[str]) -> str:
    """Return what a name that is no region may have meant, as the end of a sentence; "" where that would be a guess.

    Args:
        name: without its operator.
        operator: whose region it has to be, "" for anyone's.
        others: names that are allowed beside regions and zones, lower case: geographies.
    """
    spelled = "".join(name.lower().split())
    if _SUBDIVISION.fullmatch(spelled):
        return did_you_mean(zones_meant(name))
    elsewhere = cloud_regions().get(spelled)
    if elsewhere is not None and operator not in {"", elsewhere.operator}:
        return f"; {spelled} is a region of {elsewhere.operator}:"
    regions = {region.id: region for region in cloud_regions().values() if operator in {"", region.operator}}
    letters, digits = _letters(spelled), _digits(spelled)
    same = [region for region in regions if letters and _letters(region) == letters]
    if same and digits not in map(_digits, same):
        return f"; this release knows {_listed(same)}: name the grid zone or country of a newer one;"
    of_city = [region.id for region in regions.values() if letters and _letters(region.city.lower()) == letters]
    return did_you_mean(
        [region for region in same if _digits(region) == digits]
        or of_city
        or close(spelled, regions)
        or get_close_matches(spelled, list(others), n=1, cutoff=_CUTOFF)
        or zones_meant(name)
    )


def close(name: str, candidates: Iterable[str]) -> list[str]:
    """Return the names that a name is spelled like: nearly the same, and the same where they begin."""
    same_head = [known for known in candidates if known[:_HEAD] == name[:_HEAD]]
    return get_close_matches(name, same_head, n=MOST, cutoff=_CUTOFF)


def did_you_mean(names: Iterable[str]) -> str:
    """Return the hint that names what may have been meant; "" for nothing."""
    found = list(names)
    return f"; did you mean {_listed(found)}?" if found else ""


def _listed(names: list[str]) -> str:
    return ", ".join(names[: 2 * MOST])


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name)


def _digits(name: str) -> str:
    return re.sub(r"\D", "", name)
