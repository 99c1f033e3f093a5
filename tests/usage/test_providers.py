# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spellings of providers, and who answers where a span does not say."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._tables import load
from carbonspan.usage._providers import OWN_COUNTS, canonical, inferred, own_counts


def test_no_provider_is_spelled_twice() -> None:
    table = load("usage/providers.json")
    spellings = [s for names in table["aliases"].values() for s in names] + table["not_providers"]["values"]
    assert len(set(spellings)) == len(spellings)
    assert all(s == s.lower() for s in spellings)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("Google", "gcp.gen_ai"),
        ("gemini", "gcp.gemini"),
        ("google-gla", "gcp.gemini"),
        ("google.generative-ai", "gcp.gemini"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("vertex.anthropic.messages", "gcp.vertex_ai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure", "azure.ai.openai"),
        ("azure-openai.chat", "azure.ai.openai"),
        ("azure_ai", "azure.ai.inference"),
        ("AWS", "aws.bedrock"),
        ("amazon-bedrock", "aws.bedrock"),
        ("xai", "x_ai"),
        ("mistralai", "mistral_ai"),
        ("ibm.watson.ai", "ibm.watsonx.ai"),
        # In the conventions' own list already.
        *((name, name) for name in ("openai", "gcp.gen_ai", "gcp.vertex_ai", "gcp.gemini", "anthropic", "cohere")),
        *((name, name) for name in ("azure.ai.inference", "azure.ai.openai", "ibm.watsonx.ai", "aws.bedrock")),
        *((name, name) for name in ("perplexity", "x_ai", "deepseek", "groq", "mistral_ai", "moonshot_ai")),
        # Frameworks and placeholders.
        ("strands-agents", ""),
        ("gcp.vertex.agent", ""),
        ("pydantic-ai", ""),
        ("langchain", ""),
        ("unknown", ""),
        ("", ""),
        # In no list: kept.
        ("Acme.AI", "acme.ai"),
        ("acme.chat", "acme.chat"),
        ("openai.resale", "openai.resale"),
        ("p" * 500, "p" * 64),
    ],
)
def test_canonical(raw: str, expected: str) -> None:
    assert canonical(raw) == expected


@pytest.mark.parametrize(
    ("host", "model", "expected"),
    [
        ("api.openai.com", "", "openai"),
        ("API.OpenAI.com", "", "openai"),
        ("https://api.openai.com:443/v1", "claude-x", "openai"),
        ("me.openai.azure.com", "gpt-4o", "azure.ai.openai"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "", "aws.bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "", "aws.bedrock"),
        ("europe-west4-aiplatform.googleapis.com", "gemini-2.5-pro", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "", "gcp.gemini"),
        ("127.0.0.1", "gpt-4o", "openai"),
        ("", "GPT-4o", "openai"),
        ("", "o3", "openai"),
        ("", "claude-sonnet-4-5", "anthropic"),
        ("", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("", "arn:aws:bedrock:eu-west-1:1:inference-profile/x", "aws.bedrock"),
        ("", "bedrock/anthropic.claude", "aws.bedrock"),
        ("", "azure/gpt-4o", "azure.ai.openai"),
        ("", "gemini-2.5-flash", "gcp.gen_ai"),
        ("", "gpt-oss-120b", ""),
        ("", "llama-3.3-70b", ""),
        ("", "", ""),
        ("localhost", "", ""),
    ],
)
def test_inferred(host: str, model: str, expected: str) -> None:
    assert inferred(host, model) == expected


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-5-mini", (True, True)),
        ("openai", "claude-sonnet-4-5", (True, True)),  # who speaks OpenAI's API counts as OpenAI does
        ("openrouter", "anthropic/claude-sonnet-4-5", (True, True)),
        ("anthropic", "claude-sonnet-4-5", (False, True)),
        ("anthropic", "", (False, True)),
        ("aws.bedrock", "eu.amazon.nova-pro-v1:0", (False, True)),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", (False, True)),
        ("gcp.vertex_ai", " publishers/anthropic/models/Claude-Sonnet-4-5", (False, True)),
        ("gcp.vertex_ai", "gemini-2.5-pro", (True, False)),
        ("gcp.gemini", "gemini-2.5-pro", (True, False)),
        ("gcp.gen_ai", "", (True, False)),
        ("azure.ai.inference", "claude-sonnet-4-5", (False, True)),
        ("azure.ai.inference", "gpt-5-mini", (True, True)),
        ("azure.ai.openai", "gpt-5-mini", (True, True)),
        ("", "claude-sonnet-4-5", (True, True)),
    ],
)
def test_what_the_own_api_of_a_provider_counts(provider: str, model: str, expected: tuple[bool, bool]) -> None:
    assert own_counts(provider, model) == expected


def test_own_counts_are_of_providers_that_there_are() -> None:
    known = load("usage/providers.json")["aliases"]
    assert all(one.providers <= known.keys() for one in OWN_COUNTS)


@given(st.text(), st.text())
def test_no_text_raises(one: str, other: str) -> None:
    assert len(canonical(one)) <= 64
    assert canonical(one) == canonical(one).strip()
    assert isinstance(inferred(one, other), str)
