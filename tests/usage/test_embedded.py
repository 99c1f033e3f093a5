# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Usage objects carried as text."""

from __future__ import annotations

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
