# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The registry's patterns in RE2, the Collector's regular expressions, which have no look-around.

A class of characters that must not be next to a match becomes "another character, or the end". A word that must not be
there becomes a second pattern, which must not occur. The two differ from the original only where a name has the same
word twice.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from carbonspan.core._tables import rows

_CLASS_BEFORE = re.compile(r"\(\?<!(\[[^\]]*\]|\\w)\)")
_CLASS_AFTER = re.compile(r"\(\?!(\[[^\]]*\]|\\[dw])\)")
_WORD = re.compile(r"\(\?(<?)!([^()]*)\)")
_TWO_AFTER = re.compile(r"\(\?!\[0-9a-z\]\)\(\?!([^()]*)\)")

RULES = {
    "geography": (r"^(?:us-gov|us|eu|apac|global|jp|au|ca|sa|me|af|in)\.([a-z0-9]+\.)", "$1"),
    "bedrock-deepseek": (r"^deepseek\.([rv]\d)", "deepseek-$1"),
    "date-iso": (r"-20\d\d-\d\d-\d\d(\D|$)", "$1"),
    "date": (r"-20\d{6}(\D|$)", "$1"),
    "date-gemini": (r"-(preview|exp)-\d\d-(?:\d\d|20\d\d)(\D|$)", "-$1$2"),
    "point": (r"(\d)p(\d)", "$1.$2"),
    "llama-v": (r"llama-v(\d)", "llama-$1"),
    "dash": (r"(^|[^a-z])(llama|gpt|phi)(\d)", "$1$2-$3"),
    "gpt-35": (r"gpt-35(\D|$)", "gpt-3.5$1"),
    "gpt-41": (r"(^|[^\w.])gpt-4-?1($|-)", "${1}gpt-4.1$2"),
    "gpt-5x": (r"(^|[^\w.])gpt-5-(\d)($|-)", "${1}gpt-5.$2$3"),
    "gemini-live": (r"^gemini-live-(\d)", "gemini-$1"),
    "claude-order": (r"claude-([4-9])(?:[.-](\d))?-(sonnet|opus|haiku)(\W|$)", "claude-$3-$1-$2$4"),
    "ollama-r1-llama": (r"deepseek-r1-(70b|8b-llama)", "deepseek-r1-distill-llama-$1"),
    "ollama-r1-8b": (r"deepseek-r1-8b(\W|$)", "deepseek-r1-0528-qwen3-8b$1"),
    "ollama-r1-qwen": (r"deepseek-r1-((?:1\.5|7|14|32)b)", "deepseek-r1-distill-qwen-$1"),
    "own-name": (r"^.*[-.](chatgpt-4o|gpt-[3456][.o-]|gpt-4$)", "$1"),
}
"""The rules of `energy/names.csv` that look around, without it: pattern and replacement."""

UNLESS = {"own-name": r"[-.](?:chatgpt-4o|gpt-[3456][.o-]|gpt-4$).*-\d+(?:\.\d+)?b(?:-|$)"}
"""What must not occur where a rule is applied."""


class Rule(NamedTuple):
    """One step of normalising a name."""

    name: str
    pattern: str
    replacement: str
    unless: str


class Pattern(NamedTuple):
    """What must occur in a name, and what must not (`""` for nothing)."""

    must: str
    must_not: str


def rules() -> tuple[Rule, ...]:
    """Return the steps that bring a name into the form the patterns are written for, in their order."""
    found = []
    for row in rows("energy/names.csv"):
        key = row["rule"]
        pattern, replacement = RULES.get(key) or (row["pattern"], re.sub(r"\\(\d)", r"${\1}", row["replacement"]))
        found.append(Rule(key, pattern, replacement, UNLESS.get(key, "")))
    return tuple(found)


def branches(pattern: str) -> list[str]:
    """Return the alternatives of a pattern that are not inside brackets."""
    found, depth, start = [], 0, 0
    for at, letter in enumerate(pattern):
        escaped = at > 0 and pattern[at - 1] == "\\"
        if letter in "([" and not escaped:
            depth += 1
        elif letter in ")]" and not escaped:
            depth -= 1
        elif letter == "|" and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
    return [*found, pattern[start:]]


def without_looking(pattern: str) -> list[Pattern]:
    """Return patterns of which one holds for a name if and only if the given one occurs in it."""
    if "(?!" not in pattern and "(?<!" not in pattern:
        return [Pattern(pattern, "")]
    return [_branch(branch) for branch in branches(pattern)]


def _branch(pattern: str) -> Pattern:
    two = _TWO_AFTER.search(pattern)
    if two:
        plain = _TWO_AFTER.sub("(?:$|[^0-9a-z])", pattern)
        return Pattern(plain, _TWO_AFTER.sub(f"(?:{two[1]})", pattern))
    must = _CLASS_BEFORE.sub(lambda m: f"(?:^|{_negated(m[1])})", pattern)
    must = _CLASS_AFTER.sub(lambda m: f"(?:$|{_negated(m[1])})", must)
    word = _WORD.search(must)
    if word is None and "(?!.*" not in must:
        return Pattern(must, "")
    return Pattern(_WORD.sub("", must), _WORD.sub(lambda m: f"(?:{m[2]})", must))


def _negated(characters: str) -> str:
    return {"\\w": "\\W", "\\d": "\\D"}.get(characters) or f"[^{characters[1:]}"
