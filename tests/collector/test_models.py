# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Names lead to the registry's entries, and the user's globs match what they match in the registry."""

from __future__ import annotations

import re

import pytest

from carbonspan.collector import _models as models
from carbonspan.core._options import Settings
from carbonspan.energy._registry import default_registry
from tests.collector import cases
from tests.collector.agreement import disagreements


@pytest.mark.parametrize("name", ["gpt-4o", "claude-sonnet-5", "llama-3.1-70b"])
def test_an_entry_is_found_by_its_id(name: str) -> None:
    known = models.models(Settings.resolve({}, {}))
    assert known.entries[known.exact[name]].id == name


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("m[a-c]x*", ["mbx", "org/mbx-1", "MAX"], ["mdx", "m[a-c]x"]),
        ("m[!a-c]x", ["mdx"], ["mbx"]),
        ("m[^x]", ["m^", "mx"], ["my"]),
        ("m[]]", ["m]"], ["m[]]"]),
        ("m[a-", ["m[a-"], ["ma"]),
        ("m[", ["m["], ["m"]),
        ("m?.1", ["m7.1"], ["m7x1"]),
    ],
)
def test_a_glob_means_what_it_means_to_the_registry(glob: str, matching: list[str], other: list[str]) -> None:
    registry = default_registry().with_models({glob: {"active_b": 8, "total_b": 8}})
    pattern = re.compile(models.glob_pattern(glob))
    for name in matching:
        assert registry.resolve(name).id == glob, name
        assert pattern.match(name.lower()), name
    for name in other:
        assert registry.resolve(name).id != glob, name
        assert not pattern.match(name.lower()), name


def test_names_in_every_spelling_lead_to_the_entries_of_the_processor() -> None:
    assert disagreements(cases.models()) == {}
