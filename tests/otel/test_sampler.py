# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The sampler: what would be dropped is counted and never exported, and what is exported stays as it was."""

from __future__ import annotations

import logging
import math
import random
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry import trace
from opentelemetry.sdk._configuration import _import_sampler
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind, TraceState
from opentelemetry.util.genai.handler import TelemetryHandler

from carbonspan import CarbonSampler, CarbonSpanProcessor
from carbonspan.otel import sampler as samplers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link
    from opentelemetry.util.types import Attributes

SCOPE = "opentelemetry.instrumentation.genai.openai"
REQUEST = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
USAGE = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300}
NAMES = [prefix + name for prefix in ("", "parentbased_") for name in ("always_off", "always_on", "traceidratio")]


class Seeded(IdGenerator):
    """Random ids, the same in every run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1


class Pipeline:
    """A provider with carbonspan and an exporter behind it."""

    def __init__(self, sampler: Sampler, *, batch: bool = False, seed: int = 1) -> None:
        self.reader = InMemoryMetricReader()
        meters = MeterProvider(metric_readers=[self.reader], resource=Resource.get_empty(), shutdown_on_exit=False)
        self.carbon = CarbonSpanProcessor(meter_provider=meters)
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(
            sampler=sampler, resource=Resource.get_empty(), shutdown_on_exit=False, id_generator=Seeded(seed)
        )
        self.provider.add_span_processor(self.carbon)
        self.provider.add_span_processor(
            BatchSpanProcessor(self.exporter) if batch else SimpleSpanProcessor(self.exporter)
        )
        self.tracer = self.provider.get_tracer(SCOPE)

    def totals(self) -> dict[str, float]:
        """Return the total of every metric but the durations, which are real time."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: math.fsum(
                getattr(point, "sum", getattr(point, "value", 0.0)) for point in metric.data.data_points
            )
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name != "carbon.request.duration"
        }

    def exported(self) -> int:
        self.provider.shutdown()
        return len(self.exporter.get_finished_spans())


class Fixed(Sampler):
    """Answers with one result, and takes as many arguments as the SDK gives."""

    def __init__(self, result: SamplingResult) -> None:
        self.result = result

    def should_sample(  # type: ignore[override] # noqa: PLR0917 - as a user may have written it
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
    ) -> SamplingResult:
        del parent_context, trace_id, name, kind, attributes, links
        return self.result

    def get_description(self) -> str:
        return "Fixed"


def decide(sampler: Sampler, name: Any, attributes: Any = None) -> SamplingResult:
    return sampler.should_sample(None, 1 << 100, name, SpanKind.CLIENT, attributes, ())


@pytest.mark.parametrize("batch", [False, True])
def test_a_dropped_llm_span_is_counted_and_not_exported(*, batch: bool) -> None:
    pipeline = Pipeline(CarbonSampler(ALWAYS_OFF), batch=batch)
    span = pipeline.tracer.start_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=REQUEST)
    assert span.is_recording()
    assert not span.get_span_context().trace_flags.sampled
    span.set_attributes(USAGE)
    span.end()
    # `enriched`, not `unknown_model`: the model was given at the start, which a dropping sampler's answer leaves out.
    assert pipeline.carbon.counts() == {"enriched": 1}
    assert pipeline.exported() == 0


def test_a_dropped_span_of_another_kind_stays_dropped() -> None:
    pipeline = Pipeline(CarbonSampler(ALWAYS_OFF))
    assert not pipeline.tracer.start_span("GET /chat", attributes={"http.request.method": "GET"}).is_recording()
    assert Pipeline(CarbonSampler(ALWAYS_OFF, every=True)).tracer.start_span("GET /chat").is_recording()


# How the packages start their spans: name and attributes, read in their sources (versions in otel/sampler.py).
STARTS: list[tuple[str, dict[str, Any] | None]] = [
    ("anything", REQUEST),  # opentelemetry-util-genai and all on it
    ("anything", {"openinference.span.kind": "LLM"}),  # openinference-instrumentation
    ("openai.chat", {"gen_ai.operation.name": "chat"}),  # Traceloop openai
    ("openai.response", None),  # Traceloop openai, responses
    ("openai.embeddings", None),
    ("ChatOpenAI.chat", None),  # Traceloop langchain
    ("ChatOpenAI", None),  # openinference langchain
    ("AzureChatOpenAI", None),
    ("chat", None),  # strands
    ("invoke_agent travel", None),  # strands, langgraph: a container, counted as such
    ("call_llm", None),  # google-adk
    ("generate_content gemini-2.5-flash", None),  # google-adk
    ("litellm_request", None),  # litellm
    ("OpenAI-generation", None),  # langfuse
    ("Chat Completion with 'gpt-4o'", None),  # logfire
    ("anything", {"ai.operationId": "ai.generateText.doGenerate"}),  # Vercel
]


@pytest.mark.parametrize(("name", "attributes"), STARTS, ids=[f"{n} {a or ''}" for n, a in STARTS])
def test_how_instrumentations_start_their_spans_is_known(name: str, attributes: dict[str, Any] | None) -> None:
    assert decide(CarbonSampler(ALWAYS_OFF), name, attributes).decision is Decision.RECORD_ONLY


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("GET /v1/chat", None),
        ("POST", {"http.request.method": "POST", "url.full": "https://api.openai.com/v1/chat/completions"}),
        ("SELECT chats", {"db.system": "postgresql"}),
        ("chatter", None),
        ("", None),
        ("my-langfuse-name", None),  # the limit that `every` is for
    ],
)
def test_what_does_not_say_so_is_left_to_the_inner_sampler(name: str, attributes: dict[str, Any] | None) -> None:
    assert decide(CarbonSampler(ALWAYS_OFF), name, attributes).decision is Decision.DROP
    assert decide(CarbonSampler(ALWAYS_OFF, every=True), name, attributes).decision is Decision.RECORD_ONLY


def test_attributes_and_trace_state_of_the_inner_sampler_stay() -> None:
    state = TraceState([("ot", "th:c8")])
    inner = Fixed(SamplingResult(Decision.DROP, {"sampler.rule": "night", "gen_ai.system": "its own"}, state))
    result = decide(CarbonSampler(inner), "chat", {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"})
    assert result.decision is Decision.RECORD_ONLY
    assert dict(result.attributes or {}) == {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.system": "its own",
        "sampler.rule": "night",
    }
    assert result.trace_state is state


@pytest.mark.parametrize("decision", [Decision.RECORD_AND_SAMPLE, Decision.RECORD_ONLY])
def test_what_the_inner_sampler_keeps_is_handed_on_untouched(decision: Decision) -> None:
    result = SamplingResult(decision, {"a": 1})
    assert decide(CarbonSampler(Fixed(result), every=True), "chat", REQUEST) is result


def test_a_trace_state_given_is_passed_on() -> None:
    class Echo(Fixed):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            del kwargs
            return SamplingResult(Decision.DROP, None, args[6])

    state = TraceState([("a", "b")])
    sampler = CarbonSampler(Echo(SamplingResult(Decision.DROP)))
    assert sampler.should_sample(None, 1, "chat", None, None, None, state).trace_state is state


def test_children_of_a_span_that_is_only_recorded() -> None:
    pipeline = Pipeline(CarbonSampler(ParentBased(ALWAYS_OFF)))
    with (
        pipeline.tracer.start_as_current_span("invoke_agent travel", attributes={"gen_ai.operation.name": "x"}),
        pipeline.tracer.start_as_current_span("chat gpt-4o", attributes={**REQUEST, **USAGE}) as call,
        pipeline.tracer.start_as_current_span("POST") as http,
    ):
        assert call.is_recording()
        assert http.is_recording()  # or what stands below it would not be known to be the agent's
        assert not http.get_span_context().trace_flags.sampled
        assert http.get_span_context().trace_id == call.get_span_context().trace_id
    assert pipeline.carbon.counts() == {"enriched": 1, "container": 1}
    assert pipeline.exported() == 0


@pytest.mark.parametrize("sampled", [True, False])
def test_the_decision_of_a_remote_parent_stands_for_the_export(*, sampled: bool) -> None:
    parent = trace.NonRecordingSpan(
        trace.SpanContext(1 << 99, 1, is_remote=True, trace_flags=trace.TraceFlags(1 if sampled else 0))
    )
    pipeline = Pipeline(CarbonSampler(ParentBased(ALWAYS_ON)))
    context = trace.set_span_in_context(parent)
    pipeline.tracer.start_span("chat gpt-4o", context=context, attributes={**REQUEST, **USAGE}).end()
    assert pipeline.carbon.counts() == {"enriched": 1}
    assert pipeline.exported() == int(sampled)


def workload(pipeline: Pipeline, calls: int) -> None:
    """`calls` LLM spans as instrumentations make them, among agents, tools, HTTP and database spans."""
    chance = random.Random(3)
    handler = TelemetryHandler(tracer_provider=pipeline.provider)
    for index in range(calls):
        name, model = chance.choice([("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("acme", "home-made")])
        tokens = chance.randrange(1, 5000), chance.randrange(1, 900)
        way = index % 4
        if way == 0:  # OpenTelemetry's own instrumentations: attributes at the start, usage at the end
            with handler.inference(name, request_model=model) as call:
                call.input_tokens, call.output_tokens = tokens
        elif way == 1:  # an agent that holds a call and a tool, below the server span of a request
            with (
                pipeline.tracer.start_as_current_span("POST /ask", kind=SpanKind.SERVER),
                handler.invoke_local_agent(request_model=model),
            ):
                with handler.inference(name, request_model=model) as call:
                    call.input_tokens, call.output_tokens = tokens
                with pipeline.tracer.start_as_current_span("SELECT orders", attributes={"db.system": "sqlite"}):
                    pass
        else:  # everything set after the start: Traceloop's responses, Strands
            span = pipeline.tracer.start_span("openai.response" if way == 2 else "chat")
            if span.is_recording():
                span.set_attributes({"gen_ai.system": name, "gen_ai.request.model": model})
                span.set_attributes({"gen_ai.operation.name": "chat"})
                if chance.random() < 0.9:  # some fail, and report no usage
                    span.set_attributes(dict(zip(USAGE, tokens, strict=True)))
            else:
                chance.random()
            span.end()


def test_counts_are_exact_at_one_percent_against_all() -> None:
    everything = Pipeline(ALWAYS_ON)
    workload(everything, 2000)
    counts: Mapping[str, int] = everything.carbon.counts()
    assert sum(n for outcome, n in counts.items() if outcome != "container") == 2000
    assert {"enriched", "unknown_model", "no_usage", "container"} <= set(counts)

    sampled = Pipeline(CarbonSampler(ParentBasedTraceIdRatio(0.01)))
    workload(sampled, 2000)
    assert sampled.carbon.counts() == counts
    totals, of_sampled = everything.totals(), sampled.totals()
    assert totals["carbon.request.emissions"] > 0.0
    assert of_sampled == totals  # to the last digit

    # Of 2,000 traces, 20 are expected with a standard deviation of 4.4; every sampled trace is whole.
    without = Pipeline(ParentBasedTraceIdRatio(0.01))
    workload(without, 2000)
    roots = [s for s in sampled.exporter.get_finished_spans() if s.parent is None]
    assert 7 <= len(roots) <= 33
    assert sampled.exported() == without.exported()
    assert sum(without.carbon.counts().values()) < 100  # what the counts would be without it


def test_description_names_the_inner_sampler() -> None:
    assert CarbonSampler(TraceIdRatioBased(0.5)).get_description() == "CarbonSampler{TraceIdRatioBased{0.5}}"
    assert CarbonSampler(ALWAYS_OFF, every=True).get_description() == "CarbonSampler{AlwaysOffSampler,every}"


@pytest.mark.parametrize("inner", [None, "traceidratio", 0.01, TraceIdRatioBased])
def test_an_inner_sampler_that_is_none_is_refused(inner: Any) -> None:
    with pytest.raises(ValueError, match=r"'inner' is .*; allowed: an OpenTelemetry Sampler"):
        CarbonSampler(inner)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=3))


@given(
    name=st.one_of(st.text(), st.none(), st.integers(), st.sampled_from([name for name, _ in STARTS])),
    attributes=st.one_of(
        st.none(), st.dictionaries(st.text() | st.sampled_from(list(REQUEST)), values), st.lists(values), st.integers()
    ),
    every=st.booleans(),
)
def test_no_name_and_no_attributes_raise(*, name: Any, attributes: Any, every: bool) -> None:
    kept = decide(CarbonSampler(ALWAYS_OFF, every=every), name, attributes)
    assert kept.decision in {Decision.DROP, Decision.RECORD_ONLY}
    if kept.decision is Decision.RECORD_ONLY and attributes:
        assert set(kept.attributes or {}) == set(attributes)


# By name.


@pytest.mark.parametrize("name", NAMES)
def test_each_sampler_of_the_sdk_has_its_own_by_entry_point(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    inner, carbon = _import_sampler(name), _import_sampler(f"carbon_{name}")
    assert inner is not None
    assert isinstance(carbon, CarbonSampler)
    assert carbon.get_description() == f"CarbonSampler{{{inner.get_description()}}}"
    (found,) = entry_points(group="opentelemetry_traces_sampler", name=f"carbon_{name}")
    assert found.load() is getattr(samplers, name)


@pytest.mark.parametrize("name", NAMES)
def test_every_can_be_asked_for_by_argument(name: str) -> None:
    assert getattr(samplers, name)("0.25, every").get_description().endswith(",every}")
    assert not getattr(samplers, name)("0.25").get_description().endswith(",every}")


@pytest.mark.parametrize(
    "argument", [None, "", "every", "often", "1%", "-0.1", "1.5", "nan", "inf", "1e999", "0.1,0.2"]
)
@pytest.mark.parametrize("name", ["traceidratio", "parentbased_traceidratio"])
def test_a_wrong_argument_is_one_line_and_the_sdks_default(
    name: str, argument: str | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if argument is None:
        monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG", raising=False)
    else:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    with caplog.at_level(logging.WARNING):
        sampler = _import_sampler(f"carbon_{name}")
    assert sampler is not None
    assert "TraceIdRatioBased{1.0}" in sampler.get_description()
    (record,) = caplog.records
    line = record.getMessage()
    assert "OTEL_TRACES_SAMPLER_ARG" in line
    assert "allowed: a number from 0 to 1" in line
    assert "\n" not in line
    assert not argument or argument == "every" or repr(argument) in line


def test_a_long_wrong_argument_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    samplers.traceidratio("x" * 10_000)
    assert len(caplog.text) < 600


def test_parentbased_always_off_by_name_counts_and_exports_nothing() -> None:
    pipeline = Pipeline(samplers.parentbased_always_off())
    pipeline.tracer.start_span("chat gpt-4o", attributes={**REQUEST, **USAGE}).end()
    assert pipeline.carbon.counts() == {"enriched": 1}
    assert pipeline.exported() == 0


@pytest.mark.parametrize("sampler", [ALWAYS_ON, CarbonSampler(ALWAYS_OFF), CarbonSampler(TraceIdRatioBased(0.01))])
def test_an_agent_is_no_call_of_its_own_where_spans_between_are_dropped(sampler: Sampler) -> None:
    pipeline = Pipeline(sampler)
    agent: dict[str, Any] = {**REQUEST, **USAGE, "gen_ai.operation.name": "invoke_agent"}
    for _ in range(20):
        with (
            pipeline.tracer.start_as_current_span("invoke_agent travel", attributes=agent),
            pipeline.tracer.start_as_current_span("my step"),
            pipeline.tracer.start_as_current_span("another"),
        ):
            pipeline.tracer.start_span("chat gpt-4o", attributes={**REQUEST, **USAGE}).end()
    assert pipeline.carbon.counts() == {"enriched": 20, "container": 20}
