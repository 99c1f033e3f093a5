# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A plan changes nothing but the time: every span comes to what the estimator's steps make of it, one by one."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._options import Settings
from carbonspan.core.values import Basis, Quality, Usage
from carbonspan.energy import TokenModel
from carbonspan.estimate import _plan as plans
from carbonspan.estimate._estimator import Estimate, Estimator
from carbonspan.estimate._plan import Figures
from carbonspan.estimate.footprint import footprint
from carbonspan.grid import HourValue
from carbonspan.grid._resolver import Resolver
from carbonspan.grid._store import HourStore
from carbonspan.runtime import Runtime
from carbonspan.site import Locator
from tests.figures import figures

SPANS = [
    (json.loads(line)["scope"], json.loads(line)["attributes"])
    for file in sorted((Path(__file__).parent.parent / "data" / "spans").rglob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
    if json.loads(line).get("scope") is not None and json.loads(line).get("attributes")
]
# 2026-03-01T12:00:00Z
NOON_NS = 1_772_366_400_000_000_000
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
    "server.address": "api.openai.com",
}


def estimator(**options: Any) -> Estimator:
    return Runtime.of(Settings.resolve(options, {})).estimator


def found_by(one: Estimator, *span: Any) -> Any:
    """What a span comes to, without the object that is shared."""
    known = one.known(*span)
    found = one.estimate(*span) if known is None else Estimate(known.plan.outcome, known.usage, known)
    if found is None or found.figures is None:
        return repr(found)
    plan = found.figures.plan
    return repr((found.outcome, plan.usage, plan.energy, plan.site, plan.intensity, plan.scope, found.figures[1:]))


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(),
    st.sampled_from(["chat", "invoke_agent", "vllm", "gpt-4o", "eu-west-1", "LLM", "", " ", "true", "{'input': 5}"]),
    st.lists(st.text(max_size=3), max_size=2),
)
changes = st.lists(st.tuples(st.integers(0, 40), values), max_size=3)
times = st.tuples(st.integers(-1, 2), st.sampled_from([-1, 0, 1, NS_PER_HOUR - 1, NS_PER_HOUR, 3 * NS_PER_HOUR]))
resources = st.sampled_from([{}, {"cloud.region": "eu-west-1"}, {"cloud.region": "us-east-1"}])


@given(st.sampled_from(SPANS), st.lists(st.tuples(changes, times, resources), min_size=1, max_size=5))
def test_any_spans_of_a_known_plan_come_to_the_same(
    span: tuple[str, dict[str, Any]], later: list[tuple[list[tuple[int, Any]], tuple[int, int], dict[str, Any]]]
) -> None:
    scope, recorded = span
    warm = estimator(self_hosted="vllm")
    for altered, (hour, duration_ns), resource in [([], (0, 1), {}), *later, *later]:
        attributes = dict(recorded)
        names = list(attributes)
        for at, value in altered:
            attributes[names[at % len(names)]] = value
        start_ns = NOON_NS + hour * NS_PER_HOUR
        given_ = (attributes, scope, start_ns, start_ns + duration_ns, resource)
        assert found_by(warm, *given_) == found_by(estimator(self_hosted="vllm"), *given_)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 15))
def test_a_total_that_shows_what_the_output_leaves_out_is_looked_at(
    tokens_in: int, tokens_out: int, reasoning: int, total: int
) -> None:
    warm = estimator()
    names = ("prompt", "completion", "completion_details.reasoning", "total")
    for counts in ((1, 5, 1, 6), (tokens_in, tokens_out, reasoning, total)):
        span: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.model_name": "o3"}
        span |= {f"llm.token_count.{name}": value for name, value in zip(names, counts, strict=True)}
        where: tuple[Any, ...] = ("openinference.instrumentation.openai", NOON_NS, NOON_NS + 1, {})
        assert found_by(warm, span, *where) == found_by(estimator(), span, *where)


some = st.sampled_from([None, 0, 5, 700, -1, 7.0, "5", "700", "many", math.nan, True])


@given(st.lists(st.lists(some, min_size=8, max_size=8), min_size=1, max_size=4))
@example([[700, 5, 700, 5, 700, 5, -1, "5"]])
def test_counts_of_any_type_in_two_sets_come_to_the_same(later: list[list[Any]]) -> None:
    warm = estimator()
    sides: tuple[str, ...] = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")
    sides = (*sides, "cache_read.input_tokens", "cache_read_input_tokens")
    names = ("llm.token_count.prompt", "llm.token_count.completion", *(f"gen_ai.usage.{name}" for name in sides))
    for values_ in ([5] * 8, *later, *later):
        named = {"llm.model_name": "gpt-4o", "gen_ai.request.model": "gpt-4o", "gen_ai.operation.name": "chat"}
        for scope in ("openinference.instrumentation.openai", "my.app"):
            span = named | dict(zip(names, values_, strict=True))
            where: tuple[Any, ...] = (scope, NOON_NS, NOON_NS + 1, {})
            assert found_by(warm, span, *where) == found_by(estimator(), span, *where)


counts = st.integers(0, 10_000_000)


@given(
    st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "gpt-5-mini", "text-embedding-3-small", "no-such-model", "o3"]),
    counts,
    counts,
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_flat_figures_are_those_of_the_steps_one_by_one(
    model: str, tokens_in: int, tokens_out: int, cached_share: float | None, written_share: float | None
) -> None:
    cached = None if cached_share is None else int(tokens_in * cached_share)
    written = None if written_share is None else int((tokens_in - (cached or 0)) * written_share)
    plan = figures(model).plan
    got = plan.figures("r", NOON_NS, NOON_NS + 1, tokens_in, tokens_out, cached, written, None)
    usage: Usage = plan.usage._replace(
        input_tokens=tokens_in, output_tokens=tokens_out, cached_input_tokens=cached, cache_write_tokens=written
    )
    expected = footprint(usage, TokenModel().estimate(usage), plan.site, plan.intensity)
    for low, central, high, want in (
        (got.it_low_j, got.it_central_j, got.it_high_j, expected.energy.it_j),
        (got.emissions_low_g, got.emissions_central_g, got.emissions_high_g, expected.emissions_g),
        (got.energy_low_wh, got.energy_central_wh, got.energy_high_wh, expected.energy_wh),
    ):
        assert (low, central, high) == pytest.approx(want, rel=1e-12, abs=1e-300)
    for value, want_central in (
        (got.operational_central_g, expected.operational_g.central),
        (got.embodied_central_g, expected.embodied_g.central),
        (got.water_central_ml, expected.water_ml.central),
    ):
        assert value == pytest.approx(want_central, rel=1e-12, abs=1e-300)
    assert got.cache_savings_g == (
        None if cached is None else pytest.approx(expected.cache_savings_g, rel=1e-9, abs=1e-12)
    )
    assert all(value is None or not isinstance(value, float) or math.isfinite(value) for value in got)
    assert got.footprint().emissions_g == pytest.approx(expected.emissions_g, rel=1e-12, abs=1e-300)


def test_the_second_span_of_a_plan_is_known() -> None:
    one = estimator()
    assert one.known(CHAT, "s", NOON_NS, NOON_NS + 1, {}) is None
    one.estimate(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    found = one.known(CHAT | {"gen_ai.usage.output_tokens": 301}, "s", NOON_NS, NOON_NS + 1, {})
    assert found is not None
    assert (found.plan.outcome, found.output_tokens) == ("enriched", 301)


@pytest.mark.parametrize(
    ("altered", "start_ns", "resource"),
    [
        ({}, NOON_NS + NS_PER_HOUR, {}),
        ({}, NOON_NS, {"cloud.region": "eu-west-1"}),
        ({"gen_ai.request.model": "gpt-4o-mini"}, NOON_NS, {}),
        ({"server.address": "example.openai.azure.com"}, NOON_NS, {}),
        ({"server.address": ["a"]}, NOON_NS, {}),
        ({"gen_ai.usage.output_tokens": None}, NOON_NS, {}),
        ({"gen_ai.usage.output_tokens": -1}, NOON_NS, {}),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, NOON_NS, {}),
    ],
    ids=str,
)
def test_what_is_of_another_plan_is_not(altered: dict[str, Any], start_ns: int, resource: dict[str, Any]) -> None:
    one = estimator()
    one.estimate(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    assert one.known(CHAT | altered, "s", start_ns, start_ns + 1, resource) is None


def test_a_flood_of_names_of_models_and_of_texts_is_bounded() -> None:
    one = estimator()
    for i in range(plans.MAX_GROUPS + 10):
        assert one.estimate(CHAT | {f"request.{i}": 1}, "s", NOON_NS, NOON_NS + 1, {}) is not None
    assert one.sizes()["groups"] <= plans.MAX_GROUPS
    one = estimator()
    for i in range(plans.MAX_PLANS + 10):
        assert one.estimate(CHAT | {"gen_ai.request.model": f"m{i}"}, "s", NOON_NS, NOON_NS + 1, {}) is not None
    assert (one.sizes()["groups"], one.sizes()["known"] <= plans.MAX_PLANS) == (1, True)
    one = estimator()
    one.estimate(CHAT | {"server.address": "x" * 1000}, "s", NOON_NS, NOON_NS + 1, {})
    assert one.sizes()["known"] == 0


def test_a_plan_ends_when_the_grid_knows_better() -> None:
    store = HourStore()
    one = Estimator(TokenModel(), Locator(overrides={"openai": "zone:GB"}), Resolver(store))

    def quality_and_intensity() -> tuple[Quality, float]:
        found = one.known(CHAT, "s", NOON_NS, NOON_NS + 1, {})
        if found is None:
            estimate = one.estimate(CHAT, "s", NOON_NS, NOON_NS + 1, {})
            assert estimate is not None
            found = estimate.figures
        assert isinstance(found, Figures)
        intensity = found.footprint().intensity
        return intensity.quality, intensity.intensity_g_per_kwh.central

    before = quality_and_intensity()
    assert quality_and_intensity() == before
    noon = datetime.fromtimestamp(NOON_NS / 1e9, timezone.utc)
    store.put([HourValue("GB", noon, 50.0, Basis.LIFE_CYCLE, Quality.MEASURED, "consumption", "test", noon)])
    assert before[0] is Quality.ANNUAL
    assert quality_and_intensity() == (Quality.MEASURED, 50.0)
