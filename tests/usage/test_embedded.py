# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Usage objects carried as text."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st

from carbonspan.usage._embedded import parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a": 1, "b": {"c": 2}}', {"a": 1, "b.c": 2}),
        ("{'a': 1, 'b': {'c': None, 'd': True, 'e': False}}", {"a": 1, "b.c": None, "b.d": True, "b.e": False}),
        ('{"a": {"b": {"c": 1, "d": {"e": 2}}}}', {"a.b.c": 1}),
        ({"a": {"b": 1}}, {"a.b": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({1: 2}, {"1": 2}),
        ("{}", {}),
        ('[{"a": 1}]', None),
        ("{'it''s': 1}", None),
        ('{"a": ' + "9" * 5000 + "}", None),
        ('{"a": ' * 1000, None),
        ("{" + " " * 10_000 + "}", None),
        ("none", None),
        ("", None),
        (None, None),
        (7, None),
        (("{}",), None),
    ],
)
def test_parse(value: object, expected: dict[str, object] | None) -> None:
    assert parse(value) == expected


def test_deep_nesting_is_not_followed() -> None:
    assert parse("[" * 4000 + "{") is None
    assert parse('{"a":' * 1000 + "1" + "}" * 1000) in ({}, None)


@given(st.text(alphabet="{}[]:\",'0123456789.eE-NoneTrue ab", max_size=60))
def test_no_text_raises(text: str) -> None:
    found = parse(text)
    assert found is None or all(type(key) is str for key in found)


USAGE = {
    "completion_tokens": 300,
    "prompt_tokens": 1200,
    "details": {"audio": 0, "text": [1, 2]},
    "total": 1500,
    "n": None,
}


@pytest.mark.parametrize(
    "text", [json.dumps(USAGE), json.dumps(USAGE, indent=1), str(USAGE)], ids=["json", "lines", "str"]
)
def test_what_was_cut_off_is_read_as_far_as_it_goes(text: str) -> None:
    whole = parse(text)
    assert whole is not None
    seen = 0
    for end in range(len(text)):
        found = parse(text[:end]) or {}
        assert all(whole[key] == value for key, value in found.items() if value != [1])
        assert len(found) >= seen  # the further it goes, the more is read
        seen = len(found)
    assert seen >= len(whole) - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"input": 1200, "output": 3', {"input": 1200}),
        ('{"input": 1200, "output": 300,', {"input": 1200, "output": 300}),
        ('{"usage": {"input": 1200, "output": 300}, "ou', {"usage.input": 1200, "usage.output": 300}),
        ('{"a": "x, {y", "b": 1, "c', {"a": "x, {y", "b": 1}),
        ('{"a": "\\"", "b": 1, "c": "cut, he', {"a": '"', "b": 1}),
        ("{'input': 1200, 'details': None, 'out", {"input": 1200, "details": None}),
        ('{"a": 1, "b": "cut, behind a backslash, \\', {"a": 1}),
        ('{"input": 12', None),
        ('{"inp', None),
        ("{", None),
        ('{"a": 1}, "b": 2', None),
        ('{"a": 1} and {', None),
        ('{"a": nothing, "b', None),
        ('{"a": 1]', None),
        ("text {with, braces", None),
        ('{"a":' * 40 + "1, ", None),
    ],
)
def test_what_was_cut_off_by_hand(text: str, expected: dict[str, object] | None) -> None:
    assert parse(text) == expected
