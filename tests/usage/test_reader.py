# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reading whole spans: the recorded ones, one of every other dialect, and anything at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from carbonspan import usage
from carbonspan.core._outcome import Role
from carbonspan.core.values import Usage
from carbonspan.usage import _dialects as dialects, _reader as reader
from carbonspan.usage._counts import MAX_TOKENS
from carbonspan.usage._providers import MAX_THOUGHTS

SPANS = Path(__file__).parents[1] / "data" / "spans"
GEN_AI = "opentelemetry.instrumentation.genai.openai"


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SPANS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


RECORDED = {path.stem: load(path.stem) for path in sorted(SPANS.glob("*.jsonl")) if path.stem != "written"}
WRITTEN = load("written")
CHAT = RECORDED["openai-genai"][0]["attributes"]

GPT_4O = ("openai", "gpt-4o-2024-08-06", "gpt-4o")
O3 = ("openai", "o3-2024-08-06", "o3")
EMBED = ("openai", "text-embedding-3-small", "text-embedding-3-small")
CLAUDE = ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5")
NOVA = ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
GEMINI = ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash")
STRANDS = ("openai", "gpt-4o", "gpt-4o")
ANSWER = (1200, 300, 1000, None, 200)  # input, output, cached, cache write, reasoning
ANTHROPIC = (1200, 300, 900, 100, None)
EMBEDDING = (800, 0, None, None, None)
NONE = (None, None, None, None, None)

# What each recorded span must be read as: role, operation, (provider, model, request model), tokens, response id.
# The tokens are the truth that the server answered with, as far as the span carries it.
TRUTH: dict[str, list[tuple[str, str, tuple[str, str, str], tuple[int | None, ...], str] | None]] = {
    "anthropic-genai": [
        ("inference", "chat", CLAUDE, ANTHROPIC, "msg_1"),
        ("inference", "chat", CLAUDE, ANTHROPIC, "msg_1"),
    ],
    "anthropic-traceloop": [
        ("inference", "chat", CLAUDE, ANTHROPIC, "msg_1"),
        ("inference", "chat", CLAUDE, ANTHROPIC, "msg_1"),
    ],
    "bedrock-otel": [("inference", "chat", NOVA, ANTHROPIC, "")],
    "gemini-otel": [("inference", "generate_content", GEMINI, ANSWER, "r1")],
    "litellm": [
        ("inference", "chat", GPT_4O, ANSWER, "c1"),
        ("inference", "chat", ("openai", "gpt-4o-2024-08-06", ""), ANSWER, "c1"),
    ],
    "openai-genai": [
        ("inference", "chat", GPT_4O, ANSWER, "c1"),
        ("inference", "chat", GPT_4O, ANSWER, "c1"),
        ("inference", "chat", O3, ANSWER, "resp_1"),
        ("inference", "embeddings", EMBED, EMBEDDING, ""),
    ],
    "openai-openinference": [
        ("inference", "chat", ("openai", "gpt-4o-2024-08-06", ""), ANSWER, ""),
        ("inference", "chat", ("openai", "gpt-4o-2024-08-06", ""), ANSWER, ""),
        ("inference", "chat", ("openai", "o3-2024-08-06", ""), (1200, 300, 1000, 0, 200), ""),
        ("inference", "embeddings", ("openai", "text-embedding-3-small", ""), EMBEDDING, ""),
    ],
    "pydantic-ai": [
        ("inference", "chat", GPT_4O, ANSWER, "c1"),
        ("container", "invoke_agent", STRANDS, ANSWER, ""),
    ],
    "strands": [
        ("inference", "chat", STRANDS, (1200, 300, 1000, None, None), ""),
        ("container", "execute_event_loop_cycle", ("", "", ""), NONE, ""),
        ("container", "invoke_agent", STRANDS, (1200, 300, 1000, 0, None), ""),
    ],
}


def tokens(read: Usage) -> tuple[int | None, ...]:
    return (
        read.input_tokens,
        read.output_tokens,
        read.cached_input_tokens,
        read.cache_write_tokens,
        read.reasoning_tokens,
    )


def inference(attributes: Mapping[str, object], scope: str = GEN_AI) -> Usage:
    read = usage.read(attributes, scope)
    assert read is not None
    return read


def test_every_recorded_span_has_its_truth() -> None:
    assert {name: len(spans) for name, spans in RECORDED.items()} == {name: len(rows) for name, rows in TRUTH.items()}


@pytest.mark.parametrize(("name", "index"), [(name, i) for name, rows in TRUTH.items() for i in range(len(rows))])
def test_recorded_span_is_read_as_what_happened(name: str, index: int) -> None:
    span, truth = RECORDED[name][index], TRUTH[name][index]
    read = usage.read(span["attributes"], span["scope"])
    if truth is None:
        assert read is None
        return
    assert read is not None
    role, operation, names, counts, response_id = truth
    assert (read.role.value, read.operation) == (role, operation)
    assert (read.provider, read.model, read.request_model) == names
    assert tokens(read) == counts
    assert read.response_id == response_id
    assert read.problem == ("no_usage" if counts == NONE else "")
    assert not read.cache_hit


@pytest.mark.parametrize("span", WRITTEN, ids=lambda span: str(span["case"]))
def test_written_span_is_read_as_its_source_means_it(span: dict[str, Any]) -> None:
    read = usage.read(span["attributes"], span["scope"])
    expect = dict(span["expect"])
    if expect["role"] is None:
        assert read is None
        return
    assert read is not None
    got = read._asdict()
    got["role"] = read.role.value
    given_up = {"request_model"} - expect.keys()  # follows from the attributes, expected only where it is the point
    defaults = {"provider": "", "model": ""} | Usage._field_defaults
    assert {k: v for k, v in got.items() if k not in given_up} == defaults | expect


@pytest.mark.parametrize("name", [name for name in RECORDED if name != "bedrock-otel"])
def test_recorded_spans_keep_their_totals_without_a_scope(name: str) -> None:
    # A Collector or a test exporter may lose the scope; the attributes then have to do. The one that cannot is
    # Bedrock's without cache reads, and the recorded one shows its exclusion by arithmetic anyway.
    for span, truth in zip(RECORDED[name], TRUTH[name], strict=True):
        read = usage.read(span["attributes"])
        if truth is not None and truth[3] != NONE and read is not None and read.role is Role.INFERENCE:
            assert tokens(read)[:2] == truth[3][:2]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "GET", "http.route": "/", "server.address": "api.openai.com"},
        {"db.system": "postgresql", "litellm.call_id": "x"},
        {"gen_ai.agent.name": "a"},
    ],
)
def test_other_spans_are_not_read(attributes: dict[str, object]) -> None:
    assert usage.read(attributes, "opentelemetry.instrumentation.requests") is None
    assert usage.read(MappingProxyType(attributes), "opentelemetry.instrumentation.requests") is None


class Exceptional(Mapping[str, object]):
    """A mapping that counts its misses, as the SDK's raises on each."""

    def __init__(self, inner: dict[str, object]) -> None:
        self.inner, self.misses = inner, 0

    def __getitem__(self, key: str) -> object:
        if key not in self.inner:
            self.misses += 1
        return self.inner[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


def test_a_foreign_mapping_is_copied_before_it_is_searched() -> None:
    mapping = Exceptional(CHAT)
    assert inference(mapping) == inference(CHAT)
    assert mapping.misses == 0


@pytest.mark.parametrize("operation", ["execute_tool", "retrieval", "guardrail", "memory"])
def test_auxiliary_operations_are_read_only_where_they_carry_counts(operation: str) -> None:
    span: dict[str, object] = {"gen_ai.operation.name": operation, "gen_ai.request.model": "gpt-4o"}
    assert usage.read(span) is None
    assert inference(span | {"gen_ai.usage.input_tokens": 7}, "").role is Role.CONTAINER


def test_an_operation_in_no_list_is_a_call_with_a_short_name() -> None:
    read = inference(CHAT | {"gen_ai.operation.name": "x" * 10_000})
    assert (read.role, read.operation, read.input_tokens) == (Role.INFERENCE, "x" * 64, 1200)


@pytest.mark.parametrize(
    ("span", "role", "operation"),
    [
        ({"gen_ai.usage.input_tokens": 5}, Role.INFERENCE, "chat"),
        ({"gen_ai.request.model": "gpt-4o"}, Role.INFERENCE, "chat"),
        ({"openinference.span.kind": "UNKNOWN", "llm.token_count.prompt": 5}, Role.INFERENCE, "chat"),
        ({"openinference.span.kind": "llm"}, Role.INFERENCE, "chat"),
        ({"llm.request.type": "unknown", "traceloop.span.kind": "agent"}, Role.CONTAINER, "invoke_agent"),
    ],
)
def test_a_span_without_a_usable_operation_is_judged_by_what_it_has(
    span: dict[str, object], role: Role, operation: str
) -> None:
    read = inference(span, "")
    assert (read.role, read.operation) == (role, operation)


@pytest.mark.parametrize("span", [{"gen_ai.system": "openai"}, {"gen_ai.operation.name": 7, "gen_ai.system": "openai"}])
def test_a_provider_alone_makes_no_model_call(span: dict[str, object]) -> None:
    assert usage.read(span) is None


@pytest.mark.parametrize("hit", [True, "true", "True"])
@pytest.mark.parametrize("scope", ["litellm", "my-gateway"])
def test_a_cache_hit_is_no_inference(scope: str, hit: object) -> None:
    read = inference(CHAT | {"litellm.cache_hit": hit}, scope)
    assert (read.role, read.cache_hit) == (Role.CACHED, True)


@pytest.mark.parametrize("miss", [False, "false", "", 1, "untrue"])
def test_only_true_is_a_cache_hit(miss: object) -> None:
    read = inference(CHAT | {"litellm.cache_hit": miss}, "litellm")
    assert (read.role, read.cache_hit) == (Role.INFERENCE, False)


def test_a_server_span_that_hit_the_cache_is_cached_not_a_container() -> None:
    assert inference(CHAT | {"http.route": "/x", "litellm.cache_hit": True}, "litellm").role is Role.CACHED


@pytest.mark.parametrize("empty", ["", "  ", None, 7, ("gpt-4o",)])
def test_a_missing_response_model_gives_way_to_the_request(empty: object) -> None:
    assert inference(CHAT | {"gen_ai.response.model": empty}).model == "gpt-4o"


def test_texts_are_cut_and_nothing_else_is_taken_off_them() -> None:
    read = inference(CHAT | {"gen_ai.response.model": " eu." + "m" * 10_000, "gen_ai.response.id": "i" * 300})
    assert read.model == " eu." + "m" * 252
    assert read.response_id == "i" * 256
    assert inference(CHAT | {"gen_ai.request.model": 3, "gen_ai.response.model": 4}).model == ""


def test_a_server_answers_itself_whatever_model_it_runs() -> None:
    span: dict[str, object] = {"gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 3}
    assert inference(span, "vllm.llm_engine").provider == "vllm"
    assert inference(span | {"gen_ai.response.model": "mistral-large-2"}, "sglang server").provider == "sglang"
    assert inference(span | {"gen_ai.provider.name": "openai"}, "vllm").provider == "openai"


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("llm_call", Role.INFERENCE),
        ("agent_call", Role.CONTAINER),
        ("user_prompt", Role.CONTAINER),
        ("tool_call", None),
        ("schedule_tool_calls", None),
        ("system_prompt", None),
    ],
)
def test_operations_of_gemini_cli(operation: str, role: Role | None) -> None:
    read = usage.read({"gen_ai.operation.name": operation}, "gemini-cli")
    assert (None if read is None else read.role) == role


def test_what_codex_adds_up_over_a_turn_is_not_read_again() -> None:
    turn = {"model": "gpt-5.1-codex", "codex.turn.token_usage.input_tokens": 17455, "turn.id": "t"}
    assert usage.read(turn, "codex_cli_rs") is None


def test_a_framework_gives_way_to_the_provider_behind_it() -> None:
    span = CHAT | {"gen_ai.provider.name": "langchain"}
    assert inference(span | {"gen_ai.system": "groq"}).provider == "groq"
    assert inference(span | {"server.address": "me.openai.azure.com"}).provider == "azure.ai.openai"
    assert inference(span | {"server.address": "127.0.0.1"}).provider == "openai"
    assert inference(span | {"gen_ai.response.model": "llama-3.3-70b"}).provider == ""


@pytest.mark.parametrize(
    "bad", [-1, math.nan, math.inf, -math.inf, True, False, "many", "", 12.5, MAX_TOKENS + 1, 10**400, (1,), b"1"]
)
@pytest.mark.parametrize("side", ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"])
@pytest.mark.parametrize("scope", [GEN_AI, "strands.telemetry.tracer", ""])
def test_an_impossible_primary_count_is_not_reported(scope: str, side: str, bad: object) -> None:
    both = CHAT | {side: bad}
    read = inference(both, scope)
    assert (read.problem, read.total_tokens) == ("partial_usage", None)
    assert [read.input_tokens, read.output_tokens].count(None) == 1
    other = "gen_ai.usage.output_tokens" if "input" in side else "gen_ai.usage.input_tokens"
    assert inference(both | {other: bad}, scope).problem == "invalid_usage"
    total = inference(both | {other: bad, "gen_ai.usage.total_tokens": 1500}, scope)
    assert (total.problem, tokens(total)[:2], total.total_tokens) == ("partial_usage", (None, None), 1500)
    assert not read.usable


@pytest.mark.parametrize("bad", [-1, math.nan, True, "many", 12.5, MAX_TOKENS + 1])
def test_an_impossible_detail_is_only_unknown(bad: object) -> None:
    names = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens")
    assert tokens(inference(CHAT | dict.fromkeys(names, bad))) == (1200, 300, None, None, None)


def test_nothing_said_is_no_usage() -> None:
    span = {key: value for key, value in CHAT.items() if ".usage." not in key}
    read = inference(span)
    assert (read.role, tokens(read), read.problem) == (Role.INFERENCE, NONE, "no_usage")


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("gemini-2.5-flash", "openai", (100, 850)),
        ("google/gemini-2.5-flash", "openrouter", (100, 850)),
        ("models/gemini-2.5-pro", "openai", (100, 850)),
        ("grok-3-mini", "openai", (100, 850)),
        ("my-model", "xai", (100, 850)),
        ("gpt-5", "openai", (100, 50)),
        ("gemma-3-27b", "openai", (100, 50)),
    ],
)
@pytest.mark.parametrize("scope", ["opentelemetry.instrumentation.openai.v1", "my.app", ""])
def test_what_a_total_holds_beyond_both_sides_are_thoughts_behind_any_endpoint(
    scope: str, model: str, provider: str, expected: tuple[int, int]
) -> None:
    span: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.system": provider}
    span |= {"gen_ai.request.model": model, "gen_ai.usage.total_tokens": 950}
    span |= {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}
    assert tokens(inference(span, scope))[:2] == expected


def test_prompts_of_built_in_tools_are_input() -> None:
    span: dict[str, object] = {"openinference.span.kind": "LLM", "llm.provider": "google"}
    span |= {"llm.model_name": "gemini-2.5-flash", "llm.token_count.prompt": 100, "llm.token_count.total": 20950}
    named = {"llm.token_count.completion": 850, "llm.token_count.completion_details.reasoning": 800}
    scope = "openinference.instrumentation.google_genai"
    assert tokens(inference(span | named, scope))[:2] == (20100, 850)
    assert tokens(inference(span | {"llm.token_count.completion": 50}, scope))[:2] == (20900, 50)


@pytest.mark.parametrize("bad", [-1, math.nan, True, "many", "", 12.5, MAX_TOKENS + 1], ids=str)
def test_what_is_wrong_with_one_set_does_not_hide_another(bad: object) -> None:
    named: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    gen_ai: dict[str, object] = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300}
    old = {"gen_ai.usage.prompt_tokens": bad, "gen_ai.usage.completion_tokens": 7}
    new = {"gen_ai.usage.input_tokens": bad, "gen_ai.usage.output_tokens": 300, "gen_ai.usage.prompt_tokens": 1200}
    vercel = {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": bad, "ai.usage.outputTokens": 7}
    inferred = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 5, "llm.token_count.completion": bad}
    object_of = {"langfuse.observation.type": "generation"}
    for scope, span in (
        ("my.app", gen_ai | old),
        ("my.app", new),
        ("ai", gen_ai | vercel),
        ("openinference.instrumentation.openai", gen_ai | inferred),
        ("langfuse-sdk", gen_ai | object_of | {"langfuse.observation.usage_details": json.dumps({"input": bad})}),
    ):
        read = inference(named | span, scope)
        assert (tokens(read)[:2], read.problem) == ((1200, 300), "")


def test_zeros_do_not_hide_counts_under_other_names() -> None:
    zeros = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 0, "llm.token_count.completion": 0}
    span = zeros | {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300}
    assert tokens(inference(span, "openinference.instrumentation.openai"))[:2] == (1200, 300)


def test_a_bad_detail_does_not_hide_a_good_one() -> None:
    details: dict[str, object] = {
        "gen_ai.usage.cache_read.input_tokens": -1,
        "gen_ai.usage.cache_read_input_tokens": "1000",
    }
    assert inference(CHAT | details, "my.app").cached_input_tokens == 1000


@pytest.mark.parametrize("scope", ["my.app", "ai", "langfuse-sdk", "openinference.instrumentation.openai"])
def test_numbers_as_text_are_numbers(scope: str) -> None:
    counts: dict[str, int] = {"input_tokens": 1200, "output_tokens": 300, "cache_read.input_tokens": 1000}
    span: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    as_text = span | {f"gen_ai.usage.{name}": str(value) for name, value in counts.items()}
    assert inference(as_text, scope) == inference(span | {f"gen_ai.usage.{k}": v for k, v in counts.items()}, scope)
    assert tokens(inference(as_text, scope))[:3] == (1200, 300, 1000)


def test_usage_that_the_value_limit_cut_off_is_read_as_far_as_it_goes() -> None:
    details = {"completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 0}}
    whole = json.dumps({"completion_tokens": 300, "prompt_tokens": 1200, "total_tokens": 1500, **details})
    span: dict[str, object] = {"langfuse.observation.type": "generation"}
    for text in (whole[:128], whole[:72], whole[:50]):
        read = inference(span | {"langfuse.observation.usage_details": text}, "langfuse-sdk")
        assert (tokens(read)[:2], read.problem) == ((1200, 300), "")
    printed = str({"prompt_tokens": 1200, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1000}})
    read = inference({"llm.openai.usage": printed[:-10], "llm.openai.model": "gpt-4o"}, "litellm")
    assert tokens(read)[:2] == (1200, 300)


MODEL: dict[str, object] = {"gen_ai.request.model": "gpt-4o"}
STAMPED = MODEL | {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("opentelemetry.instrumentation.redis", MODEL | {"db.system": "redis", "db.statement": "GET"}),
        ("opentelemetry.instrumentation.redis", STAMPED | {"db.system.name": "redis"}),
        ("opentelemetry.instrumentation.botocore.dynamodb", MODEL | {"db.system": "dynamodb"}),
        ("", MODEL | {"db.system": "redis"}),
        ("my.app", STAMPED | {"messaging.system": "kafka"}),
        ("opentelemetry.instrumentation.fastapi", MODEL | {"http.route": "/v1/chat", "http.method": "POST"}),
        ("opentelemetry.instrumentation.fastapi", MODEL),
        ("opentelemetry.instrumentation.fastapi", STAMPED | {"url.path": "/v1/chat"}),
        ("@opentelemetry/instrumentation-express", MODEL | {"gen_ai.system": "openai"}),
        ("@opentelemetry/instrumentation-http", STAMPED | {"http.request.method": "POST"}),
        ("my.gateway", MODEL | {"http.route": "/v1/chat", "gen_ai.response.model": "gpt-4o"}),
        ("my.app", MODEL | {"gen_ai.system": "openai"}),
        ("livekit-agents", {"gen_ai.request.model": "nova-3", "gen_ai.provider.name": "Deepgram"}),
        ("livekit-agents", {"gen_ai.request.model": "sonic-2", "gen_ai.operation.name": "chat"}),
        ("", {"gen_ai.request.model": "nova-3", "gen_ai.provider.name": "Deepgram"}),
        ("", {"gen_ai.request.model": "eleven_flash_v2_5"}),
        ("openlit.otel.tracing", {"gen_ai.request.model": "x", "gen_ai.operation.name": "speech_to_text"}),
        ("opentelemetry.instrumentation.openai.v1", {"gen_ai.request.model": "openai/whisper-1"}),
        ("my.app", {"gen_ai.request.model": "my-model", "gen_ai.operation.name": "tts"}),
    ],
    ids=str,
)
def test_what_only_names_a_model_and_is_something_else_is_no_call(scope: str, attributes: dict[str, object]) -> None:
    assert usage.read(attributes, scope) is None
    # With counts it is one, whatever else it is.
    assert inference(attributes | {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 6}, scope).usable


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("my.app", STAMPED),
        ("my.app", STAMPED | {"http.route": "/v1/chat"}),
        ("my.app", MODEL | {"gen_ai.response.id": "r"}),
        ("my.app", MODEL | {"gen_ai.prompt.0.content": "hello"}),
        ("opentelemetry.instrumentation.openai.v1", MODEL),
        ("opentelemetry.instrumentation.openai.v1", MODEL | {"http.method": "POST"}),
        ("opentelemetry.instrumentation.new_llm", STAMPED),
        ("", MODEL | {"http.method": "POST"}),
        ("", {"gen_ai.request.model": "amazon.nova-2-lite-v1:0"}),
        ("", {"gen_ai.request.model": "amazon.nova-sonic-v1:0"}),
    ],
    ids=str,
)
def test_a_call_that_does_not_say_what_it_consumed_stays_a_gap(scope: str, attributes: dict[str, object]) -> None:
    read = inference(attributes, scope)
    assert (read.role, read.problem) == (Role.INFERENCE, "no_usage")


NAMES = sorted(
    {name for span in WRITTEN for name in span["attributes"]}
    | {name for spans in RECORDED.values() for span in spans for name in span["attributes"]}
)
VALUES = sorted(
    {
        value
        for spans in (WRITTEN, *RECORDED.values())
        for span in spans
        for value in span["attributes"].values()
        if isinstance(value, str)
    }
)
SCOPES = sorted({scope.rstrip("*") for dialect in dialects.DIALECTS for scope in dialect.scopes} | {"", "my.app"})
ANYTHING = st.one_of(
    st.sampled_from(VALUES),
    st.integers(min_value=0, max_value=5000),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=20),
    st.just("x" * 10_000),
    st.just('{"input": ' * 5000),
    st.tuples(st.integers()),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.sampled_from(["input", "output", "prompt_tokens"]), st.integers(), max_size=2),
    st.builds(json.dumps, st.dictionaries(st.sampled_from(["input", "output", "input_tokens"]), st.integers())),
)


@given(attributes=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=25), scope=st.sampled_from(SCOPES))
@example(attributes=dict.fromkeys(NAMES, "{'a': " * 100), scope="langfuse-sdk")
@example(attributes=dict.fromkeys(NAMES, 0), scope="")
def test_anything_is_read_without_harm(attributes: dict[str, object], scope: str) -> None:
    read = usage.read(attributes, scope)
    if read is None:
        return
    assert read == usage.read(MappingProxyType(attributes), scope)
    for number in tokens(read):
        assert number is None or (type(number) is int and number >= 0)
    assert read.input_tokens is not None or read.partial or read.cached_input_tokens is read.cache_write_tokens is None
    assert read.output_tokens is not None or read.partial or read.reasoning_tokens is None
    assert (read.total_tokens is not None) == (read.partial and read.input_tokens is read.output_tokens is None)
    if read.input_tokens is not None:
        assert (read.cached_input_tokens or 0) + (read.cache_write_tokens or 0) <= read.input_tokens
    if read.output_tokens is not None:
        assert (read.reasoning_tokens or 0) <= read.output_tokens
    assert read.problem in {"", "partial_usage", "no_usage", "invalid_usage"}
    assert read.usable == (read.problem == "")
    assert read.cache_hit == (read.role is Role.CACHED)
    for text in (read.model, read.request_model, read.provider, read.response_id, read.operation):
        assert type(text) is str
        assert len(text) <= 256


COUNTS = st.integers(min_value=0, max_value=1_000_000)


@given(fresh=st.integers(1, 1_000_000), cached=COUNTS, write=COUNTS, text=COUNTS, thoughts=st.integers(0, MAX_THOUGHTS))
def test_dialects_agree_on_the_same_call(fresh: int, cached: int, write: int, text: int, thoughts: int) -> None:
    whole_in, whole_out = fresh + cached + write, text + thoughts
    names = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens")
    details = dict(zip(names, (cached, write), strict=True))
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    spans: list[tuple[str, dict[str, object]]] = [
        (
            "opentelemetry.instrumentation.genai.anthropic",
            {"gen_ai.usage.input_tokens": whole_in, "gen_ai.usage.output_tokens": whole_out},
        ),
        (
            "opentelemetry.instrumentation.botocore.bedrock-runtime",
            {"gen_ai.usage.input_tokens": fresh, "gen_ai.usage.output_tokens": whole_out},
        ),
        (
            "opentelemetry.instrumentation.google_generativeai",
            {
                "gen_ai.provider.name": "gcp.gen_ai",
                "gen_ai.usage.input_tokens": whole_in,
                "gen_ai.usage.output_tokens": text,
                "gen_ai.usage.total_tokens": whole_in + whole_out,
            },
        ),
    ]
    for scope, counts in spans:
        read = inference(chat | details | counts, scope)
        assert tokens(read)[:4] == (whole_in, whole_out, cached, write)


def test_the_reader_is_the_rooms_only_door() -> None:
    assert {"MARKERS", "read"} <= set(usage.__all__)
    assert usage.read is reader.read
