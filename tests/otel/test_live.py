# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Who is above whom, by ids: wrappers, traceparents that come back, and spans that a sampler dropped in between.

Each through the processor and through the exporter: both must count the same.
"""

from __future__ import annotations

import gc
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context, use_span

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor
from carbonspan.otel import _known as known
from carbonspan.otel._live import MAX_OPEN
from carbonspan.testing import llm_attributes
from tests.contexts import DIRECT, VIAS, as_current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry import trace

CHAT = llm_attributes(input_tokens=1000, output_tokens=100)
AGENT = llm_attributes(input_tokens=2000, output_tokens=200) | {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "a",
}
DROPPED = "http"


class DropsHttp(Sampler):
    """Drops spans by name, whatever is above them, and keeps all others."""

    def should_sample(self, *positional: Any, **named: Any) -> SamplingResult:
        called = dict(zip(("context", "trace_id", "name", "kind", "attributes"), positional, strict=False)) | named
        name, attributes = called["name"], called.get("attributes")
        return SamplingResult(Decision.DROP if name == DROPPED else Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "DropsHttp"


class Pipeline:
    """A provider with one of the two: the processor, or the exporter that gets each span as it ends, or in batches."""

    def __init__(self, way: str, **options: Any) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=DropsHttp(), shutdown_on_exit=False)
        self._counts: Callable[[], Any]
        if way == "processor":
            processor = CarbonSpanProcessor(metrics=False, **options)
            self.provider.add_span_processor(processor)
            self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
            self._counts = processor.counts
        else:
            exporter = CarbonSpanExporter(self.memory, metrics=False, **options)
            self.batch = Batches(exporter, 1 if way == "exporter" else 1000)
            self.provider.add_span_processor(self.batch)
            self._counts = exporter.counts
        self.tracer = self.provider.get_tracer("agents")

    @contextmanager
    def span(self, name: str, attributes: Any = None, via: str = DIRECT) -> Iterator[trace.Span]:
        span = self.tracer.start_span(name, attributes=attributes)
        with use_span(as_current(span, via)):
            yield span
        span.end()

    def counts(self) -> Any:
        self.provider.force_flush()
        return self._counts()

    def ended(self) -> dict[str, list[dict[str, Any]]]:
        self.provider.force_flush()
        found: dict[str, list[dict[str, Any]]] = {}
        for span in self.memory.get_finished_spans():
            found.setdefault(span.name, []).append(dict(span.attributes or {}))
        return found

    def grams(self) -> dict[str, float]:
        return {
            name: math.fsum(span.get("carbon.emissions.grams", 0.0) for span in spans)
            for name, spans in self.ended().items()
        }


class Batches(SpanProcessor):
    def __init__(self, exporter: CarbonSpanExporter, size: int) -> None:
        self._exporter, self._size, self._spans = exporter, size, list[ReadableSpan]()

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)
        if len(self._spans) >= self._size:
            self.force_flush()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        self._exporter.export(self._spans)
        self._spans = []
        return True


@pytest.fixture(params=["processor", "exporter", "exporter in batches"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("via", VIAS)
def test_an_agent_is_not_counted_beside_its_calls(way: str, via: str) -> None:
    pipeline = Pipeline(way)
    with pipeline.span("root", via=via), pipeline.span("agent", AGENT, via):
        for _ in range(2):
            with pipeline.span("tool", via=via), pipeline.span("chat", CHAT, via):
                pass
    grams = pipeline.grams()
    assert grams["agent"] == grams["root"] == 0.0
    assert pipeline.counts() == {"enriched": 2, "container": 1}
    (root,), (agent,) = pipeline.ended()["root"], pipeline.ended()["agent"]
    assert root["carbon.task.inferences"] == agent["carbon.task.inferences"] == 2
    assert root["carbon.task.emissions.grams"] == pytest.approx(grams["chat"])


@pytest.mark.parametrize("levels", [1, 2])
def test_spans_that_a_sampler_dropped_hide_nothing(way: str, levels: int) -> None:
    pipeline = Pipeline(way, cohorts=["tenant"])
    with pipeline.span("root", {"tenant": "t1"}) as root, pipeline.span("agent", AGENT):
        root.add_event("feature_flag", {"feature_flag.key": "f", "feature_flag.variant": "on"})
        for _ in range(2):
            with pipeline.span(DROPPED), pipeline.span(DROPPED if levels > 1 else "tool"), pipeline.span("chat", CHAT):
                pass
    ended, grams = pipeline.ended(), pipeline.grams()
    assert (grams["agent"], grams["root"]) == (0.0, 0.0)
    assert ended["root"][0]["carbon.task.inferences"] == 2
    assert ended["root"][0]["carbon.task.emissions.grams"] == pytest.approx(grams["chat"])
    if way != "exporter":  # which knows what is above a span only in one batch
        assert [(chat["tenant"], chat["carbon.flag.f"]) for chat in ended["chat"]] == [("t1", "on")] * 2
    if way == "processor":
        assert [chat["carbon.agent.name"] for chat in ended["chat"]] == ["a", "a"]


def test_a_queue_brings_the_trace_back_after_the_producer_has_ended(way: str) -> None:
    pipeline = Pipeline(way)
    with pipeline.span("agent", AGENT):
        with pipeline.span("send") as producer:
            message = as_current(producer, "remote")
        with ThreadPoolExecutor(1) as pool:  # a worker, whose context is empty

            def work() -> None:
                with use_span(message), pipeline.span("receive"), pipeline.span("chat", CHAT):
                    pass

            pool.submit(work).result()
    grams = pipeline.grams()
    assert grams["agent"] == 0.0
    assert pipeline.ended()["agent"][0]["carbon.task.inferences"] == 1
    # What came over the queue is a task of its own, too: in another process only this would show it.
    assert pipeline.ended()["receive"][0]["carbon.task.emissions.grams"] == grams["chat"]


def test_calls_side_by_side_below_dropped_spans_are_not_one_call(way: str) -> None:
    pipeline = Pipeline(way)
    with pipeline.span("agent", AGENT) as agent:
        calls = []
        for _ in range(4):
            above = pipeline.tracer.start_span(DROPPED, set_span_in_context(agent))
            calls.append(pipeline.tracer.start_span("chat", set_span_in_context(above), attributes=CHAT))
        for call in calls:
            call.end()
    assert pipeline.counts() == {"enriched": 4, "container": 1}
    assert pipeline.ended()["agent"][0]["carbon.task.inferences"] == 4
    assert all("carbon.task.inferences" not in chat for chat in pipeline.ended()["chat"])


def test_agents_below_one_dropped_span_are_beside_each_other(way: str) -> None:
    pipeline = Pipeline(way)
    with pipeline.span("root") as root:
        above = set_span_in_context(pipeline.tracer.start_span(DROPPED, set_span_in_context(root)))
        agents = [pipeline.tracer.start_span("agent", above, attributes=AGENT) for _ in range(3)]
        for agent in agents:
            agent.end()
    assert pipeline.counts() == {"container_usage": 3}
    assert pipeline.ended()["root"][0]["carbon.task.inferences"] == 3


def test_requests_of_one_trace_that_came_from_elsewhere_do_not_mix(way: str) -> None:
    pipeline = Pipeline(way)
    spans = []
    for at in range(1, 3):
        elsewhere = NonRecordingSpan(SpanContext(77, at, is_remote=True, trace_flags=TraceFlags(1)))
        request = pipeline.tracer.start_span("request", set_span_in_context(elsewhere))
        agent = pipeline.tracer.start_span("agent", set_span_in_context(request), attributes=AGENT)
        spans.append((request, agent))
    for _, agent in spans:
        agent.end()
    for request, _ in spans:
        request.end()
    assert pipeline.counts() == {"container_usage": 2}
    assert [request["carbon.task.inferences"] for request in pipeline.ended()["request"]] == [1, 1]


def test_a_container_that_was_counted_holds_what_ends_below_it_late() -> None:
    pipeline = Pipeline("processor")
    agent = pipeline.tracer.start_span("agent", attributes=AGENT)
    above = pipeline.tracer.start_span(DROPPED, set_span_in_context(agent))
    late = pipeline.tracer.start_span("chat", set_span_in_context(above), attributes=CHAT)
    inner = pipeline.tracer.start_span("agent", set_span_in_context(above), attributes=AGENT)
    agent.end()
    late.end()
    inner.end()
    assert pipeline.counts() == {"container_usage": 1, "duplicate": 1, "container": 1}


def test_a_span_that_is_gone_is_not_known_any_more_and_its_trace_is() -> None:
    pipeline = Pipeline("processor")
    pipeline.memory.shutdown()  # keeps nothing
    with pipeline.span("agent", AGENT) as agent:
        with pipeline.span("send") as producer:
            message = as_current(producer, "remote")
        gone = weakref.ref(producer)
        del producer
        gc.collect()
        assert gone() is None
        with use_span(message), pipeline.span("chat", CHAT):
            pass
    assert pipeline.counts() == {"enriched": 1, "container": 1}
    assert dict(agent.attributes or {})["carbon.task.inferences"] == 1  # type: ignore[attr-defined]


def test_spans_below_dropped_ones_that_never_end_leave_nothing_behind() -> None:
    pipeline = Pipeline("processor")
    pipeline.memory.shutdown()  # keeps nothing
    refs = []
    for _ in range(200):
        root = pipeline.tracer.start_span("root")
        span = pipeline.tracer.start_span(DROPPED, set_span_in_context(root))
        child = pipeline.tracer.start_span("agent", set_span_in_context(span), attributes=AGENT)
        refs += [weakref.ref(root), weakref.ref(child)]
        del root, span, child
    gc.collect()
    assert [one for one in refs if one() is not None] == []
    known.sweep()
    assert known._first.keys() <= {span.context.trace_id for span in gc.get_objects() if isinstance(span, Span)}


def test_spans_that_overlap_below_dropped_ones_keep_no_chain() -> None:
    pipeline = Pipeline("processor")
    pipeline.memory.shutdown()  # keeps nothing
    root = pipeline.tracer.start_span("root")
    last: Any = None
    refs = []
    for _ in range(100):
        above = pipeline.tracer.start_span(DROPPED, set_span_in_context(root))
        span = pipeline.tracer.start_span("step", set_span_in_context(above))
        refs.append(weakref.ref(span))
        if last is not None:
            last.end()
        last = span
    gc.collect()
    assert len([one for one in refs if one() is not None]) <= 2


def test_only_so_many_open_spans_are_looked_at() -> None:
    pipeline = Pipeline("processor")
    with pipeline.span("agent", AGENT) as agent:
        beside = [pipeline.tracer.start_span("tool", set_span_in_context(agent)) for _ in range(2 * MAX_OPEN)]
        with pipeline.span(DROPPED), pipeline.span("chat", CHAT):
            pass
        for span in beside:
            span.end()
    assert pipeline.counts() == {"enriched": 1, "container": 1}


class PassesOn(SpanProcessor):
    """A wrapper that knows only the SDK's public hooks."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        self._inner.on_end(span)


def test_one_processor_with_and_without_a_wrapper_handles_each_span_once() -> None:
    processor = CarbonSpanProcessor(metrics=False)
    memory = InMemorySpanExporter()
    tracers = []
    for one in (processor, PassesOn(processor)):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(one)
        provider.add_span_processor(SimpleSpanProcessor(memory))
        tracers.append(provider.get_tracer("agents"))
    direct, wrapped = tracers
    for first, second in ((direct, wrapped), (wrapped, direct), (wrapped, wrapped)):
        agent = first.start_span("agent", attributes=AGENT)
        call = second.start_span("chat", set_span_in_context(agent), attributes=CHAT)
        other = first.start_span("chat", set_span_in_context(agent), attributes=CHAT)
        call.end()
        other.end()
        agent.end()
    assert processor.counts() == {"enriched": 6, "container": 3}
    spans = memory.get_finished_spans()
    assert [(span.attributes or {})["carbon.task.inferences"] for span in spans if span.name == "agent"] == [2, 2, 2]


def test_spans_that_end_within_the_hooks_of_another_are_handled_once() -> None:
    class EndsOne(SpanProcessor):
        def _on_ending(self, span: Span) -> None:
            if span.name == "chat":
                tracer.start_span("inner", attributes=CHAT).end()

    processor, provider = CarbonSpanProcessor(metrics=False), TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("agents")
    early = tracer.start_span("chat", attributes=CHAT)  # before there is a processor
    provider.add_span_processor(processor)
    provider.add_span_processor(EndsOne())
    early.end()
    tracer.start_span("chat", attributes=CHAT).end()
    assert processor.counts() == {"enriched": 4}


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> list[tuple[str, str, list[Any]]]:
    """Name, what stands for it in the context, and what is below it: calls are leaves."""
    made = []
    for _ in range(draw(st.integers(0 if depth else 1, 3))):
        name = draw(st.sampled_from(["agent", "tool", DROPPED, "chat"] if depth < 4 else ["chat"]))
        below = [] if name == "chat" else draw(trees(depth + 1))
        made.append((name, draw(st.sampled_from(VIAS)), below))
    return made


def counted(tree: list[tuple[str, str, list[Any]]]) -> list[int]:
    """Return the input tokens of what is counted: each call, and each agent below which there is none."""
    found = []
    for name, _, below in tree:
        inner = counted(below)
        found += [1000] if name == "chat" else [2000] if name == "agent" and not inner else inner
    return found


@settings(max_examples=150, deadline=None)
@given(trees(), st.sampled_from(["processor", "exporter", "exporter in batches"]))
def test_whatever_was_dropped_or_wrapped_all_is_counted_once(tree: list[Any], way: str) -> None:
    pipeline = Pipeline(way)
    # An exporter cannot know whether a parent that is marked as remote, and has not come, is below a dropped one here.
    known_ids = way == "processor" or DROPPED not in str(tree)

    def run(below: list[Any]) -> None:
        for name, via, under in below:
            attributes: dict[str, Any] | None = {"chat": CHAT, "agent": AGENT}.get(name)
            tokens = sum(counted(under))
            if name == "agent" and tokens:
                attributes = AGENT | llm_attributes(input_tokens=tokens, output_tokens=tokens // 10)
                attributes["gen_ai.operation.name"] = "invoke_agent"
            with pipeline.span(name, attributes, via if known_ids and name != DROPPED else DIRECT):
                run(under)

    with pipeline.span("root"):
        run(tree)
    grams = math.fsum(pipeline.grams().values())
    (root,) = pipeline.ended()["root"]
    assert pipeline.counts().get("error", 0) == 0
    assert root.get("carbon.task.inferences", 0) == len(counted(tree))
    assert root.get("carbon.task.emissions.grams", 0.0) == pytest.approx(grams)
