# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is assumed of providers."""

from __future__ import annotations

import pytest

from carbonspan.core._tables import rows
from carbonspan.site._places import area_place
from carbonspan.site._providers import UNKNOWN, Provider, provider_of

# https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
OPENTELEMETRY = [
    "openai",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "gcp.gemini",
    "anthropic",
    "cohere",
    "azure.ai.inference",
    "azure.ai.openai",
    "ibm.watsonx.ai",
    "aws.bedrock",
    "perplexity",
    "x_ai",
    "deepseek",
    "groq",
    "mistral_ai",
    "moonshot_ai",
]


@pytest.mark.parametrize("name", OPENTELEMETRY)
def test_every_provider_of_the_convention_is_known(name: str) -> None:
    assert provider_of(name).operator


@pytest.mark.parametrize("row", rows("sites/providers.csv"), ids=lambda row: str(row["provider"]))
def test_every_default_is_a_place_and_an_assumption(row: dict[str, str]) -> None:
    if row["region"]:
        assert area_place(row["region"], row["operator"], "provider_default") is not None
        assert row["source"].startswith("assumption:")
    assert bool(row["operator"]) != bool(row["self_hosted"])


@pytest.mark.parametrize(
    ("provider", "model", "own"),
    [
        ("openai", "gpt-4o", True),
        ("openai", "openai/gpt-4o-2024-08-06", True),
        ("openai", "ft:gpt-4o-mini:acme::1", True),
        ("openai", "o3-mini", True),
        ("openai", "", True),
        ("openai", "gpt-oss-120b", False),  # open weights: anyone serves it
        ("openai", "meta-llama/llama-3.3-70b-instruct", False),
        ("anthropic", "claude-sonnet-4-5", True),
        ("mistral_ai", "magistral-medium", True),
        ("huggingface", "", False),  # no lab
        ("groq", "gpt-4o", False),
        ("nobody", "", False),
    ],
)
def test_a_lab_knows_its_own_models(provider: str, model: str, *, own: bool) -> None:
    assert provider_of(provider).is_own(model) is own


def test_an_operator_stands_for_its_provider() -> None:
    assert provider_of("mistral")[:3] == ("mistral", "EU", False)
    assert provider_of("xai").region == "US"
    assert provider_of("gcp") == Provider("gcp", "", self_hosted=False)
    assert provider_of("vllm").self_hosted
    assert provider_of("strands-agents") == UNKNOWN
    assert provider_of("") == UNKNOWN
