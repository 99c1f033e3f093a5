# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""One true usage, told in any names, types, order and part: it is read as it is, or is known to be a part of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hypothesis import given, settings, strategies as st

from carbonspan.core._outcome import Outcome
from carbonspan.testing import Pipeline
from carbonspan.usage import read
from carbonspan.usage._names import FAMILIES, FIELDS, OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPES = [
    "",
    "my.app",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.openai.v1",
    "openinference.instrumentation.openai",
    "pydantic-ai",
    "langfuse-sdk",
    "litellm",
]
CALL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
NO_COUNTS: list[Any] = [float("nan"), -1, "abc", "", True, 10**12, [1]]
TYPES: list[Callable[[int], Any]] = [int, float, str, lambda value: f" {value}", lambda value: f"{value}.0"]
KEYS = {
    "input": ["input_tokens", "prompt_tokens", "inputTokens", "promptTokens"],
    "output": ["output_tokens", "completion_tokens", "outputTokens", "completionTokens"],
    "cached": ["cached_tokens", "cache_read_input_tokens", "prompt_tokens_details.cached_tokens"],
    "reasoning": ["reasoning_tokens", "completion_tokens_details.reasoning_tokens", "reasoningTokens"],
    "total": ["total_tokens", "totalTokens"],
}


class Told(NamedTuple):
    """What a span says of a true usage."""

    truth: dict[str, int]
    said: frozenset[str]  # which quantities
    attributes: dict[str, Any]
    scope: str


@st.composite
def told(draw: st.DrawFn) -> Told:
    tokens_in = draw(st.integers(20, 50_000))
    tokens_out = draw(st.integers(max(1, tokens_in // 100), tokens_in))  # beyond, nine of ten are not held
    truth = {
        "input": tokens_in,
        "output": tokens_out,
        "cached": draw(st.integers(1, tokens_in)),
        "reasoning": draw(st.integers(1, tokens_out)),
        "total": tokens_in + tokens_out,
    }
    said = draw(
        st.sets(st.sampled_from(sorted(truth)), min_size=1).filter(lambda some: some & {"input", "output", "total"})
    )
    as_type = st.sampled_from(TYPES)
    pairs: list[tuple[str, Any]] = []
    in_object: bool = draw(st.booleans())
    if not in_object:
        family = draw(st.sampled_from([one for one in FAMILIES if not one.closed]))
        known = {field: getattr(family.source.tokens, field) for field in FIELDS}
        said = {field for field in said if known[field]}
        pairs += [(draw(st.sampled_from(known[field])), draw(as_type)(truth[field])) for field in sorted(said)]
        # What cannot be a count, under another name of something, hides nothing.
        field = draw(st.sampled_from(["input", "output"]))
        others = [name for name in known[field] if name not in dict(pairs)]
        spoilt: bool = draw(st.booleans())
        if others and spoilt:
            pairs.append((draw(st.sampled_from(others)), draw(st.sampled_from(NO_COUNTS))))
    else:
        source = draw(st.sampled_from([one for one in OBJECTS if "anthropic" not in one.attribute]))
        inner = {draw(st.sampled_from(KEYS[field])): draw(as_type)(truth[field]) for field in sorted(said)}
        if draw(st.booleans()):
            nested: dict[str, Any] = {}
            for key, value in inner.items():
                first, _, rest = key.partition(".")
                nested[first] = {rest: value} if rest else value
            inner = nested
        pairs.append((source.attribute, json.dumps(inner)))
    mixed: list[tuple[str, Any]] = draw(st.permutations([*CALL.items(), *pairs]))
    return Told(truth, frozenset(said), dict(mixed), draw(st.sampled_from(SCOPES)))


@settings(max_examples=400, deadline=None)
@given(told())
def test_what_is_read_is_the_truth_or_a_part_of_it(one: Told) -> None:
    sides = one.said & {"input", "output", "total"}
    found = read(one.attributes, one.scope)
    if not sides:
        assert found is None or not (found.usable or found.partial)
        return
    assert found is not None
    truth = one.truth
    assert found.input_tokens in {None, truth["input"]}
    assert found.output_tokens in {None, truth["output"]}
    assert found.cached_input_tokens in {None, truth["cached"]}
    assert found.reasoning_tokens in {None, truth["reasoning"]}
    if len(sides) > 1:
        assert (found.input_tokens, found.output_tokens, found.problem) == (truth["input"], truth["output"], "")
        assert "cached" not in one.said or found.cached_input_tokens == truth["cached"]
    else:
        assert found.problem == Outcome.PARTIAL_USAGE
        assert found.reported in sides
        assert found.total_tokens in {None, truth["total"]}


@settings(max_examples=100, deadline=None)
@given(told().filter(lambda one: len(one.said & {"input", "output", "total"}) == 1))
def test_the_bounds_of_a_part_hold_the_whole(one: Told) -> None:
    pipeline = Pipeline(attributes="full")
    whole = {
        "gen_ai.usage.input_tokens": one.truth["input"],
        "gen_ai.usage.output_tokens": one.truth["output"],
        **{
            f"gen_ai.usage.{name}": one.truth[field]
            for field, name in (("cached", "cached_tokens"),)
            if field in one.said
        },
    }
    for attributes in (one.attributes, CALL | whole):
        pipeline.provider.get_tracer(one.scope or "my.app").start_span("chat", attributes=attributes).end()
    part, true = (cast("dict[str, Any]", span.attributes) for span in pipeline.spans("chat"))
    assert part["carbon.emissions.grams"] > 0.0
    low, high = part["carbon.emissions.low_grams"], part["carbon.emissions.high_grams"]
    assert low <= true["carbon.emissions.grams"] <= high
