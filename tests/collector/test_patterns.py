# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Patterns without look-around lead to the same entries as the registry's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from carbonspan.collector import _patterns as patterns
from carbonspan.core._tables import rows
from carbonspan.energy._names import normalise
from carbonspan.energy._registry import EMBEDDING, default_registry

REPOSITORY = Path(__file__).resolve().parents[2]
_WORDS = (
    *("gpt", "claude", "llama", "qwen", "deepseek", "mistral", "gemini", "nova", "grok", "o1", "o3", "o5", "e5", "gte"),
    *("mini", "pro", "latest", "preview", "exp", "sonnet", "opus", "haiku", "embed", "rerank", "distill", "r1", "v3p1"),
    *("3", "4", "4o", "5", "35", "41", "70b", "8b", "8x7b", "20250807", "2025-08-07", "06-05", "codestral", "live"),
)


def normalised(name: str) -> str:
    """Return a name brought into form by the rules for the Collector."""
    name = name.strip().rstrip("/").lower()
    for rule in patterns.rules():
        if not rule.unless or not re.search(rule.unless, name):
            name = re.sub(rule.pattern, re.sub(r"\$\{?(\d)\}?", r"\\g<\1>", rule.replacement), name)
    return name


def entry(name: str) -> str | None:
    """Return the id of the entry the patterns for the Collector come to."""
    form = normalised(name)
    for row in rows("energy/coefficients.csv"):
        for pattern in patterns.without_looking(row["pattern"]) if row["pattern"] else ():
            if re.search(pattern.must, form) and not (pattern.must_not and re.search(pattern.must_not, form)):
                return row["id"]
    return None


def expected(name: str) -> str | None:
    found = default_registry().resolve(name)
    return found.id.partition(":")[0] if found.known else None


def corpus() -> list[str]:
    paths = [*(REPOSITORY / "tests" / "energy").glob("*.py"), *(REPOSITORY / "tests" / "data" / "energy").glob("*.csv")]
    found = {name for path in paths for name in re.findall(r"[\w@#:/.-]{3,60}", path.read_text("utf-8"))}
    return sorted(name for name in found if re.search(r"[a-z]", name) and re.search(r"\d", name))


def test_nothing_looks_around() -> None:
    written = [rule.pattern for rule in patterns.rules()]
    for row in rows("energy/coefficients.csv"):
        for pattern in patterns.without_looking(row["pattern"]):
            written += [pattern.must, pattern.must_not]
    assert not [pattern for pattern in written if re.search(r"\(\?(?:=|!|<=|<!)", pattern)]


def test_every_rule_that_looks_around_has_another_form() -> None:
    looking = {row["rule"] for row in rows("energy/names.csv") if re.search(r"\(\?(?:=|!|<=|<!)", row["pattern"])}
    assert looking == patterns.RULES.keys()


def test_the_names_at_hand_come_to_the_same() -> None:
    names = corpus()
    assert len(names) > 500
    assert [name for name in names if normalised(name) != normalise(name)] == []
    assert [(name, expected(name), entry(name)) for name in names if expected(name) != entry(name)] == []


@given(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=5, unique=True), st.sampled_from("-./:@_"))
def test_names_made_of_their_words_come_to_the_same(words: list[str], joint: str) -> None:
    name = joint.join(words)
    if default_registry().resolve(name).tier != EMBEDDING:
        assert entry(name) == expected(name)


@pytest.mark.parametrize(
    ("pattern", "parts"), [("a|b(c|d)", ["a", "b(c|d)"]), (r"a\(|b", [r"a\(", "b"]), ("[a|b]|c", ["[a|b]", "c"])]
)
def test_alternatives_are_told_apart(pattern: str, parts: list[str]) -> None:
    assert patterns.branches(pattern) == parts
