# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Brings a model's name, as any provider spells it, into the one form the registry's patterns are written for."""

from __future__ import annotations

import re
from functools import cache

from carbonspan.core._tables import rows

# Longer than any real name or ARN (a Bedrock ARN has at most 2048 characters, those in use about 150). What follows is
# cut off, so that neither the patterns nor the caches can be made to work on a novel.
MAX_NAME = 256


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(row["pattern"]), row["replacement"]) for row in rows("energy/names.csv"))


def normalise(name: str) -> str:
    """Return the name in lower case without provider, geography, revision, date and fine-tune, per `names.csv`.

    `eu.anthropic.claude-sonnet-4-5-20250929-v1:0` gives `claude-sonnet-4-5`. Costs tens of microseconds: cache it.
    """
    name = name[:MAX_NAME].strip().rstrip("/").lower()
    for pattern, replacement in _rules():
        name = pattern.sub(replacement, name)
    return name
