# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The estimate without a span: figures by hand, and what a wrong argument says."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.sdk.trace import Event

import carbonspan
from carbonspan import Range
from carbonspan.core._options import Settings
from carbonspan.runtime import Runtime

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def estimate(**arguments: Any) -> carbonspan.Footprint:
    given_ = {"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 1000, "at": NOON}
    return carbonspan.estimate(**{**given_, **arguments})


def test_the_worked_example_of_the_research_by_hand() -> None:
    # 0.539 J x 1000 x (1 + 1000/110000) + 4.04 J x 1000 = 543.9 + 4040 = 4583.9 J.
    got = estimate(region="US")
    assert got.energy.it_j.central == pytest.approx(4583.9)
    assert got.energy_wh.central == pytest.approx(4583.9 / 3600 * got.site.pue.central)
    assert got.usage.provider == "openai"


def test_cached_input_costs_less_and_says_what_that_saved() -> None:
    plain, cached = estimate(), estimate(cached_input_tokens=800)
    # 800 tokens: 0.539 x 1.00909 J each afresh, 0.0539 J each from the cache.
    saved_j = 800 * (0.539 * (1 + 1000 / 110_000) - 0.0539)
    assert plain.energy.it_j.central - cached.energy.it_j.central == pytest.approx(saved_j)
    assert cached.cache_savings_g == pytest.approx(plain.emissions_g.central - cached.emissions_g.central)


def test_the_region_is_where_it_ran() -> None:
    got = estimate(region="aws:eu-west-1")
    assert (got.site.place.region, got.site.place.method, got.intensity.zone) == ("eu-west-1", "setting", "IE")


@pytest.mark.parametrize("region", ["US", "EU", "FRA", "zone:GB", "azure:swedencentral", "SWE"])
@pytest.mark.parametrize("model", ["gpt-4o", "mistral-large-2411", "claude-sonnet-4-5"])
def test_the_estimate_is_the_spans(model: str, region: str) -> None:
    got = estimate(model=model, region=region)
    span = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": got.usage.provider,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 1000,
        "gen_ai.usage.cache_read.input_tokens": 0,
    }
    ns = int(NOON.timestamp()) * 10**9
    # The assumption of a region is the same place as the certainty of it, but for how it was known.
    found = Runtime.of(Settings.resolve({"region": region}, {})).estimator.estimate(span, "", ns, ns, {})
    assert found is not None
    assert found.figures is not None
    footprint = found.figures.footprint()
    assert got.emissions_g == footprint.emissions_g
    assert got.energy_wh == footprint.energy_wh
    assert got.water_ml == footprint.water_ml


def test_a_span_without_a_model_is_estimated_as_the_model_of_its_service() -> None:
    counts = {"gen_ai.usage.prompt_tokens": 800, "gen_ai.usage.completion_tokens": 120}
    estimator = Runtime.of(Settings.resolve({"span_models": {"vllm-*": "llama-3.1-70b-instruct"}}, {})).estimator
    ns, resource = int(NOON.timestamp() * 1e9), {"service.name": "vllm-chat"}
    event = Event("gen_ai.usage", counts)
    unknown = estimator.estimate(counts, "vllm.llm_engine", ns, ns, {"service.name": "other"})
    on_span = estimator.estimate(counts, "vllm.llm_engine", ns, ns, resource)
    on_event = estimator.estimate({"gen_ai.operation.name": "chat"}, "vllm.llm_engine", ns, ns, resource, [event])
    assert unknown is not None
    assert (unknown.outcome, unknown.usage.model) == ("unknown_model", "")
    for found in (on_span, on_event):
        assert found is not None
        assert (found.outcome, found.usage.model) == ("enriched", "llama-3.1-70b-instruct")
        assert (found.usage.input_tokens, found.usage.output_tokens) == (800, 120)


def test_without_a_region_the_bounds_are_wider() -> None:
    known, unknown = estimate(region="aws:eu-west-1"), estimate()

    def width(r: Range) -> float:
        return r.high / r.low

    assert width(unknown.emissions_g) > width(known.emissions_g)
    assert unknown.site.place.method == "provider_default"


def test_without_a_time_it_is_now() -> None:
    before = datetime.now(timezone.utc)
    hour = carbonspan.estimate(model="gpt-4o", input_tokens=1, output_tokens=1).intensity.hour
    assert before - timedelta(hours=1) < hour <= datetime.now(timezone.utc)


def test_a_provider_in_any_spelling() -> None:
    assert estimate(provider="bedrock").usage.provider == "aws.bedrock"
    assert estimate(provider="Azure").usage.provider == "azure.ai.openai"


def test_embeddings_have_no_output() -> None:
    got = estimate(model="text-embedding-3-small", operation="embeddings", output_tokens=0)
    assert got.energy.it_j.central == pytest.approx(0.00393 * 1000)


def test_a_worse_design_visibly_moves_the_number() -> None:
    small = estimate(model="gpt-4.1-nano").emissions_g.central
    assert estimate(model="gpt-4.1").emissions_g.central > 4 * small
    assert estimate(model="gpt-4.1-nano", output_tokens=2000).emissions_g.central > 1.5 * small


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": None}, r"model is None; allowed: a string"),
        ({"input_tokens": -1}, r"input_tokens is -1; allowed: a whole number from 0"),
        ({"input_tokens": 1.5}, r"input_tokens is 1\.5"),
        ({"output_tokens": True}, r"output_tokens is True"),
        ({"output_tokens": 10**12}, r"output_tokens is 1000000000000"),
        ({"cached_input_tokens": 2000}, r"cached_input_tokens is 2000; allowed: a whole number from 0 to 1000"),
        ({"at": datetime(2026, 3, 1)}, r"at is .*allowed: a datetime with a time zone"),  # noqa: DTZ001 - the point
        ({"at": "noon"}, r"at is 'noon'"),
        ({"at": datetime(1600, 1, 1, tzinfo=timezone.utc)}, r"allowed: 1970 or later"),
        ({"provider": 5}, r"provider is 5; allowed: a string"),
        ({"operation": ["chat"]}, r"operation is \['chat'\]"),
        ({"region": "aws:nowhere-1"}, r"option 'region' is 'aws:nowhere-1'"),
        ({"basis": "marginal", "basis_strict": True}, r"'basis_strict' is True, but no marginal intensity"),
    ],
)
def test_a_wrong_argument_names_itself_its_value_and_what_is_allowed(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        estimate(**wrong)


tokens = st.integers(min_value=0, max_value=10**8)
# From the first machine clocks to far beyond any span.
moments = st.integers(min_value=0, max_value=10**10).map(lambda s: datetime.fromtimestamp(s, timezone.utc))


@settings(deadline=None)
@given(st.text(max_size=40), tokens, tokens, moments)
def test_any_model_and_time_gives_ordered_finite_figures(
    model: str, given_in: int, given_out: int, at: datetime
) -> None:
    got = estimate(model=model, input_tokens=given_in, output_tokens=given_out, at=at)
    for r in (got.energy_j, got.emissions_g, got.operational_g, got.embodied_g, got.water_ml):
        assert 0 <= r.low <= r.central <= r.high < math.inf
    if given_in + given_out:
        assert got.emissions_g.central > 0 or got.energy.tier == "embedding"


def test_what_is_kept_between_estimates_follows_the_environment_and_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    before = estimate()
    assert estimate() == before
    monkeypatch.setenv("CARBONSPAN_PUE", "2.5")
    assert estimate().site.pue.central == 2.5
    monkeypatch.delenv("CARBONSPAN_PUE")
    assert estimate() == before
    later = estimate(at=NOON + timedelta(hours=1))
    assert later.intensity.hour == NOON + timedelta(hours=1)
    assert estimate(output_tokens=2000).emissions_g.central > before.emissions_g.central


def test_a_file_of_models_that_changes_between_estimates_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    found = []
    for billions in (8, 80):
        file.write_text(json.dumps({"my-llama": {"active_b": billions, "total_b": billions}}), encoding="utf-8")
        found.append(estimate(model="my-llama", models=file).energy_wh.central)
    assert found[1] > 2 * found[0]


@pytest.mark.parametrize(
    ("right", "wrong"), [({"pue": 1.0}, {"pue": True}), ({"basis_strict": True}, {"basis_strict": 1})]
)
def test_an_option_that_is_equal_to_an_allowed_one_is_checked_all_the_same(
    right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert estimate(**right).emissions_g.central > 0
    with pytest.raises(ValueError, match="allowed:"):
        estimate(**wrong)
