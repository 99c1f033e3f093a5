# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Model names: one form for every provider's spelling, patterns over it, and what an unknown model's name states."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows

# Longer than any real name or ARN (a Bedrock ARN has at most 2048 characters, those in use about 150). What follows is
# cut off, so that no text, however long, makes the patterns slow or the caches large.
MAX_NAME = 256


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(row["pattern"]), row["replacement"]) for row in rows("energy/names.csv"))


def normalise(name: str) -> str:
    """Return the name in lower case without provider, geography, revision, date and fine-tune, per `names.csv`.

    `eu.anthropic.claude-sonnet-4-5-20250929-v1:0` gives `claude-sonnet-4-5`. It takes tens of microseconds: keep the
    result.
    """
    name = name[:MAX_NAME].strip().rstrip("/").lower()
    for pattern, replacement in _rules():
        name = pattern.sub(replacement, name)
    return name


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_OPTIONAL = frozenset("?*{")


def literal_start(pattern: str) -> str:
    """Return plain characters that every match of `pattern` must contain, "" where its start shows none."""
    if "|" in pattern:
        return ""
    text = pattern.removeprefix("^")
    end = 0
    while end < len(text) and text[end] in _PLAIN:
        end += 1
    if end < len(text) and text[end] in _OPTIONAL:
        end -= 1  # the last character may be missing
    return text[: max(0, end)]


class LazyPattern:
    """A regular expression, compiled on the first name that it could match: two hundred at start-up take 20 ms."""

    __slots__ = ("_compiled", "_must", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._must = literal_start(text)
        self._compiled: re.Pattern[str] | None = None

    def occurs_in(self, name: str) -> bool:
        """Return whether the pattern matches anywhere in `name`."""
        if self._must not in name:
            return False
        if self._compiled is None:
            self._compiled = re.compile(self._text)
        return self._compiled.search(name) is not None


# 70b, 1.5b, 235b-a22b, 17b-128e (Llama 4 states its active size first, and no total: taken as it stands), 1t, 270m.
_SIZE = re.compile(
    r"(?<![a-z0-9.])(?:(?P<experts>\d{1,3})x)?(?P<size>\d{1,5}(?:\.\d{1,3})?)(?P<unit>[mbt])"
    r"(?:-?a(?P<active>\d{1,4}(?:\.\d{1,3})?)b)?(?![a-z0-9])"
)
_B_PER_UNIT = {"m": 1e-3, "b": 1.0, "t": 1e3}
# The range of models in the world: anything outside is another number (a build, a context length).
_SMALLEST_B, _LARGEST_B = 0.01, 20_000.0
# "8x7b": experts share their attention, and two of eight are active. Mixtral 8x7B has 46.7B and 12.9B active, 8x22B
# 140.6B and 39.1B. Source: Mistral AI, model cards, 2024, https://huggingface.co/mistralai/Mixtral-8x22B-v0.1
_TOTAL_PER_EXPERTS, _ACTIVE_PER_EXPERT = 0.81, 1.8


class Size(NamedTuple):
    """Billions of parameters."""

    active_b: float
    total_b: float


def stated_size(name: str) -> Size | None:
    """Return the size a normalised name states ("235b-a22b", "8x22b", "70b"), or None."""
    for match in _SIZE.finditer(name):
        size_b = float(match["size"]) * _B_PER_UNIT[match["unit"]]
        if match["experts"]:
            experts = int(match["experts"])
            total_b = _TOTAL_PER_EXPERTS * experts * size_b
            active_b = min(_ACTIVE_PER_EXPERT * size_b, total_b)
        else:
            total_b = size_b
            active_b = float(match["active"]) if match["active"] else size_b
        if _SMALLEST_B <= active_b <= total_b <= _LARGEST_B:
            return Size(active_b, total_b)
    return None


@cache
def _words() -> dict[str, str]:
    return {row["word"]: row["class"] for row in rows("energy/size_words.csv")}


def stated_class(name: str) -> str | None:
    """Return the class a word in a normalised name stands for ("mini" is `class:small`), or None.

    Where several words are there, the one first in the table wins: a "mini-thinking" is a mini.
    """
    parts = set(re.split(r"[-.:/]", name))
    return next((entry for word, entry in _words().items() if word in parts), None)
