# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran: the order of the evidence, the settings, the cache."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._regions import geographies
from carbonspan.core.values import Place
from carbonspan.site._locate import METHODS, Locator

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHOUT_SETTINGS = Locator()


def locate(
    attributes: Mapping[str, Any],
    *,
    provider: str = "",
    model: str = "",
    resource_attributes: Mapping[str, Any] | None = None,
) -> Place:
    """Locate without settings."""
    return WITHOUT_SETTINGS.locate(attributes, provider=provider, model=model, resource_attributes=resource_attributes)


US_DEFAULT = Place("openai", "US", "provider_default", "", "USA", "US")
FRANKFURT = {"cloud.region": "eu-central-1", "cloud.provider": "aws"}


@pytest.mark.parametrize(
    ("attributes", "provider", "model", "place"),
    [
        # the span's own region, with and without the cloud's name
        (
            FRANKFURT,
            "aws.bedrock",
            "anthropic.claude-v2:1",
            Place("aws", "eu-central-1", "span_region", "DE", "DEU", "EU"),
        ),
        (
            {"cloud.region": "swedencentral"},
            "",
            "",
            Place("azure", "swedencentral", "span_region", "SE-SE3", "SWE", "EU"),
        ),
        ({"aws.region": "eu-west-3"}, "aws.bedrock", "", Place("aws", "eu-west-3", "span_region", "FR", "FRA", "EU")),
        (
            {"cloud.region": "eu", "cloud.provider": "gcp"},
            "gcp.vertex_ai",
            "",
            Place("gcp", "EU", "span_region", "", "", "EU"),
        ),
        # "global" is no region
        ({"cloud.region": "global"}, "gcp.vertex_ai", "", Place("gcp", "WORLD", "unknown", "", "", "WORLD")),
        ({"cloud.region": "nowhere-1"}, "aws.bedrock", "", Place("aws", "WORLD", "unknown", "", "", "WORLD")),
        # an inference profile, though the region is there: the call may be served anywhere in the geography
        (
            FRANKFURT,
            "aws.bedrock",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Place("aws", "EU", "model_prefix", "", "", "EU"),
        ),
        (
            FRANKFURT,
            "",
            "bedrock/converse/us.meta.llama3-3-70b-instruct-v1:0",
            Place("aws", "US", "model_prefix", "", "USA", "US"),
        ),
        (
            {},
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/apac.amazon.nova-lite-v1:0",
            Place("aws", "APAC", "model_prefix", "", "", "APAC"),
        ),
        (
            {},
            "aws.bedrock",
            "jp.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Place("aws", "JPN", "model_prefix", "", "JPN", "APAC"),
        ),
        (
            {},
            "aws.bedrock",
            "au.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Place("aws", "AUS", "model_prefix", "", "AUS", "APAC"),
        ),
        (
            {},
            "aws.bedrock",
            "ca.amazon.nova-lite-v1:0",
            Place("aws", "CAN", "model_prefix", "", "CAN", "NORTH-AMERICA"),
        ),
        (
            {},
            "aws.bedrock",
            "us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0",
            Place("aws", "US-GOV", "model_prefix", "", "USA", "US-GOV"),
        ),
        (
            FRANKFURT,
            "aws.bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Place("aws", "WORLD", "model_prefix", "", "", "WORLD"),
        ),
        # not a profile: one dot is a version
        ({}, "openai", "us.model", US_DEFAULT),
        # host names
        (
            {"server.address": "bedrock-runtime.ap-northeast-1.amazonaws.com"},
            "",
            "",
            Place("aws", "ap-northeast-1", "host", "JP-TK", "JPN", "APAC"),
        ),
        (
            {"gen_ai.openai.api_base": "https://eu.api.openai.com/v1"},
            "openai",
            "",
            Place("openai", "EU", "host", "", "", "EU"),
        ),
        (
            {"server.address": "127.0.0.1", "url.full": "https://europe-west4-aiplatform.googleapis.com/v1"},
            "gcp.vertex_ai",
            "",
            Place("gcp", "europe-west4", "host", "NL", "NLD", "EU"),
        ),
        (
            {"server.address": "contoso.openai.azure.com"},
            "openai",
            "gpt-4o",
            Place("azure", "WORLD", "unknown", "", "", "WORLD"),
        ),
        ({"server.address": "api.mistral.ai"}, "", "", Place("mistral", "EU", "provider_default", "", "", "EU")),
        ({"server.address": "jp.api.openai.com"}, "openai", "", US_DEFAULT),
        # data residency
        (
            {"anthropic.usage.inference_geo": "us"},
            "anthropic",
            "",
            Place("anthropic", "US", "inference_geo", "", "USA", "US"),
        ),
        (
            {"anthropic.usage.inference_geo": "global"},
            "anthropic",
            "",
            Place("anthropic", "US", "provider_default", "", "USA", "US"),
        ),
        (
            {"anthropic.usage.inference_geo": "moon"},
            "anthropic",
            "",
            Place("anthropic", "US", "provider_default", "", "USA", "US"),
        ),
        # nothing
        ({}, "openai", "gpt-4o", US_DEFAULT),
        ({"server.address": "127.0.0.1"}, "openai", "gpt-4o", US_DEFAULT),  # a gateway, for all that is known
        ({}, "deepseek", "", Place("deepseek", "CHINA", "provider_default", "", "CHN", "CHINA")),
        ({}, "", "", Place("", "WORLD", "unknown", "", "", "WORLD")),
        ({}, "strands-agents", "gpt-4o", Place("", "WORLD", "unknown", "", "", "WORLD")),
    ],
)
def test_the_evidence_of_a_span(attributes: dict[str, Any], provider: str, model: str, place: Place) -> None:
    assert locate(attributes, provider=provider, model=model) == place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        # regions in the name
        ("swedencentral.api.cognitive.microsoft.com", Place("azure", "swedencentral", "host", "SE-SE3", "SWE", "EU")),
        ("m.francecentral.models.ai.azure.com", Place("azure", "francecentral", "host", "FR", "FRA", "EU")),
        ("x.eu-west-1.aws.endpoints.huggingface.cloud", Place("aws", "eu-west-1", "host", "IE", "IRL", "EU")),
        (
            "inference.generativeai.eu-paris-1.oci.oraclecloud.com",
            Place("oracle", "eu-paris-1", "host", "FR", "FRA", "EU"),
        ),
        ("eu-de.ml.cloud.ibm.com", Place("ibm", "eu-de", "host", "DE", "DEU", "EU")),
        ("dashscope.aliyuncs.com", Place("alibaba", "CHINA", "host", "", "CHN", "CHINA")),
        ("dashscope-intl.aliyuncs.com", Place("alibaba", "SGP", "host", "SG", "SGP", "APAC")),
        ("w.ap-southeast-1.maas.aliyuncs.com", Place("alibaba", "SGP", "host", "SG", "SGP", "APAC")),
        ("ark.cn-beijing.volces.com", Place("volcengine", "cn-beijing", "host", "", "CHN", "CHINA")),
        # another cloud's region of that name is no evidence
        ("ark.eu-west-1.volces.com", Place("volcengine", "CHINA", "provider_default", "", "CHN", "CHINA")),
        # an assumption about the one who answers, or none
        ("api.moonshot.cn", Place("moonshot_cn", "CHINA", "provider_default", "", "CHN", "CHINA")),
        ("api.deepseek.com", Place("deepseek", "CHINA", "provider_default", "", "CHN", "CHINA")),
        ("api.x.ai", Place("xai", "US", "provider_default", "", "USA", "US")),
        ("api.scaleway.ai", Place("scaleway", "EU", "provider_default", "", "", "EU")),
        ("oai.endpoints.kepler.ai.cloud.ovh.net", Place("ovh", "EU", "provider_default", "", "", "EU")),
        ("api.moonshot.ai", Place("moonshot", "WORLD", "unknown", "", "", "WORLD")),
        ("contoso.cognitiveservices.azure.com", Place("azure", "WORLD", "unknown", "", "", "WORLD")),
        ("openrouter.ai", Place("openrouter", "WORLD", "unknown", "", "", "WORLD")),
        ("router.huggingface.co", Place("huggingface_router", "WORLD", "unknown", "", "", "WORLD")),
        ("api.groq.com", Place("groq", "WORLD", "unknown", "", "", "WORLD")),
    ],
)
def test_what_speaks_openais_protocol_is_not_openai(address: str, place: Place) -> None:
    for model in ("gpt-4o", "llama-3.3-70b", ""):
        assert locate({"server.address": address}, provider="openai", model=model) == place


NOWHERE = Place("", "WORLD", "unknown", "", "", "WORLD")


@pytest.mark.parametrize(
    ("attributes", "provider", "model", "place"),
    [
        # a gateway in front of the lab
        ({"server.address": "llm.mycompany.com"}, "openai", "gpt-4o", US_DEFAULT),
        ({"server.address": "llm.mycompany.com"}, "openai", "openai/gpt-4o", US_DEFAULT),
        ({"server.address": "llm.mycompany.com"}, "openai", "", US_DEFAULT),
        ({"url.full": "https://203.0.113.7:8443/v1"}, "openai", "o3-mini", US_DEFAULT),
        # another service that speaks its protocol
        ({"server.address": "api.example.ai"}, "openai", "llama-3.3-70b", NOWHERE),
        ({"server.address": "api.example.ai"}, "openai", "openai/gpt-oss-120b", NOWHERE),
        ({"url.full": "https://203.0.113.7:8443/v1"}, "openai", "qwen3-32b", NOWHERE),
        ({"server.address": "api.example.ai"}, "huggingface", "llama-3.3-70b", NOWHERE),
        ({"server.address": "api.example.ai"}, "moonshot_ai", "kimi-k2", NOWHERE),
        # no host, no host name, the own host, or a private one: the provider's default
        ({}, "openai", "llama-3.3-70b", US_DEFAULT),
        ({"server.address": "  "}, "openai", "llama-3.3-70b", US_DEFAULT),
        ({"server.address": "api.openai.com"}, "openai", "llama-3.3-70b", US_DEFAULT),
        ({"server.address": "10.0.0.7"}, "openai", "llama-3.3-70b", US_DEFAULT),
        # what else the span says still holds
        (
            {"server.address": "api.example.ai", "cloud.region": "eu-west-1"},
            "openai",
            "llama-3.3-70b",
            Place("aws", "eu-west-1", "span_region", "IE", "IRL", "EU"),
        ),
    ],
)
def test_a_public_host_that_nobody_knows(attributes: dict[str, Any], provider: str, model: str, place: Place) -> None:
    assert locate(attributes, provider=provider, model=model) == place


def test_settings_go_before_what_is_thought_of_an_unknown_host() -> None:
    span = {"server.address": "api.example.ai"}
    assumed = Locator(defaults={"openai": "EU"}).locate(span, provider="openai", model="llama-3.3-70b")
    assert assumed == Place("openai", "EU", "setting_default", "", "", "EU")
    certain = Locator(overrides={"llama*": "zone:GB"}).locate(span, provider="openai", model="llama-3.3-70b")
    assert certain == Place("openai", "GB", "setting", "GB", "GBR", "EUROPE")


RESOURCE = {"cloud.region": "eu-west-3", "cloud.provider": "aws"}
IN_PARIS = Place("aws", "eu-west-3", "resource", "FR", "FRA", "EU")


def test_where_the_client_runs_is_no_evidence() -> None:
    for provider in ("openai", "anthropic", "aws.bedrock", "azure.ai.openai", "gcp.gemini"):
        assert locate({}, provider=provider, resource_attributes=RESOURCE).method != "resource"
        found = locate({"server.address": "10.0.0.7"}, provider=provider, resource_attributes=RESOURCE)
        assert found.method != "resource"


@pytest.mark.parametrize(
    ("attributes", "provider"),
    [({}, "ollama"), ({}, "vllm"), ({"server.address": "vllm"}, ""), ({"server.address": "localhost"}, "")],
)
def test_a_self_hosted_model_runs_where_its_telemetry_comes_from(attributes: dict[str, str], provider: str) -> None:
    assert locate(attributes, provider=provider, resource_attributes=RESOURCE) == IN_PARIS
    unknown = Place("", "WORLD", "unknown", "", "", "WORLD")
    assert locate(attributes, provider=provider) == unknown
    assert locate(attributes, provider=provider, resource_attributes={"cloud.region": ""}) == unknown
    assert locate(attributes, provider=provider, resource_attributes={"cloud.region": 3}) == unknown
    assert locate(attributes, provider=provider, resource_attributes={"cloud.region": "basement"}) == unknown
    # the tables say which cloud where the resource does not
    assert locate(attributes, provider=provider, resource_attributes={"cloud.region": "eu-west-3"}) == IN_PARIS
    # and every resource is looked at for itself
    elsewhere = {"cloud.region": "francecentral", "cloud.provider": 7}
    assert locate(attributes, provider=provider, resource_attributes=elsewhere).operator == "azure"


def test_what_the_user_hosts() -> None:
    own = Locator(self_hosted=["openai", "llm.example.org", "*.models.example.net"])
    assert own.locate({}, provider="openai", resource_attributes=RESOURCE) == IN_PARIS
    for host in ("llm.example.org", "https://LLM.example.org:8443/v1", "a.models.example.net"):
        assert own.locate({"url.full": host}, provider="cohere", resource_attributes=RESOURCE) == IN_PARIS
    for host in ("other.example.org", "models.example.net.example.org"):
        found = own.locate({"url.full": host}, provider="cohere", resource_attributes=RESOURCE)
        assert found.method == "provider_default"


def test_a_self_hosted_model_falls_back_to_the_users_assumption() -> None:
    locator = Locator(defaults={"vllm": "zone:GB"})
    assert locator.locate({}, provider="vllm") == Place("", "GB", "setting_default", "GB", "GBR", "EUROPE")


def test_certain_settings_go_before_the_span() -> None:
    locator = Locator(
        overrides={"OpenAI": "azure:swedencentral", "gpt-4o": "EU", "o3*": "zone:FR", "eu.anthropic.claude-1": "DE"}
    )
    span = {"cloud.region": "us-east-1"}
    assert locator.locate(span, provider="openai") == Place("azure", "swedencentral", "setting", "SE-SE3", "SWE", "EU")
    assert locator.locate(span, provider="openai", model="gpt-4o") == Place("openai", "EU", "setting", "", "", "EU")
    assert locator.locate(span, provider="openai", model="o3-mini").zone == "FR"
    assert locator.locate(span, provider="aws.bedrock", model="eu.anthropic.claude-1").zone == "DE"
    assert locator.locate(span, provider="aws.bedrock", model="x").method == "span_region"
    everything = Locator(overrides={"*": "NOR"})
    assert everything.locate(span, provider="aws.bedrock").region == "NOR"


def test_assumptions_of_the_user_go_before_those_of_the_tables_and_after_the_span() -> None:
    locator = Locator(defaults={"openai": "EU", "azure": "azure:westeurope", "*": "zone:GB"})
    assert locator.locate({}, provider="openai") == Place("openai", "EU", "setting_default", "", "", "EU")
    assert locator.locate({"server.address": "x.openai.azure.com"}, provider="azure.ai.openai").region == "westeurope"
    assert locator.locate({}, provider="cohere") == Place("cohere", "GB", "setting_default", "GB", "GBR", "EUROPE")
    assert locator.locate({"cloud.region": "us-east-1"}, provider="openai").region == "us-east-1"
    assert Locator(defaults={"openai": "EU"}).locate({}, provider="openai").region == "EU"


@pytest.mark.parametrize("setting", ["overrides", "defaults"])
def test_a_setting_that_names_nothing_is_refused_at_once(setting: str) -> None:
    arguments: dict[str, Any] = {setting: {"openai": "atlantis"}}
    with pytest.raises(ValueError, match="atlantis"):
        Locator(**arguments)


class _Text(str, Enum):
    REGION = "eu-west-1"


def test_text_of_a_kind_of_its_own_is_text() -> None:
    assert locate({"cloud.region": _Text.REGION}, provider="aws.bedrock").zone == "IE"


def test_equal_calls_get_one_place() -> None:
    locator = Locator()
    first = locator.locate({"cloud.region": "eu-west-1"}, provider="aws.bedrock", model="m")
    assert locator.locate({"cloud.region": "eu-west-1"}, provider="aws.bedrock", model="m") is first


def test_the_cache_is_bounded_and_holds_no_long_text() -> None:
    locator = Locator()
    for number in range(5000):
        locator.locate({"url.full": f"https://api.openai.com/v1/{number}"}, provider="openai")
        locator.locate({"server.address": "x" * 10_000}, provider="y" * 10_000, model="z" * 10_000)
    assert len(locator._found) <= 2048
    texts = [text for key in locator._found for text in key if isinstance(text, str)]
    assert max(map(len, texts)) <= 512


@pytest.mark.parametrize(
    "value", [None, True, 0, float("nan"), float("inf"), -1, ("a", "b"), ["a"], {}, b"x", "", " ", "\x00", "é" * 10_000]
)
def test_no_value_of_an_attribute_is_an_error(value: Any) -> None:
    attributes = dict.fromkeys(Locator().attribute_names, value)
    found = locate(attributes, provider=value, model=value, resource_attributes=attributes)
    assert found == Place("", "WORLD", "unknown", "", "", "WORLD")


attribute_values = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.text(max_size=3)),
    st.sampled_from(
        ["eu-west-1", "us", "global", "https://api.openai.com", "x.openai.azure.com", "aws", "localhost", "eu.a.b"]
    ),
)


@given(
    st.dictionaries(st.sampled_from(Locator().attribute_names) | st.text(max_size=10), attribute_values),
    st.sampled_from(["openai", "aws.bedrock", "vllm", "nobody", ""]) | st.text(max_size=10),
    st.text(max_size=20) | st.sampled_from(["eu.anthropic.claude-v1", "gpt-4o"]),
)
def test_any_span_has_a_place(attributes: dict[str, Any], provider: str, model: str) -> None:
    place = locate(attributes, provider=provider, model=model, resource_attributes=attributes)
    assert place.method in METHODS
    assert place.geography in geographies()
    assert place.region
    # what is cached is what was found
    assert locate(attributes, provider=provider, model=model, resource_attributes=attributes) == place
    assert Locator().locate(attributes, provider=provider, model=model, resource_attributes=attributes) == place
