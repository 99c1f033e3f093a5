# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The second model, over the real package."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core._outcome import Role
from carbonspan.core.values import J_PER_WH, Usage
from carbonspan.energy import EnergyModel, _ecologits as ecologits
from carbonspan.energy._ecologits import EcoLogitsModel
from carbonspan.energy._tokens import TokenModel

if TYPE_CHECKING:
    from types import ModuleType


def usage(
    model: str, output_tokens: int, *, provider: str = "openai", operation: str = "chat", request_model: str = ""
) -> Usage:
    return Usage(
        role=Role.INFERENCE,
        operation=operation,
        provider=provider,
        model=model,
        request_model=request_model,
        dialect="",
        input_tokens=100,
        output_tokens=output_tokens,
        cached_input_tokens=0,
    )


@pytest.fixture(scope="module")
def model() -> EcoLogitsModel:
    return EcoLogitsModel()


def test_the_golden_value(model: EcoLogitsModel) -> None:
    # EcoLogits 0.11.3: 0.01962-0.02372 Wh at the facility for 300 tokens, with OpenAI's PUE of 1.20.
    energy = model.estimate(usage("gpt-4o-mini", 300))
    facility = energy.it_j.scaled(1.2 / J_PER_WH)
    assert (facility.low, facility.high) == pytest.approx((0.01962, 0.02372), abs=5e-6)
    assert facility.central == pytest.approx((facility.low + facility.high) / 2)
    assert (energy.model_id, energy.model_known, energy.tier) == ("gpt-4o-mini", True, "small")
    assert (energy.evidence, energy.cache_savings_it_j) == ("D", 0.0)


def test_a_range_of_pue_is_divided_out_end_by_end(model: EcoLogitsModel) -> None:
    utils: Any = importlib.import_module("ecologits.tracers.utils")
    value = utils.llm_impacts("anthropic", "claude-sonnet-4-5", 500, 1e9).energy.value
    energy = model.estimate(usage("claude-sonnet-4-5", 500, provider="anthropic")).it_j
    assert energy.low == pytest.approx(value.min * 3.6e6 / 1.09)
    assert energy.high == pytest.approx(value.max * 3.6e6 / 1.14)


def test_the_size_of_open_weights_is_not_a_guess(model: EcoLogitsModel) -> None:
    energy = model.estimate(usage("codestral-2508", 500, provider="mistral_ai"))
    assert energy.evidence == "C"
    assert energy.it_j.low == energy.it_j.central == energy.it_j.high > 0.0


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o-mini", "azure.ai.openai"),
        ("gpt-4o-mini", ""),
        ("openai/gpt-4o-mini", "somebody"),
        ("ft:gpt-4o-mini:acme::1", "openai"),
    ],
)
def test_finds_a_model_under_other_names(model: EcoLogitsModel, name: str, provider: str) -> None:
    assert model.estimate(usage(name, 300, provider=provider)) == model.estimate(usage("gpt-4o-mini", 300))


def test_the_request_names_the_model_where_the_response_does_not(model: EcoLogitsModel) -> None:
    assert model.estimate(usage("dep-1", 300, request_model="gpt-4o-mini")).model_id == "gpt-4o-mini"


def test_input_costs_nothing_in_its_method(model: EcoLogitsModel) -> None:
    one, two = model.estimate(usage("gpt-4o", 10)), model.estimate(usage("gpt-4o", 20))
    assert two.it_j.central == pytest.approx(2 * one.it_j.central, rel=0.2)


@pytest.mark.parametrize("name", ["claude-opus-4-1", "who-knows", "", "x" * 10_000])
def test_an_unknown_model_is_never_free(model: EcoLogitsModel, name: str) -> None:
    energy = model.estimate(usage(name, 300))
    own = TokenModel().estimate(usage(name, 300))
    assert (energy.it_j, energy.method) == (own.it_j, own.method)
    assert energy.model_known is False


def test_an_embedding_is_left_to_the_token_model(model: EcoLogitsModel) -> None:
    energy = model.estimate(usage("text-embedding-3-small", 0, operation="embeddings"))
    assert energy.it_j.central == pytest.approx(0.393)


def test_a_result_is_kept(model: EcoLogitsModel) -> None:
    assert model.estimate(usage("gpt-4o", 123)) is model.estimate(usage("gpt-4o", 123))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecologits, "_CACHE_SIZE", 2)
    model = EcoLogitsModel()
    for tokens in range(1, 6):
        model.estimate(usage("gpt-4o", tokens))
        model.estimate(usage(f"acme-{tokens}", tokens))
        assert model._energy.cache_info().currsize <= 2
        assert model._find.cache_info().currsize <= 2


def test_name_and_version(model: EcoLogitsModel) -> None:
    same: EnergyModel = model
    package: Any = importlib.import_module("ecologits")
    assert (same.name, same.version) == ("ecologits", package.__version__)
    assert model.estimate(usage("gpt-4o", 1)).method == f"ecologits/{package.__version__}"


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(ecologits, "import_module", missing)
    with pytest.raises(ImportError, match=r"carbonspan\[ecologits\]"):
        EcoLogitsModel()
