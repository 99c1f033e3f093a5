# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Patterns compiled late find what patterns compiled at once find."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._tables import rows
from carbonspan.energy._names import normalise
from carbonspan.energy._patterns import LazyPattern, literal_start

PATTERNS = [row["pattern"] for row in rows("energy/coefficients.csv") if row["pattern"]]
NAMES_FILE = Path(__file__).parent.parent / "data" / "energy" / "model_names.csv"
with NAMES_FILE.open(encoding="utf-8", newline="") as file:
    NAMES = [normalise(next(iter(row.values()))) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("pattern", "must"),
    [
        ("^gpt-4o-mini", "gpt-4o-mini"),
        (r"^gpt-4\.1", "gpt-4"),
        ("llama-?2-70b", "llama"),
        ("^o1-mini|^o3-mini", ""),
        ("(amazon)?nova", ""),
        ("^a?b", ""),
        ("^", ""),
        ("^gpt-5(-codex)?", "gpt-5"),
    ],
)
def test_what_every_match_must_contain(pattern: str, must: str) -> None:
    assert literal_start(pattern) == must


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_bundled_pattern_finds_the_same_names(pattern: str) -> None:
    lazy, eager = LazyPattern(pattern), re.compile(pattern)
    for name in NAMES:
        assert lazy.occurs_in(name) == bool(eager.search(name))


@given(st.sampled_from(PATTERNS), st.text("abcdeghilmnopqrtxz0123456789-.:", max_size=20))
def test_any_name(pattern: str, name: str) -> None:
    assert LazyPattern(pattern).occurs_in(name) == bool(re.search(pattern, name))
