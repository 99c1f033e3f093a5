# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The option `models`: what users register, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from carbonspan.energy import _law as law
from carbonspan.energy._registry import Registry, default_registry


def test_users_register_a_size() -> None:
    registry = Registry().with_models({"Acme-*": {"active_b": 8, "total_b": 8, "concurrency": 8}})
    entry = registry.resolve("hosted_vllm/ACME-chat")
    assert (entry.id, entry.evidence, entry.tier, entry.known) == ("Acme-*", "C", "small", True)
    # 0.0314 x 8^0.87 x 8^0.45 = 0.0314 x 15.562 = 0.4887 J
    assert entry.coefficients.j_per_output_token.central == pytest.approx(0.4887, rel=1e-3)
    assert entry.coefficients.j_per_output_token.high == pytest.approx(0.4887 * 3.8, rel=1e-3)
    assert default_registry().resolve("acme-chat").known is False


def test_a_size_without_concurrency_reaches_as_far_as_any_open_model_on_an_unknown_host() -> None:
    output = Registry().with_models({"acme": {"active_b": 8, "total_b": 8}}).resolve("acme").coefficients[0]
    assert output.high == pytest.approx(output.central * law.reaches()["C", "small"].output_multiply)


def test_users_register_a_measurement() -> None:
    registry = Registry().with_models({"acme": {"j_per_output_token": 2.0, "j_per_input_token": 0.1}})
    entry = registry.resolve("acme")
    assert (entry.evidence, entry.tier, entry.known) == ("A", "large", True)
    # sqrt(0.10^2 + 0.20^2 + 0.30^2) = 0.3742
    assert entry.coefficients.j_per_output_token == pytest.approx((2 / 1.3742, 2, 2 * 1.3742), rel=1e-4)
    assert entry.coefficients.j_per_cached_token.central == pytest.approx(0.01)


def test_users_state_cache_and_uncertainty() -> None:
    spec = {"j_per_output_token": 2.0, "j_per_input_token": 0.1, "j_per_cached_token": 0.02, "uncertainty": 0.25}
    coefficients = Registry().with_models({"acme": spec}).resolve("acme").coefficients
    assert coefficients.j_per_input_token == pytest.approx((0.08, 0.1, 0.125))
    assert coefficients.j_per_cached_token == pytest.approx((0.016, 0.02, 0.025))


def test_a_measured_encoder() -> None:
    registry = Registry().with_models({"acme": {"j_per_output_token": 0, "j_per_input_token": 0.01}})
    assert registry.resolve("acme").tier == "embedding"


def test_users_win_over_the_bundled_and_the_later_over_the_earlier() -> None:
    first = Registry().with_models({"gpt-4o": {"active_b": 1, "total_b": 1}, "acme": {"active_b": 1, "total_b": 1}})
    second = first.with_models({"gpt-*": {"active_b": 2, "total_b": 2}})
    assert second.resolve("openai/gpt-4o-2024-08-06").id == "gpt-*"
    assert second.resolve("acme").id == "acme"
    assert [entry.id for entry in second.entries()][:3] == ["gpt-*", "gpt-4o", "acme"]
    assert first.resolve("gpt-4o").coefficients.j_per_output_token.central == pytest.approx(0.0314)
    assert default_registry().resolve("gpt-4o").evidence == "D"


def test_a_dated_name_means_that_version_only() -> None:
    registry = Registry().with_models({"gpt-4o-2024-08-06": {"active_b": 1, "total_b": 1}})
    assert registry.resolve("gpt-4o").id == "gpt-4o"
    assert registry.resolve("azure/gpt-4o-2024-08-06").id == "gpt-4o-2024-08-06"


SIZE = {"active_b": 1, "total_b": 1}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"": SIZE}, r"models: a model's name or glob must be a string that is not empty, not ''"),
        ({3: SIZE}, r"models: a model's name .* not 3"),
        ({"acme": 3}, r"models: 'acme' must be a mapping with either active_b, total_b .* not 3"),
        ({"acme": {}}, r"models: 'acme' must be a mapping"),
        ({"acme": {"active_b": 8}}, r"models: 'acme' lacks total_b, a number above 0"),
        ({"acme": {"active_b": 9, "total_b": 8}}, r"models: 'acme': active_b must not exceed total_b, but 9.0 > 8.0"),
        ({"acme": {"active_b": 0, "total_b": 8}}, r"models: 'acme': active_b must be a number above 0.*; not 0"),
        ({"acme": {"active_b": "8", "total_b": 8}}, r"active_b must be a number above 0.*; not '8'"),
        ({"acme": {"active_b": True, "total_b": 8}}, r"active_b must be a number above 0.*; not True"),
        ({"acme": {"active_b": math.nan, "total_b": 8}}, r"active_b must be a number above 0.*; not nan"),
        ({"acme": {**SIZE, "concurrency": math.inf}}, r"concurrency must be a number above 0.*; not inf"),
        (
            {"acme": {"active_b": 8, "total_b": 8, "j_per_output_token": 1}},
            r"models: 'acme' has \['active_b', .* allowed",
        ),
        ({"acme": {"j_per_output_token": 1}}, r"models: 'acme' lacks j_per_input_token"),
        ({"acme": {"j_per_output_token": -1, "j_per_input_token": 1}}, r"j_per_output_token must be .* 0 or more.* -1"),
        ({"acme": {"j_per_output_token": 0, "j_per_input_token": 0}}, r"must not both be 0"),
        (
            {"acme": {"j_per_output_token": 1, "j_per_input_token": 1, "j_per_cached_token": 2}},
            r"j_per_cached_token must be a number of 0 or more, at most 1; not 2",
        ),
        (
            {"acme": {"j_per_output_token": 1, "j_per_input_token": 1, "uncertainty": -0.1}},
            r"uncertainty must be a number of 0 or more",
        ),
    ],
)
def test_refuses_impossible_values(models: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Registry().with_models(models)
