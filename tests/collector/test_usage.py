# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Dialect, role and provider come out as the processor reads them."""

from __future__ import annotations

from typing import Any

import pytest

from carbonspan import usage
from carbonspan.collector import _models as models, _places as places, _statements as statements
from carbonspan.collector._ottl import attribute, kept, put
from carbonspan.core._options import Settings
from carbonspan.core._regions import cloud_regions
from carbonspan.grid._resolver import Resolver
from tests.collector import cases
from tests.collector.agreement import TIMES_NS, disagreements, through_the_processor
from tests.collector.cases import CHAT, Case
from tests.collector.interpreter import Interpreter


def test_spans_that_lack_something_or_follow_other_conventions_are_read_as_the_processor_does() -> None:
    assert disagreements(cases.partial()) == {}


def test_what_instrumentations_were_recorded_to_write_is_read_as_the_processor_does() -> None:
    assert disagreements(cases.recorded()) == {}


def test_calls_that_are_counted_elsewhere_are_left_to_whoever_counts_them() -> None:
    hosts = ("eu.gateway.example.org", "gateway.example.org", "api.openai.com")
    calls = [Case(CHAT | {"server.address": host}) for host in hosts]
    calls.append(Case(CHAT | {"gen_ai.provider.name": "anthropic"}))
    assert disagreements(calls, counted_elsewhere="anthropic,*.gateway.example.org") == {}


SERVED = {"gen_ai.usage.prompt_tokens": 800, "gen_ai.usage.completion_tokens": 120}


def served(service: str, scope: str = "vllm.llm_engine", **more: str) -> Case:
    resource = {"service.name": service} | {key.replace("__", "."): value for key, value in more.items()}
    return Case(SERVED, scope, tuple(resource.items()))


def test_spans_without_a_model_get_that_of_their_resource_or_service() -> None:
    some = [served(name) for name in ("vllm-chat", "VLLM-code", "vllm", "other", "")]
    some += [served("my", "codex_exec"), served("vllm-chat", "codex_exec")]
    some += [served("vllm-chat", gen_ai__request__model=model) for model in ("mistral-small", "", " ")]
    some += [served("vllm-chat", gen_ai__request__model="x", gen_ai__response__model="gemini-2.5-pro")]
    some += [
        one._replace(attributes=SERVED | {"gen_ai.request.model": name}) for one in some for name in ("gpt-4o", "")
    ]
    some += [one._replace(attributes={"gen_ai.system": "openai"}) for one in some]
    options: dict[str, Any] = {"span_models": "vllm-chat=llama-3.1-70b-instruct,vllm-*=qwen3-32b,codex*=gpt-5.1-codex"}
    assert disagreements(some, **options) == {}


def test_the_model_of_a_service_is_on_its_spans() -> None:
    asked = [served("vllm-chat"), Case(CHAT | {"gen_ai.request.model": "llama-3.1-70b-instruct"})]
    unnamed, named = through_the_processor(asked, TIMES_NS[0], span_models="vllm-*=llama-3.1-70b-instruct")
    assert unnamed["carbon.model.id"] == named["carbon.model.id"]


def test_the_spans_of_a_service_that_is_counted_elsewhere_are_duplicates() -> None:
    services = ("claude-platform", "Claude-Platform", "my.gateway.example.org", "my-app", "")
    calls = [Case(CHAT, "any", (("service.name", name),)) for name in services]
    assert disagreements(calls, counted_elsewhere="claude-platform,*.gateway.example.org") == {}
    found = through_the_processor(calls, TIMES_NS[0], counted_elsewhere="claude-platform,*.gateway.example.org")
    assert [one.get("carbon.role") for one in found] == ["duplicate"] * 3 + [None] * 2


def outcome_by_statements(case: Case) -> object:
    settings = Settings.resolve({}, {})
    everywhere = places.places(settings, Resolver(), cloud_regions(), range(0))
    groups = statements.groups(settings, models.models(settings), everywhere)
    shown = put(attribute("outcome"), kept("outcome"), f'{kept("outcome")} != ""')
    run = Interpreter(one._replace(statements=(*one.statements, shown)) for one in groups).run
    return run(case.attributes, case.scope, {}, TIMES_NS[0]).get("outcome")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"input": 1000}, "partial_usage"),
        ({"output": 200, "input": "x"}, "partial_usage"),
        ({"input": 0, "output": 0, "total": 300}, "partial_usage"),
        ({"input": 1000, "output": -1, "total": 1200}, ""),
        ({"input": -1, "output": "x"}, "invalid_usage"),
        ({"total": "x"}, "invalid_usage"),
        ({"output": 0}, "no_usage"),
    ],
)
def test_what_becomes_of_a_part_of_the_counts(counts: dict[str, object], expected: str) -> None:
    chat = {"gen_ai.request.model": "gpt-4o", "gen_ai.operation.name": "chat"}
    case = Case(chat | {f"gen_ai.usage.{side}_tokens": value for side, value in counts.items()}, "my.app")
    assert outcome_by_statements(case) == (expected or "enriched")
    read = usage.read(case.attributes, case.scope)
    assert read is not None
    assert read.problem == expected


def test_what_is_no_call_is_no_gap_either() -> None:
    named = {"gen_ai.request.model": "gpt-4o"}
    chat = named | {"gen_ai.operation.name": "chat"}
    spans = [
        (Case(named | {"db.system": "redis"}, "opentelemetry.instrumentation.redis"), None),
        (Case(chat | {"db.system": "redis"}, "my.app"), None),
        (Case(named | {"http.route": "/"}, "opentelemetry.instrumentation.fastapi"), None),
        (Case(chat | {"http.route": "/"}, "opentelemetry.instrumentation.fastapi"), None),
        (Case(named, "my.app"), None),
        (Case(named, "opentelemetry.instrumentation.fastapi"), None),
        (Case({"gen_ai.request.model": "nova-3", "gen_ai.provider.name": "Deepgram"}, "livekit-agents"), None),
        (Case({"gen_ai.request.model": "whisper-1", "gen_ai.operation.name": "chat"}, ""), None),
        (Case(named | {"gen_ai.operation.name": "speech_to_text"}, "openlit"), None),
        (Case(named | {"gen_ai.response.id": "r"}, "my.app"), "no_usage"),
        (Case(chat | {"http.route": "/"}, "my.app"), "no_usage"),
        (Case(chat, "my.app"), "no_usage"),
        (Case(named, "openlit"), "no_usage"),
        (Case(named, ""), "no_usage"),
    ]
    assert [outcome_by_statements(case) for case, _ in spans] == [expected for _, expected in spans]
    for case, expected in spans:
        read = usage.read(case.attributes, case.scope)
        assert (None if read is None else read.problem) == expected
