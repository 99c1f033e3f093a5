# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spans of every sort that the Collector's estimate covers, from the tables and from what instrumentations wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._regions import cloud_regions
from carbonspan.core._tables import load, rows
from carbonspan.energy._registry import default_registry
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SCOPE = "io.opentelemetry.openai-java"
CHAT = llm_attributes(input_tokens=1000, output_tokens=200)
_SPELLINGS = (
    "{}",
    "openai/{}",
    "us.meta.{}-v1:0",
    "accounts/fireworks/models/{}",
    "{}-2025-08-07",
    "{}:free",
    "prod-{}",
)
# Counts as text are not read.
_TEXTS = {"llm.openai.usage", "llm.anthropic.usage", "metadata.usage_object", "gen_ai.usage.raw"}
_TEXTS |= {"gen_ai.usage.input_token_details", "gen_ai.usage.output_token_details", "mlflow.chat.tokenUsage"}
_TEXTS |= {"braintrust.metrics", "haystack.component.output", "haystack.agent.step.llm.output"}


class Case(NamedTuple):
    """A span to send both ways."""

    attributes: dict[str, Any]
    scope: str = SCOPE
    resource: tuple[tuple[str, str], ...] = ()


def _chat(**changes: Any) -> dict[str, Any]:
    return CHAT | {f"gen_ai.{key}".replace("__", "."): value for key, value in changes.items()}


def models() -> Iterator[Case]:
    """Every entry by its id as several providers spell it, the names of the registry's tests, and unknown ones."""
    for entry in default_registry().entries():
        if entry.known:
            for spelling in _SPELLINGS:
                yield Case(_chat(request__model=spelling.format(entry.id)))
    folder = REPOSITORY / "tests" / "energy"
    names = {
        name for path in folder.glob("*.py") for name in re.findall(r'"([\w@#:/.-]{3,80})"', path.read_text("utf-8"))
    }
    # What the tables have no size for is a class there: see docs/how-to/collector-enrichment.md.
    yield from (Case(_chat(request__model=name)) for name in sorted(names) if not re.search(r"\d+x\d+b", name))
    for model in ("acme-9", "acme-mini-9", "acme-70b", "acme-8x7b", "acme-235b-a22b", "acme-embedding-4b", "", "  "):
        yield Case(_chat(request__model=model))
        yield Case(_chat(request__model=model, operation__name="embeddings"))
    for answered, asked in (
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("acme-9", "gpt-5-mini"),
        ("acme-9", "acme-10"),
        ("", "o3"),
    ):
        yield Case(_chat(request__model=asked, response__model=answered))


def usages() -> Iterator[Case]:
    """Counts in each spelling and combination, under instrumentations that mean different things by them."""
    scopes: tuple[str, ...] = (
        "opentelemetry.instrumentation.anthropic.v1",
        "opentelemetry.instrumentation.botocore.bedrock-runtime",
    )
    scopes += (
        "opentelemetry.instrumentation.vertexai",
        "opentelemetry.instrumentation.openai.v1",
        "ai",
        "@mastra/otel",
        "openlit",
        "agent_framework",
        "opentelemetry.instrumentation.google_genai",
    )
    changes: list[dict[str, Any]] = [
        {},
        {"usage__cache_read__input_tokens": 600},
        {"usage__cache_read__input_tokens": 6000},
        {"usage__cache_creation__input_tokens": 300},
        {"usage__cache_write__input_tokens": 300, "usage__cache_read__input_tokens": 100},
        {"usage__cache_read__input_tokens": 300, "usage__total_tokens": 1500},
        {"usage__cache_read__input_tokens": "many"},
        {"usage__cache_read__input_tokens": -3},
        {"usage__input_tokens": 1000.0, "usage__output_tokens": 200.0},
        {"usage__input_tokens": 1000.5},
        {"usage__input_tokens": "1000"},
        {"usage__input_tokens": " 1000.0 ", "usage__output_tokens": "200", "usage__cache_read__input_tokens": "600"},
        {"usage__input_tokens": "1000.5"},
        {"usage__input_tokens": "many"},
        {"usage__input_tokens": True},
        {"usage__input_tokens": -1},
        {"usage__input_tokens": 10**9},
        {"usage__input_tokens": 0, "usage__output_tokens": 0},
        {"usage__reasoning_tokens": 100},
        {"usage__reasoning_tokens": 1000},
        {"usage__reasoning__output_tokens": 100},
        {"usage__reasoning_tokens": 100, "usage__total_tokens": 1300},
        {"usage__reasoning__output_tokens": 100, "usage__total_tokens": 1300},
        {"usage__reasoning__output_tokens": 1000},
        {"usage__total_tokens": 5000},
        {"usage__total_tokens": 5000, "provider__name": "gcp.gemini", "request__model": "gemini-2.5-pro"},
        {"usage__total_tokens": 20950, "provider__name": "gcp.gemini", "request__model": "gemini-2.5-pro"},
        {"usage__total_tokens": 2000, "request__model": "google/gemini-2.5-pro"},
        {"usage__total_tokens": 2000, "request__model": "gemini-2.5-pro", "usage__reasoning__output_tokens": 100},
        {"usage__total_tokens": 2000, "request__model": "gemini-2.5-pro", "usage__reasoning_tokens": 500},
        {"usage__total_tokens": 20950, "provider__name": "xai", "request__model": "grok-4"},
        {"provider__name": "anthropic", "request__model": "claude-sonnet-4-5", "usage__cache_read__input_tokens": 600},
        {"provider__name": "aws.bedrock", "request__model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}
        | {"usage__cache_read__input_tokens": 600},
        *({"usage__cache_read__input_tokens": 300, "usage__total_tokens": total} for total in (1200, 1400, 1500, 1501)),
        {
            "usage__cache_read__input_tokens": 300,
            "usage__cache_creation__input_tokens": 50,
            "usage__total_tokens": 1500,
        },
        {
            "usage__cache_read__input_tokens": 300,
            "usage__cache_creation__input_tokens": 50,
            "usage__total_tokens": 1250,
        },
        {"usage__cache_read__input_tokens": 300, "usage__cache_creation__input_tokens": 900}
        | {"usage__total_tokens": 2100},
        {"usage__cache_read__input_tokens": 300, "usage__reasoning__output_tokens": 100, "usage__total_tokens": 1600},
        {"usage__cache_read__input_tokens": 300, "usage__reasoning__output_tokens": 100, "usage__total_tokens": 1300},
        {"usage__cache_read__input_tokens": 300, "usage__total_tokens": 1500, "request__model": "gemini-2.5-pro"},
        {"usage__reasoning__output_tokens": 100, "provider__name": "gcp.gemini", "request__model": "gemini-2.5-pro"},
        {"usage__reasoning__output_tokens": 100, "provider__name": "gcp.gemini", "request__model": "gemini-2.5-pro"}
        | {"usage__total_tokens": 1200},
        {"usage__cache_read__input_tokens": 300, "provider__name": "google.vertex.ai"}
        | {"request__model": "claude-sonnet-4-5@20250929"},
        {"usage__cache_read__input_tokens": 300, "provider__name": "claude_agent_sdk", "system": "anthropic"},
        {"usage__reasoning__output_tokens": 100, "operation__name": "interactions.create"},
        *({"operation__name": name} for name in ("text_completion", "invoke_agent", "execute_tool", "strange", "")),
        {"operation__name": "embeddings", "request__model": "text-embedding-3-small"},
    ]
    for scope in (SCOPE, *scopes):
        yield from (Case(_chat(**change), scope) for change in changes)
        yield from (Case(CHAT | more, scope) for more in ({"litellm.cache_hit": True}, {"litellm.cache_hit": "True"}))
        yield from (
            Case(CHAT | more, scope) for more in ({"carbon.emissions.grams": 1.0}, {"carbon.role": "duplicate"})
        )


def partial() -> Iterator[Case]:
    """Spans that lack something, and the names of other conventions."""
    bare = {key: value for key, value in CHAT.items() if "usage" not in key}
    old = {"gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 5}
    yield from map(Case, (bare, bare | {"gen_ai.usage.input_tokens": 5}, bare | {"gen_ai.usage.total_tokens": 5}))
    yield from map(Case, (bare | old, bare | {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.total_tokens": 50}))
    yield Case(bare | {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 5})
    yield from (Case(bare | {"gen_ai.operation.name": name}) for name in ("execute_tool", "invoke_agent"))
    yield from (Case({key: value for key, value in CHAT.items() if key != left_out}) for left_out in CHAT)
    yield from map(Case, ({"gen_ai.system": "openai"}, {"http.request.method": "GET"}))
    for none in ("", " "):
        yield Case(_chat(request__model="granite-3-8b", response__model=none))
        yield Case(_chat(provider__name="", request__model="claude-sonnet-4-5", response__model=none))
    llm = {"llm.token_count.prompt": 100, "llm.token_count.completion": 20, "llm.model_name": "gpt-4o"}
    yield from (Case({"openinference.span.kind": kind, **llm}) for kind in ("LLM", "CHAIN", "EMBEDDING", "TOOL"))
    yield Case({"openinference.span.kind": "LLM", **llm, "llm.token_count.prompt_details.cache_read": 60})
    ai = {"ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat"}
    ai_4 = ai | {"ai.usage.promptTokens": 100.0, "ai.usage.completionTokens": 50.0}
    ai_5 = {"ai.model.id": "claude-sonnet-4-5", "ai.model.provider": "anthropic.messages", "ai.usage.inputTokens": 100}
    ai_5 |= {"ai.usage.outputTokens": 50, "ai.usage.cachedInputTokens": 80}
    metadata = {"anthropic": {"cacheCreationInputTokens": 40, "usage": {"cache_read_input_tokens": 80}}}
    ai_6 = ai | {
        "ai.usage.inputTokens": 100,
        "ai.usage.outputTokens": 50,
        "ai.usage.outputTokenDetails.reasoningTokens": 7,
    }
    ai_6 |= {"ai.usage.inputTokenDetails.cacheReadTokens": 10, "ai.usage.inputTokenDetails.noCacheTokens": 90}
    for counts in (ai_4, ai_5, ai_5 | {"ai.response.providerMetadata": json.dumps(metadata)}, ai_6):
        yield from (
            Case({"ai.operationId": name, **counts}, scope)
            for name in ("ai.generateText.doGenerate", "ai.streamText.doStream", "ai.streamText")
            for scope in ("ai", SCOPE)
        )
    yield Case({"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "text-embedding-3-small", "ai.usage.tokens": 12})
    traceloop = {"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", **old}
    yield Case(traceloop | {"llm.usage.total_tokens": 10})
    yield from (Case({"traceloop.span.kind": kind, **more}) for kind in ("workflow", "tool") for more in ({}, old))


def one_side() -> Iterator[Case]:
    """One side of the counts, or only a total, with details or without, zeros, and what cannot be a count."""
    bare = {key: value for key, value in CHAT.items() if "usage" not in key}
    some: list[dict[str, Any]] = [{"input": 1000}, {"output": 200}, {"total": 1200}, {"input": 30}, {"output": 3}]
    some += [{"input": 400_000}, {"output": 9_000}, {"total": 90}, {"total": 300_000}, {"input": 1000, "total": 1000}]
    some += [{"output": 200, "total": 200}, {"input": 1000, "output": -1}, {"input": "x", "output": 200}]
    some += [{"input": -1, "output": "x", "total": 1200}, {"input": -1, "output": "x"}, {"total": "x"}, {"total": 0}]
    some += [{"input": a, "output": b, "total": c} for a, b in ((0, 0), (0, 200), (1000, 0)) for c in (0, 1200, 20_000)]
    some += [{"input": 0}, {"output": 0}, {"input": 0, "output": "x"}, {"input": -1, "output": 200, "total": 1200}]
    read, written = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
    reasoning = "gen_ai.usage.reasoning.output_tokens"
    details: list[dict[str, Any]] = [{}, {read: 600}, {read: 6000, written: 50}, {written: 300}]
    details += [{reasoning: 150}, {read: 300, reasoning: 900}]
    others: list[dict[str, Any]] = [{}, {"gen_ai.request.model": "gemini-2.5-pro"}]
    others += [{"gen_ai.operation.name": name} for name in ("embeddings", "invoke_agent")]
    others += [{"gen_ai.request.model": model} for model in ("text-embedding-3-small", "nobody-knows")]
    scopes = (SCOPE, "opentelemetry.instrumentation.botocore.bedrock-runtime", "ai")
    for sides in some:
        counts = {f"gen_ai.usage.{side}_tokens": value for side, value in sides.items()}
        yield from (Case(bare | counts | one, scope) for scope in scopes for one in details)
        yield from (Case(bare | counts | one) for one in others)
        yield Case(bare | counts | {"litellm.cache_hit": True}, "litellm")


def places() -> Iterator[Case]:
    """Every cloud region, host and provider of the tables, and what is none of them."""
    strange = ("EU", "us", "Sweden Central", "nowhere-1", "eu-west-99", "us-new1", "asia-new9", "", "global")
    yield from (Case(CHAT | {"cloud.region": region}) for region in (*cloud_regions(), *strange))
    yield from (
        Case(CHAT | {"cloud.region": region, "cloud.provider": cloud})
        for region in ("eu-west-1", "eu-west-99", "EU", "asia-new9")
        for cloud in ("aws", "gcp", "azure", "google", "strange")
    )
    yield Case(CHAT | {"aws.region": "eu-north-1"})
    hosts = ["https://api.openai.com/v1", "http://user:word@api.openai.com:443/v1?x", "api.openai.com.", "llm.svc"]
    hosts += ["gateway.example.org", "myhost", "10.0.0.1", "10.example.org", "192.168.1.1:8000", "[::1]:8080", ""]
    for row in rows("sites/hosts.csv"):
        hosts += [row["pattern"].replace("{region}", at).replace("*", "abc") for at in ("eu-west-1", "westeurope", "x")]
    asked: tuple[tuple[str, str], ...] = (
        ("openai", "gpt-4o"),
        ("openai", "llama-3.1-70b-instruct"),
        ("ollama", "llama3"),
        ("", "mistral-large"),
    )
    asked += (("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),)
    for host in dict.fromkeys(hosts):
        for provider, model in asked:
            yield Case(_chat(provider__name=provider, request__model=model) | {"server.address": host})
    providers = [name for names in load("usage/providers.json")["aliases"].values() for name in names]
    providers += [row["provider"] for row in rows("sites/providers.csv")]
    providers += ["langchain", "openai.chat", "google.vertex.chat", "Strange.One", " OpenAI "]
    yield from (Case(_chat(provider__name=name)) for name in dict.fromkeys(providers))
    yield Case(_chat(provider__name="langchain") | {"gen_ai.system": "anthropic"})
    nobody = {key: value for key, value in CHAT.items() if key != "gen_ai.provider.name"}
    for model in ("gpt-oss-20b", "claude-3", "us.anthropic.claude-3-opus-20240229-v1:0", "sonar", "openrouter/x/y"):
        yield Case(nobody | {"gen_ai.request.model": model})
    for geography in ("us", "eu", "global", "not_available", "Mars"):
        yield Case(_chat(provider__name="anthropic") | {"anthropic.usage.inference_geo": geography})
    for provider in ("ollama", "vllm", "openai"):
        for region in ({"cloud.region": "eu-west-1", "cloud.provider": "aws"}, {"cloud.region": "x"}, {}):
            yield Case(_chat(provider__name=provider), SCOPE, tuple(region.items()))


def recorded() -> Iterator[Case]:
    """What real instrumentations wrote, without what makes two spans one call."""
    for path in sorted((REPOSITORY / "tests" / "data" / "spans").rglob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            span = json.loads(line)
            held = {key: value for key, value in span.get("attributes", {}).items() if not _alone(key, value)}
            if (
                held
                and not _TEXTS & held.keys()
                and span.get("scope")
                and not str(span["scope"]).startswith("langfuse")
            ):
                yield Case(held, span["scope"])


def _alone(key: str, value: object) -> bool:
    return value is None or isinstance(value, dict) or key.endswith((".response.id", ".id", "ai.id"))


def all_of(cases: Iterable[Case]) -> list[Case]:
    """Return the cases, each once."""
    return list({json.dumps(case, default=str, sort_keys=True): case for case in cases}.values())
