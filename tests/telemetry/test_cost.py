# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Cost: what a span says, in every spelling, else the list price, equal to what `genai-prices` itself computes."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.telemetry import _cost as cost
from tests.figures import figures

if TYPE_CHECKING:
    from pathlib import Path


AT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
AT_NS = int(AT.timestamp()) * 10**9

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="genai-prices needs Python 3.11")


@pytest.mark.parametrize("name", cost.ATTRIBUTES)
def test_every_spelling_is_read(name: str) -> None:
    value: Any = json.dumps({"input": 0.1, "total": 0.25}) if name.startswith("langfuse") else 0.25
    assert cost.usd(cost.stated({"gen_ai.request.model": "m", name: value})) == 0.25


def test_a_cost_in_another_currency_is_not_dollars() -> None:
    span = {"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "EUR"}
    assert cost.stated(span) is None
    assert cost.stated(span | {"gen_ai.usage.cost.currency": "USD"}) == 0.25
    assert cost.stated(span | {"operation.cost": 0.3}) == 0.3


def cost_of(attributes: dict[str, Any], tokens: tuple[int, int] = (1000, 100)) -> float | None:
    return cost.usd(cost.stated({"gen_ai.request.model": "m"} | attributes), figures(tokens=(*tokens, None)))


COST_DETAILS = "langfuse.observation.cost_details"


@pytest.mark.parametrize("part", cost.PARTS, ids=lambda part: str(part[0]))
def test_a_cost_in_parts_is_their_sum(part: tuple[str, str, str]) -> None:
    of_input, of_output, added = part
    both = {of_input: 0.25, of_output: 0.5}
    assert cost_of(both) == 0.75
    assert cost_of({of_input: "0.25", of_output: "0.5"}) == 0.75
    if added:
        assert cost_of(both | {added: 0.125}) == 0.875
    # One side is the whole where there was no other, and says nothing where there was.
    assert cost_of({of_input: 0.25}) is cost_of({of_output: 0.5}) is None
    assert cost_of({of_input: 0.25}, (1000, 0)) == 0.25
    assert cost_of({of_output: 0.5}, (0, 100)) == 0.5


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"input": 0.25, "output": 0.5}, 0.75),
        ({"input": 0.25, "output": 0.5, "total": 1.0}, 1.0),
        ({"input": 0.25, "output": 0.5, "total": None}, 0.75),
        ({"input": 0.25, "output": 0.5, "total": -1}, 0.75),
        ({"input": "0.25", "output": "0.5"}, 0.75),
        ({"input": 0.25, "input_cached_tokens": 0.125, "output": 0.5, "output_reasoning": 0.0625}, 0.9375),
        ({"input_cost": 0.25, "output_cost": 0.5, "total_cost": 1.0}, 1.0),
        ({"prompt_tokens": 0.25, "completion_tokens": 0.5}, 0.75),
        ({"request": 0.25}, 0.25),
        ({"input": 0.25}, None),
        ({"output": 0.5, "request": 0.25}, None),
        ({}, None),
    ],
)
def test_an_object_of_costs_is_its_total_or_their_sum(details: dict[str, Any], expected: float | None) -> None:
    for name in (COST_DETAILS, "mlflow.llm.cost"):
        assert cost_of({name: json.dumps(details)}) == expected


def test_costs_that_the_value_limit_cut_off_are_read_as_far_as_they_go() -> None:
    text = json.dumps({"input": 0.25, "output": 0.5, "total": 0.75})
    assert cost_of({COST_DETAILS: text[:-4]}) == 0.75
    assert cost_of({COST_DETAILS: text[:28]}) is None


def test_details_stand_for_a_part_that_is_not_there() -> None:
    of_input = {"llm.cost.prompt_details.input": 0.25, "llm.cost.prompt_details.cache_read": 0.125}
    of_output = {"llm.cost.completion_details.output": 0.5, "llm.cost.completion_details.reasoning": 0.0625}
    assert cost_of(of_input | of_output) == 0.9375
    assert cost_of(of_input | of_output | {"llm.cost.prompt": 1.0}) == 1.5625
    assert cost_of(of_input) is None


@pytest.mark.parametrize("bad", [float("nan"), -1, "n/a", True, 1e9, "{", [1.0]], ids=str)
def test_a_figure_that_cannot_be_one_does_not_hide_one_that_can(bad: object) -> None:
    assert cost_of({"operation.cost": bad, "llm.cost.total": 0.25}) == 0.25
    assert cost_of({"llm.cost.total": bad, "llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}) == 0.75
    assert cost_of({"llm.cost.total": bad, COST_DETAILS: '{"total": 0.25}'}) == 0.25
    assert cost_of({"llm.cost.total": bad}) is None


def test_parts_beside_an_amount_in_another_currency() -> None:
    euros = {"gen_ai.usage.cost.amount": 9.0, "gen_ai.usage.cost.currency": "EUR"}
    assert cost_of(euros | {"gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": 0.5}) == 0.75


@pytest.mark.parametrize(
    "value",
    [None, True, -1, float("nan"), float("inf"), 1e9, "much", "{", '{"total": "x"}', "[1]", '{"input": 1}', [1], "NaN"],
    ids=str,
)
def test_what_is_no_cost_is_none(value: object) -> None:
    assert cost.usd(value) is None


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.floats())))
def test_any_value_is_a_plausible_number_or_none(value: object) -> None:
    found = cost.usd(value)
    assert found is None or 0.0 <= found <= cost.MAX_USD


def priced(prices: cost.Prices, model: str, provider: str = "", *, idle: bool = True) -> float | None:
    return prices.usd(figures(model, provider, start_ns=AT_NS), idle=idle)


def test_nothing_is_imported_while_a_span_waits() -> None:
    prices = cost.Prices()
    assert priced(prices, "gpt-4o", "openai", idle=False) is None
    assert priced(prices, "gpt-4o", "openai") is not None
    assert priced(prices, "gpt-4o", "openai", idle=False) is not None


def test_the_price_of_one_call_by_hand() -> None:
    # gpt-4o: 2.50 USD per million fresh, 1.25 cached, 10 output (OpenAI's price list, 2026).
    found = priced(cost.Prices(), "gpt-4o-2024-08-06", "openai")
    assert found == pytest.approx((200 * 2.5 + 1000 * 1.25 + 300 * 10) / 1e6)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("aws.bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0"),
        ("gcp.gemini", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "gemini-2.5-pro"),
        ("mistral_ai", "mistral-large-latest"),
        ("x_ai", "grok-4"),
        ("deepseek", "deepseek-chat"),
        ("groq", "llama-3.3-70b-versatile"),
    ],
)
def test_opentelemetrys_provider_names_find_their_prices(provider: str, model: str) -> None:
    assert priced(cost.Prices(), model, provider)


def test_a_model_without_a_price_costs_an_unknown_sum() -> None:
    prices = cost.Prices()
    assert [priced(prices, "my-own-model") for _ in range(2)] == [None, None]


def token_models() -> list[tuple[str, str]]:
    from genai_prices.data import providers  # noqa: PLC0415 - the package may be missing

    # What is charged by token alone: no searches, images, seconds.
    kinds = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}
    found = []
    for provider in providers:
        for model in provider.models:
            price = model.get_prices(AT)
            named = {key for key, value in vars(price).items() if value is not None and not key.startswith("_")}
            if named <= kinds and "input_mtok" in named:
                found.append((provider.id, model.id))
    return found


def test_every_model_priced_by_the_token_costs_what_the_package_says() -> None:
    import genai_prices  # noqa: PLC0415 - as above

    prices = cost.Prices()
    models = token_models()
    assert len(models) > 300
    compared = 0
    for provider, model in models:
        for tokens in ((1200, 300, 0), (1200, 300, 1000), (250_000, 10, 100_000), (300_000, 4000, 0)):
            try:
                expected = genai_prices.calc_price(
                    genai_prices.Usage(input_tokens=tokens[0], output_tokens=tokens[1], cache_read_tokens=tokens[2]),
                    model,
                    provider_id=provider,
                    genai_request_timestamp=AT,
                )
            except LookupError:
                continue  # an id that no rule answers to
            if (expected.provider.id, expected.model.id) != (provider, model):
                continue  # an id that another model's rule answers to
            found = prices.usd(figures(model, provider, tokens=tokens, start_ns=AT_NS), idle=True)
            assert found == pytest.approx(float(expected.total_price), rel=1e-9, abs=1e-15), (provider, model, tokens)
            compared += 1
    assert compared > 1000


def test_the_memory_of_prices_is_bounded() -> None:
    prices = cost.Prices()
    for i in range(cost._MAX_MODELS + 10):
        priced(prices, f"m{i}", "openai")
    assert len(prices._known) <= cost._MAX_MODELS


def test_without_the_package_there_is_no_list_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.telemetry._cost.find_spec", lambda _name: None)
    prices = cost.Prices()
    assert (prices.installed, priced(prices, "gpt-4o", "openai")) == (False, None)


def test_a_partial_usage_costs_what_is_reported_and_no_more() -> None:
    prices = cost.Prices()
    whole = figures("gpt-4o", "openai", tokens=(1000, 100, None), start_ns=AT_NS)
    usd_in = prices.usd(figures("gpt-4o", "openai", tokens=(1000, 0, None), start_ns=AT_NS), idle=True)
    usd_out = prices.usd(figures("gpt-4o", "openai", tokens=(0, 100, None), start_ns=AT_NS), idle=True)
    assert usd_in is not None
    assert usd_out is not None
    nothing = whole._replace(input_tokens=None, output_tokens=None)
    assert prices.usd(nothing._replace(input_tokens=1000), idle=True) == usd_in
    assert prices.usd(nothing._replace(output_tokens=100), idle=True) == usd_out
    total = prices.usd(nothing._replace(total_tokens=1100), idle=True)
    assert total == pytest.approx(usd_in * 1.1)
    # The cost of one side is the whole cost only where the other is known to be nothing.
    of_input = cost.stated({"gen_ai.usage.input_cost": 0.5})
    assert cost.usd(of_input, whole._replace(output_tokens=0)) == 0.5
    assert cost.usd(of_input, whole._replace(output_tokens=None)) is None


@pytest.mark.parametrize(
    "text", ["raise ImportError('broken')", "", "def calc_price(*_, **__): raise TypeError('changed')"]
)
def test_a_package_that_fails_takes_no_grams_with_it(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "genai_prices.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "genai_prices")
    prices = cost.Prices()
    for model in ("gpt-4o", "gpt-5"):
        assert priced(prices, model, "openai") is None
    assert caplog.text.count("genai-prices fails") == 1
    monkeypatch.delitem(sys.modules, "genai_prices", raising=False)
