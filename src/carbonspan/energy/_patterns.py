# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Patterns that are compiled when a name comes that they could match: two hundred at start-up would cost 20 ms."""

from __future__ import annotations

import re

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_OPTIONAL = frozenset("?*{")


def literal_start(pattern: str) -> str:
    """Return plain characters that every match of `pattern` must contain, "" where the start of it tells none."""
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
    """A regular expression, searched for."""

    __slots__ = ("_compiled", "_must", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._must = literal_start(text)
        self._compiled: re.Pattern[str] | None = None

    def occurs_in(self, name: str) -> bool:
        """Whether the pattern matches anywhere in `name`."""
        if self._must not in name:
            return False
        if self._compiled is None:
            self._compiled = re.compile(self._text)
        return self._compiled.search(name) is not None
