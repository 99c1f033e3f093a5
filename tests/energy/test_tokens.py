# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The token model against sums worked out by hand, and against anything a span can hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._outcome import Role
from carbonspan.core.values import Usage
from carbonspan.energy._registry import Registry
from carbonspan.energy._tokens import TokenModel

if TYPE_CHECKING:
    from carbonspan.energy import EnergyModel

MODEL = TokenModel()


def usage(
    model: str = "gpt-4o",
    input_tokens: int | None = 0,
    output_tokens: int | None = 0,
    cached: int | None = 0,
    *,
    written: int | None = None,
    operation: str = "chat",
    request_model: str = "",
) -> Usage:
    return Usage(
        role=Role.INFERENCE,
        operation=operation,
        provider="openai",
        model=model,
        request_model=request_model,
        dialect="",
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )


def test_the_published_example() -> None:
    # GPT-4o, 1,000 in, 1,000 out: 0.539 x 1000 x 1.00909 + 4.04 x 1000 = 4584 J, 1.273 Wh.
    energy = MODEL.estimate(usage(input_tokens=1000, output_tokens=1000))
    assert energy.it_j.central == pytest.approx(4583.9, abs=0.1)
    assert energy.it_j.low == pytest.approx(0.178 * 1000 * 1.0090909 + 1330, rel=1e-6)
    assert energy.it_j.high == pytest.approx(2.16 * 1000 * 1.0090909 + 16200, rel=1e-6)
    assert (energy.model_id, energy.model_known, energy.tier, energy.evidence) == ("gpt-4o", True, "frontier", "D")
    assert energy.method == "carbonspan-tokens/1.0"
    assert energy.cache_savings_it_j == 0.0


def test_it_is_an_energy_model() -> None:
    model: EnergyModel = MODEL
    assert (model.name, model.version) == ("carbonspan-tokens", "1.0")


def test_a_long_context_costs_more_per_token() -> None:
    short = MODEL.estimate(usage(input_tokens=11_000)).it_j.central / 11_000
    long = MODEL.estimate(usage(input_tokens=110_000)).it_j.central / 110_000
    assert (short, long) == pytest.approx((0.539 * 1.1, 0.539 * 2.0))


def test_cached_input_costs_a_tenth_and_the_rest_is_avoided() -> None:
    energy = MODEL.estimate(usage(input_tokens=11_000, cached=10_000))
    # Fresh 1,000 x 0.539 x 1.1 = 592.9 J, cached 10,000 x 0.0539 = 539 J; afresh 11,000 x 0.539 x 1.1 = 6521.9 J.
    assert energy.it_j.central == pytest.approx(592.9 + 539.0)
    assert energy.cache_savings_it_j == pytest.approx(6521.9 - 592.9 - 539.0)


def test_unreported_cache_lowers_the_low_bound_alone() -> None:
    unknown = MODEL.estimate(usage(input_tokens=1000, cached=None)).it_j
    fresh = MODEL.estimate(usage(input_tokens=1000, cached=0)).it_j
    assert (unknown.central, unknown.high) == (fresh.central, fresh.high)
    # min(0.178 x 1.00909, 0.0539) x 1,000
    assert unknown.low == pytest.approx(53.9)
    assert fresh.low == pytest.approx(179.618, rel=1e-4)


def test_written_tokens_were_not_read() -> None:
    energy = MODEL.estimate(usage(input_tokens=1000, cached=None, written=400)).it_j
    assert energy.low == pytest.approx(400 * 0.178 * 1.0090909 + 600 * 0.0539)
    assert energy.central == pytest.approx(0.539 * 1000 * 1.0090909)


@pytest.mark.parametrize("cached", [None, 0])
def test_an_encoder_has_no_cache_to_have_been_read_and_no_context(cached: int | None) -> None:
    energy = MODEL.estimate(usage("text-embedding-3-small", 1_000_000, 0, cached, operation="embeddings"))
    assert energy.it_j == pytest.approx((786.0, 3930.0, 39300.0))
    assert energy.tier == "embedding"


def test_a_generator_that_encodes_is_charged_input_without_context() -> None:
    energy = MODEL.estimate(usage("llama3.1:8b", 1_000_000, 0, None, operation="embeddings"))
    assert energy.it_j.central == pytest.approx(37_700.0)


def test_more_cached_than_input_counts_as_all_of_it() -> None:
    assert MODEL.estimate(usage(input_tokens=10, cached=99)) == MODEL.estimate(usage(input_tokens=10, cached=10))


def test_the_request_tells_the_model_where_the_response_does_not() -> None:
    assert MODEL.estimate(usage("dep-7f3a", 1, 1, request_model="gpt-4.1")).model_id == "gpt-4.1"
    assert MODEL.estimate(usage("gpt-4o", 1, 1, request_model="gpt-4.1")).model_id == "gpt-4o"
    unknown = MODEL.estimate(usage("dep-7f3a", 1, 1, request_model="alias"))
    assert (unknown.model_id, unknown.model_known, unknown.evidence) == ("class:frontier", False, "E")


def test_a_registered_model() -> None:
    registry = Registry().with_models({"acme": {"j_per_output_token": 2.0, "j_per_input_token": 0.1}})
    energy = TokenModel(registry).estimate(usage("acme", 0, 100))
    assert energy.it_j.central == pytest.approx(200.0)
    assert (energy.evidence, energy.model_id) == ("A", "acme")


counts = st.integers(min_value=0, max_value=10**8)
names = st.one_of(
    st.text(max_size=300),
    st.sampled_from(["gpt-4o", "gpt-5-nano", "llama-3.1-8b", "rerank-v3.5", "x" * 10_000, "a-70b", "e-mini"]),
    st.from_regex(r"[a-z]{1,8}[-:/@.][0-9]{1,5}(b|m|t|x7b|b-a3b)", fullmatch=True),
)


@given(
    name=names,
    tokens_in=counts,
    tokens_out=counts,
    cached=st.none() | counts,
    written=st.none() | counts,
    operation=st.sampled_from(["chat", "embeddings", "rerank", ""]),
)
def test_any_span_gives_finite_ordered_energy(
    *, name: str, tokens_in: int, tokens_out: int, cached: int | None, written: int | None, operation: str
) -> None:
    energy = MODEL.estimate(usage(name, tokens_in, tokens_out, cached, written=written, operation=operation))
    assert 0.0 <= energy.it_j.low <= energy.it_j.central <= energy.it_j.high < math.inf
    assert 0.0 <= energy.cache_savings_it_j < math.inf
    assert energy.model_id
    assert energy.tier
    if tokens_in:
        assert energy.it_j.low > 0.0


@given(name=names, tokens=counts, more=st.integers(1, 10**6), cached=st.none() | counts)
def test_more_tokens_never_cost_less(name: str, tokens: int, more: int, cached: int | None) -> None:
    base = MODEL.estimate(usage(name, tokens, tokens, cached)).it_j
    grown = (
        MODEL.estimate(usage(name, tokens + more, tokens, cached)).it_j,
        MODEL.estimate(usage(name, tokens, tokens + more, cached)).it_j,
    )
    for bound in range(3):
        assert all(value[bound] >= base[bound] * (1 - 1e-12) for value in grown)


@pytest.mark.parametrize("count", [-5, 10**400, True, None])
def test_counts_no_reader_should_let_through_do_no_harm(count: int | None) -> None:
    energy = MODEL.estimate(usage("gpt-4o", count, count, count, written=count))
    assert 0.0 <= energy.it_j.low <= energy.it_j.high < math.inf
