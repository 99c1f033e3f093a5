# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a shape changes nothing but the time: every span reads as it would the long way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan import usage
from carbonspan.usage import _reader as reader, _shapes as shapes
from carbonspan.usage._dialects import DIALECTS, MARKERS, choose

if TYPE_CHECKING:
    from carbonspan.core.values import Usage

SPANS = [
    (json.loads(line)["scope"], json.loads(line)["attributes"])
    for file in sorted((Path(__file__).parent.parent / "data" / "spans").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
SCOPES = [*sorted({scope.removesuffix("*") for dialect in DIALECTS for scope in dialect.scopes}), "my-own", ""]


def the_long_way(attributes: dict[str, Any], scope: str) -> Usage | None:
    if MARKERS.isdisjoint(attributes):
        return None
    return reader._read(attributes, choose(attributes, scope), None)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_shapes", {})


@pytest.mark.parametrize(("scope", "attributes"), SPANS)
def test_a_real_span_reads_alike_the_first_and_the_third_time(scope: str, attributes: dict[str, Any]) -> None:
    expected = the_long_way(attributes, scope)
    assert [usage.read(attributes, scope) for _ in range(3)] == [expected] * 3


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(),
    st.sampled_from(["chat", "invoke_agent", "openai", "gpt-4o", "LLM", "", " ", "true", "{'input': 5}"]),
    st.lists(st.text(max_size=3), max_size=2),
)
changes = st.lists(st.tuples(st.integers(0, 40), values), max_size=4)


@given(st.sampled_from(SPANS), st.sampled_from(SCOPES), st.booleans(), changes, changes)
def test_any_values_in_a_known_shape_read_alike(
    span: tuple[str, dict[str, Any]],
    scope: str,
    own_scope: bool,  # noqa: FBT001
    first: list[tuple[int, Any]],
    second: list[tuple[int, Any]],
) -> None:
    recorded_scope, recorded = span
    scope = recorded_scope if own_scope else scope
    for altered in ([], first, second, first):
        attributes = dict(recorded)
        names = list(attributes)
        for at, value in altered:
            attributes[names[at % len(names)]] = value
        expected = the_long_way(attributes, scope)
        assert repr(usage.read(attributes, scope)) == repr(expected)


PLAIN = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "c1",
    "server.address": "api.openai.com",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.prompt_tokens": 1100,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.total_tokens": 1500,
    "gen_ai.usage.cache_read.input_tokens": 1000,
    "gen_ai.usage.cache_read_input_tokens": 900,
}


@pytest.mark.parametrize(
    "altered",
    [
        {"gen_ai.usage.input_tokens": None},
        {"gen_ai.usage.output_tokens": None},
        {"gen_ai.usage.cache_read.input_tokens": None},
        {"gen_ai.usage.input_tokens": "many"},
        {"gen_ai.response.id": " "},
        {"gen_ai.response.id": 7},
        {"gen_ai.response.id": "x" * 300},
        {"server.address": "example.openai.azure.com"},
        {"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.response.model": ""},
        {"gen_ai.response.model": ["gpt-4o"]},
        {"gen_ai.operation.name": "embeddings"},
        {"gen_ai.operation.name": "invoke_agent"},
        {"gen_ai.operation.name": "my_own"},
    ],
    ids=str,
)
def test_what_a_known_shape_must_not_hide(altered: dict[str, Any]) -> None:
    assert usage.read(PLAIN, "s") == usage.read(PLAIN, "s") == the_long_way(PLAIN, "s")
    span = PLAIN | altered
    expected = the_long_way(span, "s")
    assert expected != the_long_way(PLAIN, "s") or altered == {"gen_ai.usage.output_tokens": None}
    assert [usage.read(span, "s") for _ in range(2)] == [expected] * 2


def test_a_flood_of_shapes_and_of_values_is_bounded() -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}
    for i in range(2 * shapes._MAX_SHAPES):
        found = usage.read(chat | {f"request.{i}": 1}, "s")
        assert found is not None
        assert found.input_tokens == 1
    assert len(shapes._shapes) == shapes._MAX_SHAPES
    shapes._shapes.clear()
    for i in range(2 * shapes._MAX_CASES):
        found = usage.read(chat | {"gen_ai.request.model": f"m{i}"}, "s")
        assert found is not None
        assert found.model == f"m{i}"
    (shape,) = shapes._shapes.values()
    assert shape is not None
    assert len(shape.cases) == shapes._MAX_CASES


def test_long_texts_are_not_kept() -> None:
    chat = {"gen_ai.request.model": "m" * 10_000, "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}
    assert usage.read(chat, "s")
    (shape,) = shapes._shapes.values()
    assert shape is not None
    assert shape.cases == {}
