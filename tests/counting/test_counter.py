# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Counting through the real SDK: what is one call, whose it was, and what must never grow."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, set_span_in_context

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor, InferenceRecord
from carbonspan.counting._ancestry import MAX_DEPTH
from carbonspan.counting._deduplicator import MAX_CALLS
from carbonspan.counting._handled import Handled
from carbonspan.otel._live import MAX_ENDED, LiveNode, ancestors
from carbonspan.telemetry._queue import CAPACITY
from carbonspan.testing import llm_attributes
from tests.threads import interrupted

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes()
ID = "chatcmpl-AhjeKEjaCp7MqGMuzpxwV7SZ8MvmT"


def pipeline(*processors: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, exporter = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False), InMemorySpanExporter()
    for processor in processors:
        provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def test_work_that_goes_on_below_a_call_that_has_ended_is_its_own() -> None:
    processor = CarbonSpanProcessor()
    provider, exporter = pipeline(processor)
    tracer = provider.get_tracer(SCOPE)
    call = tracer.start_span("call", start_time=10, attributes=CHAT)
    late = tracer.start_span("late", set_span_in_context(call), start_time=15, attributes=CHAT)
    call.end(20)
    late.end(25)
    tracer.start_span("next", set_span_in_context(call), start_time=30, attributes=CHAT).end(40)
    roles = {span.name: (span.attributes or {}).get("carbon.role") for span in exporter.get_finished_spans()}
    assert roles == {"call": None, "late": "duplicate", "next": None}


def test_what_is_forgotten_for_want_of_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    processor = CarbonSpanProcessor(meter_provider=meters)
    monkeypatch.setattr(processor._handler.counter.deduplicator, "_capacity", 5)
    provider, exporter = pipeline(processor)
    for i in range(20):
        provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT | {"gen_ai.response.id": f"r{i}"}).end()
    assert processor.counts() == {"enriched": 20, "evicted": 15}
    inner = CarbonSpanExporter(InMemorySpanExporter(), meter_provider=meters)
    monkeypatch.setattr(inner._spans, "_capacity", 5)
    inner.export(exporter.get_finished_spans())
    assert inner.counts() == {"already_enriched": 20, "evicted": 15}


def test_spans_that_never_end_leave_nothing_behind() -> None:
    provider, _ = pipeline(CarbonSpanProcessor())
    tracer = provider.get_tracer(SCOPE)
    root = tracer.start_span("never ends")
    child = tracer.start_span("chat", set_span_in_context(root), attributes=CHAT)
    gone = weakref.ref(root)
    child.end()
    del root, child
    provider.force_flush()
    gc.collect()
    assert gone() is None or not list(ancestors(gone()))


def test_what_is_kept_of_a_span_goes_with_it_and_does_not_wait_for_the_garbage_collector() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor(metrics=False))
    exporter.shutdown()  # keeps nothing
    tracer = provider.get_tracer(SCOPE)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            with tracer.start_as_current_span("agent"):
                tracer.start_span("chat", attributes=CHAT).end()
        assert not [one for one in gc.get_objects() if isinstance(one, LiveNode)]
    finally:
        gc.enable()


def test_a_loop_that_starts_each_step_below_the_last_keeps_no_chain() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor())
    exporter.shutdown()  # keeps nothing
    tracer = provider.get_tracer(SCOPE)
    span: Any = tracer.start_span("step")
    first = weakref.ref(span)
    span.end()
    longest = 0
    for _ in range(5 * MAX_ENDED):
        span = tracer.start_span("step", set_span_in_context(span))
        span.end()
        longest = max(longest, len(list(ancestors(span))))
    gc.collect()
    assert longest <= MAX_ENDED
    assert first() is None


def test_a_chain_of_spans_that_overlap_is_bounded() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor())
    exporter.shutdown()  # keeps nothing
    tracer = provider.get_tracer(SCOPE)
    started: list[weakref.ref[Any]] = []
    span: Any = tracer.start_span("step")
    for _ in range(20 * MAX_DEPTH):
        following = tracer.start_span("step", set_span_in_context(span))
        span.end()  # only once the next one has begun
        span = following
        started.append(weakref.ref(span))
    gc.collect()
    assert sum(one() is not None for one in started) <= 2 * MAX_DEPTH
    assert list(ancestors(span))


def test_spans_that_never_end_keep_no_chain_without_end() -> None:
    provider, _ = pipeline(CarbonSpanProcessor())
    tracer = provider.get_tracer(SCOPE)
    span: Any = tracer.start_span("step")
    first = weakref.ref(span)
    for _ in range(1100):
        span = tracer.start_span("step", set_span_in_context(span))
    gc.collect()
    assert first() is None


def test_a_deep_recursion_adds_up_to_its_root() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor())
    tracer = provider.get_tracer(SCOPE)
    spans: list[Any] = [tracer.start_span("root")]
    for _ in range(3 * MAX_DEPTH):
        spans.append(tracer.start_span("step", set_span_in_context(spans[-1])))
    tracer.start_span("chat", set_span_in_context(spans[MAX_DEPTH - 1]), attributes=CHAT).end()
    for span in reversed(spans):
        span.end()
    assert (exporter.get_finished_spans()[-1].attributes or {})["carbon.task.inferences"] == 1


EMBEDDING: dict[str, Any] = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "text-embedding-3-small",
    "gen_ai.usage.input_tokens": 8,
}


@pytest.mark.parametrize(
    ("more", "role"),
    [({"litellm.cache_hit": True}, "cached"), ({"server.address": "gateway.internal"}, "duplicate")],
)
def test_an_embedding_that_is_not_counted_leaves_the_chat_above_it_counted(more: dict[str, Any], role: str) -> None:
    processor = CarbonSpanProcessor(counted_elsewhere="gateway.internal")
    provider, _ = pipeline(processor)
    tracer = provider.get_tracer(SCOPE)
    with tracer.start_as_current_span("chat", attributes=CHAT):
        provider.get_tracer("litellm").start_span("embeddings", attributes=EMBEDDING | more).end()
    assert processor.counts() == {role: 1, "enriched": 1}


def test_a_sibling_of_a_call_that_a_gateway_counts_is_a_duplicate_too() -> None:
    processor = CarbonSpanProcessor(counted_elsewhere="gateway.internal")
    provider, _ = pipeline(processor)
    one = provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT | {"server.address": "gateway.internal"})
    other = provider.get_tracer("openinference.instrumentation.openai").start_span("ChatCompletion", attributes=CHAT)
    one.end()
    other.end()
    assert processor.counts() == {"duplicate": 2}


@pytest.mark.parametrize("first", [0, 1])
def test_a_container_and_a_call_beside_it_that_report_the_same_are_one_call(first: int) -> None:
    processor = CarbonSpanProcessor(metrics=False)
    provider, exporter = pipeline(processor)
    agent = provider.get_tracer("agents").start_span(
        "invoke_agent", attributes=CHAT | {"gen_ai.operation.name": "invoke_agent"}
    )
    call = provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT)
    for span in (agent, call) if first == 0 else (call, agent):
        span.end()
    assert sum("carbon.emissions.grams" in (span.attributes or {}) for span in exporter.get_finished_spans()) == 1
    assert processor.counts() in ({"container_usage": 1, "duplicate": 1}, {"enriched": 1, "container": 1})


def test_calls_forgotten_for_want_of_room_are_among_the_counts() -> None:
    processor = CarbonSpanProcessor(metrics=False)
    provider, exporter = pipeline(processor)
    exporter.shutdown()
    tracer = provider.get_tracer(SCOPE)
    for n in range(MAX_CALLS + 10):
        tracer.start_span("chat", attributes=CHAT | {"gen_ai.response.id": f"r{n}"}).end()
    assert processor.counts() == {"enriched": MAX_CALLS + 10, "evicted": 10}


def test_the_flags_of_a_container_that_is_counted_are_on_the_root() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor())
    tracer = provider.get_tracer(SCOPE)
    with tracer.start_as_current_span("root"):
        agent = CHAT | {"gen_ai.operation.name": "invoke_agent"}
        with tracer.start_as_current_span("agent", attributes=agent) as span:
            span.add_event("feature_flag.evaluation", {"feature_flag.key": "new", "feature_flag.variant": "on"})
    assert [(span.attributes or {})["carbon.flag.new"] for span in exporter.get_finished_spans()] == ["on", "on"]


def test_a_flag_that_another_thread_shows_while_a_root_ends_costs_it_no_total() -> None:
    processor = CarbonSpanProcessor()
    provider, exporter = pipeline(processor)
    tracer = provider.get_tracer(SCOPE)
    root = tracer.start_span("root")
    below = set_span_in_context(root)

    class Interrupted(str):
        """The key of a flag: another thread ends a call with another flag while this one is written."""

        __slots__ = ()

        def __radd__(self, before: str) -> str:
            with_another = {"feature_flag.key": "late", "feature_flag.result.variant": "on"}
            tracer.start_span("chat", below, attributes=CHAT | with_another).end()
            return before + str(self)

    tracer.start_span("chat", below, attributes=CHAT).end()
    root._carbonspan_node.totals.flags[Interrupted("early")] = "on"  # type: ignore[attr-defined]
    root.end()
    got = dict(exporter.get_finished_spans()[-1].attributes or {})
    assert got["carbon.flag.early"] == "on"
    assert got["carbon.task.inferences"] == 1
    assert "error" not in processor.counts()


def test_a_tool_at_the_root_has_the_total_of_what_it_called() -> None:
    provider, exporter = pipeline(CarbonSpanProcessor())
    tracer = provider.get_tracer(SCOPE)
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    with tracer.start_as_current_span("execute_tool search", attributes=tool):
        tracer.start_span("chat", attributes=CHAT).end()
    assert (exporter.get_finished_spans()[-1].attributes or {})["carbon.task.inferences"] == 1


def test_spans_without_room_for_a_mark_are_counted_once() -> None:
    full = {f"user.{n}": n for n in range(128 - len(CHAT))} | CHAT
    first, second = CarbonSpanProcessor(), CarbonSpanProcessor()
    exporters = [CarbonSpanExporter(InMemorySpanExporter()) for _ in range(2)]
    provider, _ = pipeline(first, second, *map(SimpleSpanProcessor, exporters))
    provider.get_tracer(SCOPE).start_span("chat", attributes=full).end()
    assert first.counts() == {"enriched": 1, "attribute_limit": 1}
    assert [second.counts(), *(one.counts() for one in exporters)] == [{"already_enriched": 1}] * 3


def test_what_is_handled_without_a_mark_is_bounded() -> None:
    handled = Handled(capacity=3)
    contexts = [SpanContext(1, n, is_remote=False) for n in range(1, 6)]
    for one in contexts:
        handled.add(one)
    handled.add(None)
    assert len(handled) == 3
    assert [one in handled for one in (*contexts, None)] == [False, False, True, True, True, False]


def test_an_exporter_adds_up_what_threads_end_at_once() -> None:
    inner = InMemorySpanExporter()
    provider, _ = pipeline(SimpleSpanProcessor(CarbonSpanExporter(inner)))
    tracer = provider.get_tracer(SCOPE)
    with ThreadPoolExecutor(8) as pool:
        started = threading.Barrier(8)
        list(pool.map(lambda _: started.wait(60), range(8)))
        with interrupted():
            for _ in range(200):
                root = tracer.start_span("root")
                below, together = set_span_in_context(root), threading.Barrier(8)

                def call(n: int, below: Any = below, together: Any = together) -> None:
                    span = tracer.start_span("chat", below, attributes=CHAT | {"gen_ai.usage.output_tokens": n + 1})
                    together.wait()
                    span.end()

                list(pool.map(call, range(8)))
                root.end()
    roots = [span.attributes or {} for span in inner.get_finished_spans() if span.name == "root"]
    assert {one["carbon.task.inferences"] for one in roots} == {8}


def test_a_slow_subscriber_holds_no_span_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("carbonspan.telemetry.recorder._MAX_WAITING", 50)
    here, told, go_on = threading.get_ident(), [], threading.Event()

    def slow(counted: InferenceRecord) -> None:
        told.append((threading.get_ident(), counted))
        assert go_on.wait(60)

    processor = CarbonSpanProcessor(metrics=False)
    processor.subscribe(slow)
    provider, exporter = pipeline(processor)
    exporter.shutdown()
    tracer = provider.get_tracer(SCOPE)
    for _ in range(CAPACITY + 500):
        tracer.start_span("chat", attributes=CHAT).end()
    assert here not in {thread for thread, _ in told}  # nor does this test come to its end if it is
    go_on.set()
    counts = processor.counts()
    assert counts["enriched"] == CAPACITY + 500
    assert counts["error"] > 0
    assert caplog.text.count("did not pass inferences on to a subscriber") == 1


def test_a_subscriber_is_told_labels_that_are_no_or_zero() -> None:
    processor = CarbonSpanProcessor(cohorts="paying,level,none")
    got: list[InferenceRecord] = []
    processor.subscribe(got.append)
    provider, _ = pipeline(processor)
    provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT | {"paying": False, "level": 0}).end()
    processor.counts()
    assert [one.labels for one in got] == [{"paying": False, "level": 0}]


def test_two_processors_count_once() -> None:
    first, second = CarbonSpanProcessor(), CarbonSpanProcessor(region="EU")
    provider, exporter = pipeline(first, second)
    tracer = provider.get_tracer(SCOPE)
    with (
        tracer.start_as_current_span("agent", attributes=CHAT | {"gen_ai.operation.name": "invoke_agent"}),
        tracer.start_as_current_span("outer", attributes=CHAT),
    ):
        tracer.start_span("inner", attributes=CHAT).end()
    with tracer.start_as_current_span("lonely", attributes=CHAT | {"gen_ai.operation.name": "invoke_agent"}):
        pass
    spans = {span.name: dict(span.attributes or {}) for span in exporter.get_finished_spans()}
    assert {name for name, span in spans.items() if "carbon.emissions.grams" in span} == {"inner", "lonely"}
    assert spans["agent"]["carbon.task.inferences"] == 1
    assert first.counts() == {"enriched": 1, "duplicate": 1, "container": 1, "container_usage": 1}
    assert second.counts() == {"already_enriched": 4}


@pytest.mark.parametrize("names", ["litellm.internal", "*.internal", "gateway.example.org,LITELLM.internal"])
@pytest.mark.parametrize("by", [CarbonSpanProcessor, CarbonSpanExporter])
def test_calls_that_a_gateway_counts_are_duplicates_here(names: str, by: Any) -> None:
    kept = InMemorySpanExporter()
    ours: Any = by(counted_elsewhere=names) if by is CarbonSpanProcessor else by(kept, counted_elsewhere=names)
    provider, exporter = pipeline(ours if by is CarbonSpanProcessor else SimpleSpanProcessor(ours))
    tracer = provider.get_tracer(SCOPE)
    agent = CHAT | {"gen_ai.operation.name": "invoke_agent"}
    for _ in range(2):
        with tracer.start_as_current_span("agent", attributes=agent):
            tracer.start_span("a", attributes=CHAT | {"server.address": "litellm.internal"}).end()
        tracer.start_span("b", attributes=CHAT | {"gen_ai.openai.api_base": "https://litellm.internal:4000/v1"}).end()
        tracer.start_span("c", attributes=CHAT | {"server.address": "api.openai.com"}).end()
    counts = ours.counts()
    assert counts["duplicate"] == 4
    assert counts["enriched"] == 2
    assert counts.get("container", 0) + counts.get("container_usage", 0) == 2
    if by is CarbonSpanProcessor:
        assert counts["container"] == 2  # its usage is that of a call which is counted elsewhere
        roles = {span.name: (span.attributes or {}).get("carbon.role") for span in exporter.get_finished_spans()}
        assert roles == {"a": "duplicate", "b": "duplicate", "c": None, "agent": "container"}


def test_a_provider_may_be_named_too() -> None:
    processor = CarbonSpanProcessor(counted_elsewhere=["openai"])
    provider, _ = pipeline(processor)
    provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT).end()
    assert processor.counts() == {"duplicate": 1}


def test_an_answer_from_a_cache_is_avoided_not_emitted() -> None:
    reader = InMemoryMetricReader()
    processor = CarbonSpanProcessor(meter_provider=MeterProvider(metric_readers=[reader], shutdown_on_exit=False))
    provider, exporter = pipeline(processor)
    for name, more, start_ns in (
        ("first", {"gen_ai.response.id": ID}, 10),
        ("again", {"gen_ai.response.id": ID}, 30),
        ("told", {"litellm.cache_hit": True}, 50),
    ):
        tracer = provider.get_tracer("litellm" if name == "told" else SCOPE)
        tracer.start_span(name, start_time=start_ns, attributes=CHAT | more).end(start_ns + 10)
    spans = {span.name: dict(span.attributes or {}) for span in exporter.get_finished_spans()}
    grams = spans["first"]["carbon.emissions.grams"]
    for name in ("again", "told"):
        assert "carbon.emissions.grams" not in spans[name]
        assert spans[name]["carbon.role"] == "cached"
        assert spans[name]["carbon.emissions.cache_savings_grams"] == grams
    assert processor.counts() == {"enriched": 1, "cached": 2}
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[str, Any] = {
        m.name: m.data.data_points[0] for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics
    }
    assert found["carbon.emissions.cache_savings"].value == pytest.approx(2 * float(str(grams)))
    assert found["carbon.request.emissions"].count == 1


def test_subscribers_get_each_counted_inference_with_its_attribution(caplog: pytest.LogCaptureFixture) -> None:
    processor = CarbonSpanProcessor(cohorts=["team"], metrics=False)
    got: list[InferenceRecord] = []
    end = processor.subscribe(got.append)

    def broken(_counted: InferenceRecord) -> None:
        raise RuntimeError("a report that breaks")

    processor.subscribe(broken)
    provider, exporter = pipeline(processor)
    tracer = provider.get_tracer(SCOPE)
    with caplog.at_level(logging.WARNING, "carbonspan"):
        with tracer.start_as_current_span("root", attributes={"team": "red"}):
            tracer.start_span("chat", attributes=CHAT).end()
            with tracer.start_as_current_span("outer", attributes=CHAT):
                tracer.start_span("inner", attributes=CHAT).end()
        assert processor.counts()["enriched"] == 2
    spans = {span.context.span_id: span for span in exporter.get_finished_spans() if span.context}
    assert [spans[one.span_id].name for one in got] == ["chat", "inner"]
    for one in got:
        assert one.labels == {"team": "red"}
        assert one.footprint.emissions_g.central == dict(spans[one.span_id].attributes or {})["carbon.emissions.grams"]
    assert [record.getMessage() for record in caplog.records] == [
        "carbonspan went on without a subscriber to its counts, which failed"
    ]
    assert processor.counts()["error"] == 2
    end()
    tracer.start_span("chat", attributes=CHAT).end()
    processor.counts()
    assert len(got) == 2


ASKED = {key: value for key, value in CHAT.items() if "usage" not in key and key != "gen_ai.response.id"}
WHOLE = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
PARTS: dict[str, dict[str, Any]] = {
    "input": {"gen_ai.usage.input_tokens": 1000},
    "output": {"gen_ai.usage.output_tokens": 100},
    "total": {"gen_ai.usage.total_tokens": 1100},
}


def outcomes(first: dict[str, Any], second: dict[str, Any], *, nested: bool) -> dict[str, int]:
    """End two spans of two instrumentations at the same time, the second before the first, and count."""
    processor = CarbonSpanProcessor(metrics=False)
    provider, _ = pipeline(processor)
    outer = provider.get_tracer("a").start_span("call", Context(), attributes=ASKED | first, start_time=10)
    below = set_span_in_context(outer) if nested else Context()
    provider.get_tracer("b").start_span("call", below, attributes=ASKED | second, start_time=12).end(48)
    outer.end(50)
    return dict(processor.counts())


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("nested", [True, False])
def test_a_whole_usage_and_a_part_of_it_are_one_call(part: dict[str, Any], nested: bool) -> None:  # noqa: FBT001
    assert outcomes(part, WHOLE, nested=nested) == {"enriched": 1, "duplicate": 1}
    assert outcomes(WHOLE, part, nested=nested) == {"partial_usage": 1, "duplicate": 1}
    assert outcomes(part, part, nested=nested) == {"partial_usage": 1, "duplicate": 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PARTS["input"], {"gen_ai.usage.input_tokens": 1001, "gen_ai.usage.output_tokens": 100}),
        (PARTS["output"], {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 101}),
        (PARTS["total"], {"gen_ai.usage.input_tokens": 1001, "gen_ai.usage.output_tokens": 100}),
        (PARTS["total"], {"gen_ai.usage.total_tokens": 1101}),
        (PARTS["total"], PARTS["input"]),
        (PARTS["input"], PARTS["output"]),  # nothing in common is no sign
    ],
)
def test_parts_that_differ_are_two_calls(one: dict[str, Any], other: dict[str, Any]) -> None:
    for first, second in ((one, other), (other, one)):
        assert "duplicate" not in outcomes(first, second, nested=False)
