# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Whose machines answer: what host names say, and what is assumed of providers."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._tables import rows
from carbonspan.site._hosts import (
    NO_MATCH,
    PRIVATE,
    UNKNOWN,
    HostMatch,
    Provider,
    host_of,
    match_host,
    provider_of,
)
from carbonspan.site._places import area_place


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("api.openai.com", "api.openai.com"),
        ("https://API.OpenAI.com:443/v1/chat?x=1#y", "api.openai.com"),
        ("https://user:secret@llm.example.org/v1", "llm.example.org"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8000/v1", "::1"),
        ("::1", "::1"),
        ("api.openai.com.", "api.openai.com"),
        ("https:///path", ""),
        ("   ", ""),
        ("", ""),
    ],
)
def test_host_of(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    ("text", "operator", "region"),
    [
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws", "eu-west-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "aws", "cn-north-1"),
        ("bedrock-mantle.us-east-2.api.aws", "aws", "us-east-2"),
        ("vpce-1a2b-3c4d.bedrock-runtime.eu-central-1.vpce.amazonaws.com", "aws", "eu-central-1"),
        ("europe-west4-aiplatform.googleapis.com", "gcp", "europe-west4"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects", "gcp", "us-central1"),
        ("aiplatform.googleapis.com", "gcp", ""),
        ("aiplatform.us.rep.googleapis.com", "gcp", "US"),
        ("aiplatform.eu.rep.googleapis.com", "gcp", "EU"),
        ("generativelanguage.googleapis.com", "gcp", ""),
        ("contoso.openai.azure.com", "azure", ""),
        ("contoso.services.ai.azure.com", "azure", ""),
        ("contoso.cognitiveservices.azure.com", "azure", ""),
        ("swedencentral.api.cognitive.microsoft.com", "azure", "swedencentral"),
        ("m-1.eastus2.models.ai.azure.com", "azure", "eastus2"),
        ("m-1.eastus2.inference.ai.azure.com", "azure", "eastus2"),
        ("m.inference.ai.azure.com", "azure", ""),
        ("models.inference.ai.azure.com", "azure", ""),
        ("models.github.ai", "azure", ""),
        ("us-south.ml.cloud.ibm.com", "ibm", "us-south"),
        ("inference.generativeai.us-chicago-1.oci.oraclecloud.com", "oracle", "us-chicago-1"),
        ("ark.cn-beijing.volces.com", "volcengine", "cn-beijing"),
        ("dashscope-us.aliyuncs.com", "alibaba", "US"),
        ("abc.eastus.azure.endpoints.huggingface.cloud", "azure", "eastus"),
        ("abc.huggingface.cloud", "huggingface_endpoints", ""),
        ("me--app-serve.modal.run", "modal", ""),
        ("api.studio.nebius.com", "nebius", ""),
        ("api.tokenfactory.nebius.com", "nebius", ""),
        *(
            (f"https://{name}/v1", operator, "")
            for name, operator in (
                ("openrouter.ai", "openrouter"),
                ("api.moonshot.cn", "moonshot_cn"),
                ("api.moonshot.ai", "moonshot"),
                ("api.fireworks.ai", "fireworks"),
                ("api.cerebras.ai", "cerebras"),
                ("api.cohere.ai", "cohere"),
                ("router.huggingface.co", "huggingface_router"),
                ("api.deepinfra.com", "deepinfra"),
                ("api.novita.ai", "novita"),
                ("api.siliconflow.cn", "siliconflow_cn"),
                ("api.siliconflow.com", "siliconflow"),
                ("open.bigmodel.cn", "zhipu_cn"),
                ("api.z.ai", "zai"),
                ("api.minimax.io", "minimax"),
                ("api.replicate.com", "replicate"),
                ("api.sambanova.ai", "sambanova"),
                ("integrate.api.nvidia.com", "nvidia"),
                ("api.scaleway.ai", "scaleway"),
                ("oai.endpoints.kepler.ai.cloud.ovh.net", "ovh"),
                ("api.studio.nebius.ai", "nebius"),
            )
        ),
        ("us.api.openai.com", "openai", "US"),
        ("eu.api.openai.com", "openai", "EU"),
        ("jp.api.openai.com", "openai", ""),  # residency of storage, not of processing
        ("api.openai.com", "openai", ""),
        ("api.anthropic.com", "anthropic", ""),
        ("api.eu.mistral.ai", "mistral", "EU"),
        ("api.us.mistral.ai", "mistral", "US"),
        ("us.api.x.ai", "xai", "US"),
        ("ca-api.together.ai", "together", "CAN"),
        ("us-api.together.ai", "together", "US"),
    ],
)
def test_hosts_of_providers(text: str, operator: str, region: str) -> None:
    assert match_host(text) == HostMatch(operator, region)


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.9",
        "172.20.0.2",
        "::1",
        "llm.local",
        "x.internal",
        "vllm",
        "a.svc",
    ],
)
def test_private_hosts(text: str) -> None:
    assert match_host(f"{text}").operator == PRIVATE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "172.32.0.1",  # beyond RFC 1918
        "10.example.org",  # a name, not an address
        "1271.0.0.1",
        "evil-bedrock-runtime.eu-west-1.amazonaws.com",
        "bedrock-runtime.eu-west-1.amazonaws.com.example.org",
        "bedrock-runtime..amazonaws.com",
        "bedrock-runtime.a.b.amazonaws.com",
        "2001:db8::1",
    ],
)
def test_hosts_that_tell_nothing(text: str) -> None:
    assert match_host(text) == NO_MATCH


@given(st.text(max_size=60))
def test_no_text_is_an_error(text: str) -> None:
    match_host(text)
    match_host(f"https://{text}.amazonaws.com")


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
