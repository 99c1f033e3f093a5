# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What must hold on every SDK there is: run on the installed one, and by tests/sdks.sh on each of the matrix.

Needs nothing but the SDK, pytest and Hypothesis. What an SDK can do is told by its version here and by trying in the
product, so that each checks the other. An exporter here keeps what it saw when it was called: a span that is changed
afterwards does not count.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk._configuration import _import_exporters
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import Link, SpanContext, TraceFlags

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor
from carbonspan.core.values import Level
from carbonspan.otel._writeback import Path, path
from carbonspan.otel.exporter import CarbonOTLPSpanExporter
from carbonspan.telemetry._contract import ATTRIBUTES, METRICS, OF_PARTIAL_USAGE, TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

VERSION = tuple(int(part) for part in sdk_version.split(".")[:2])
HAS_HOOK = VERSION >= (1, 40)  # the release that brought `_on_ending`
SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
}
STANDARD = {
    *(
        a.name
        for a in ATTRIBUTES
        if a.level is not Level.FULL and a.name not in {"carbon.emissions.cache_savings_grams", *OF_PARTIAL_USAGE}
    ),
    *TASK,  # each of these spans is a local root
}
LINKED = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1))

Multi = SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor
MULTIS: list[Callable[[], Multi]] = [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor]
EXPORTING: list[Callable[[SpanExporter], SpanProcessor]] = [SimpleSpanProcessor, BatchSpanProcessor]


class Seen(NamedTuple):
    name: str
    attributes: dict[str, Any]
    dropped: tuple[int, int, int]
    events: int
    links: int


class Snapshots(SpanExporter):
    """Keeps what spans were when they were exported."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)
            seen = Seen(span.name, dict(span.attributes or {}), dropped, len(span.events), len(span.links))
            self.seen.append(seen)
        return SpanExportResult.SUCCESS


class Pipeline:
    """A provider with these processors, in this order."""

    def __init__(
        self, *processors: SpanProcessor, multi: Multi | None = None, limits: SpanLimits | None = None
    ) -> None:
        self._provider = TracerProvider(
            resource=Resource.get_empty(), active_span_processor=multi, span_limits=limits, shutdown_on_exit=False
        )
        for processor in processors:
            self._provider.add_span_processor(processor)

    def end(self, attributes: dict[str, Any], *more: str) -> None:
        """End one span with the attributes, three events and three links, and `more` attributes set at the end."""
        links = [Link(LINKED) for _ in range(3)]
        span = self._provider.get_tracer(SCOPE).start_span("chat", attributes=attributes, links=links)
        for name in ("a", "b", "c"):
            span.add_event(name)
        for name in more:
            span.set_attribute(name, 1)
        span.end()

    def shutdown(self) -> None:
        self._provider.shutdown()


@pytest.fixture(autouse=True)
def no_word_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert caplog.text == ""


def test_the_way_onto_a_span_is_the_one_this_sdk_has() -> None:
    path.cache_clear()
    newer = {Path.REBIND_ENDING, Path.SET_ATTRIBUTES} if VERSION > (1, 45) else {Path.REBIND_ENDING}
    assert path() in (newer if HAS_HOOK else {Path.REBIND_END})


# Below 1.40: before the exporting processor, and one after the other.
@pytest.mark.parametrize("exporting", EXPORTING)
@pytest.mark.parametrize("multi", MULTIS if HAS_HOOK else MULTIS[:1])
@pytest.mark.parametrize("first", [True, False] if HAS_HOOK else [True])
def test_processor(
    exporting: Callable[[SpanExporter], SpanProcessor],
    multi: Callable[[], Multi],
    first: bool,  # noqa: FBT001
) -> None:
    processor, exporter = CarbonSpanProcessor(), Snapshots()
    out = exporting(exporter)
    pipeline = Pipeline(*((processor, out) if first else (out, processor)), multi=multi())
    pipeline.end(CHAT)
    pipeline.end({"http.request.method": "GET"})
    pipeline.shutdown()
    llm, plain = exporter.seen
    assert set(llm.attributes) == {*CHAT, *STANDARD}
    assert {key: llm.attributes[key] for key in CHAT} == CHAT
    assert (plain.attributes, llm.dropped) == ({"http.request.method": "GET"}, (0, 0, 0))
    assert processor.counts() == {"enriched": 1}


@pytest.mark.parametrize("exporting", EXPORTING)
@pytest.mark.parametrize("multi", MULTIS)
def test_a_processor_in_the_wrong_place_does_no_harm(
    exporting: Callable[[SpanExporter], SpanProcessor], multi: Callable[[], Multi]
) -> None:
    processor, exporter = CarbonSpanProcessor(), Snapshots()
    pipeline = Pipeline(exporting(exporter), processor, multi=multi())
    for _ in range(50):
        pipeline.end(CHAT)
    pipeline.shutdown()
    assert len(exporter.seen) == 50
    assert all(set(seen.attributes) in ({*CHAT}, {*CHAT, *STANDARD}) for seen in exporter.seen)
    assert processor.counts() == {"enriched": 50}


@pytest.mark.parametrize("exporting", EXPORTING)
@pytest.mark.parametrize("multi", MULTIS)
def test_exporter(exporting: Callable[[SpanExporter], SpanProcessor], multi: Callable[[], Multi]) -> None:
    untouched, inner = Snapshots(), Snapshots()
    exporter = CarbonSpanExporter(inner)
    pipeline = Pipeline(exporting(exporter), exporting(untouched), multi=multi())
    pipeline.end(CHAT)
    pipeline.end({"http.request.method": "GET"})
    pipeline.shutdown()
    assert [set(seen.attributes) for seen in inner.seen] == [{*CHAT, *STANDARD}, {"http.request.method"}]
    assert [seen.attributes for seen in untouched.seen] == [CHAT, {"http.request.method": "GET"}]
    assert exporter.counts() == {"enriched": 1}


@pytest.mark.parametrize("exporting", EXPORTING)
def test_both_count_once(exporting: Callable[[SpanExporter], SpanProcessor]) -> None:
    processor, inner = CarbonSpanProcessor(region="EU"), Snapshots()
    exporter = CarbonSpanExporter(inner, region="USA")
    pipeline = Pipeline(processor, exporting(exporter))
    agent = {**CHAT, "gen_ai.operation.name": "invoke_agent"}
    with pipeline._provider.get_tracer(SCOPE).start_as_current_span("agent", attributes=agent):
        pipeline.end(CHAT)
    pipeline.shutdown()
    llm, parent = inner.seen
    assert llm.attributes["carbon.region.name"] == "EU"
    assert parent.attributes["carbon.role"] == "container"
    assert "carbon.emissions.grams" not in parent.attributes
    assert parent.attributes["carbon.task.emissions.grams"] == llm.attributes["carbon.emissions.grams"]
    assert processor.counts() == {"enriched": 1, "container": 1}
    assert exporter.counts() == {"already_enriched": 2}


@pytest.mark.parametrize("by", [CarbonSpanProcessor, CarbonSpanExporter])
def test_dropped_counts_survive_and_nothing_of_the_users_goes(
    by: type[CarbonSpanProcessor | CarbonSpanExporter],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry.attributes")  # newer SDKs tell of each attribute they drop
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", str(len(CHAT)))
    inner = Snapshots()
    exporter = CarbonSpanExporter(inner) if by is CarbonSpanExporter else inner
    processors = [CarbonSpanProcessor()] if by is CarbonSpanProcessor else []
    limits = SpanLimits(max_events=1, max_links=1)
    pipeline = Pipeline(*processors, SimpleSpanProcessor(exporter), limits=limits)
    pipeline.end({"lost": 1, "lost too": 2, **{k: v for k, v in CHAT.items() if "tokens" not in k}}, *CHAT.keys())
    pipeline.shutdown()
    (seen,) = inner.seen
    assert seen == Seen("chat", dict.fromkeys(CHAT, 1), (2, 2, 2), 1, 1)


@pytest.mark.parametrize("by", [CarbonSpanProcessor, CarbonSpanExporter])
def test_dropped_counts_survive_beside_what_is_added(by: type[CarbonSpanProcessor | CarbonSpanExporter]) -> None:
    inner = Snapshots()
    exporter = CarbonSpanExporter(inner) if by is CarbonSpanExporter else inner
    processors = [CarbonSpanProcessor()] if by is CarbonSpanProcessor else []
    pipeline = Pipeline(*processors, SimpleSpanProcessor(exporter), limits=SpanLimits(max_events=1, max_links=1))
    pipeline.end(CHAT)
    pipeline.shutdown()
    (seen,) = inner.seen
    assert set(seen.attributes) == {*CHAT, *STANDARD}
    assert (seen.dropped, seen.events, seen.links) == ((0, 2, 2), 1, 1)


class StillRecording(Span):
    """A span whose SDK lets `_on_ending` mutate, as opentelemetry-python #5613 proposes."""

    by_public_api: ClassVar[list[str]] = []

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.by_public_api.extend(attributes)
        super().set_attributes(attributes)

    def end(self, end_time: int | None = None) -> None:
        inner = self._span_processor
        self.by_public_api.clear()
        if self.is_recording():
            for processor in getattr(inner, "_span_processors", ()):
                if hasattr(processor, "_on_ending"):
                    processor._on_ending(self)
            self._span_processor = EndOnly(inner)
        super().end(end_time)


class EndOnly(SpanProcessor):
    def __init__(self, inner: SpanProcessor) -> None:
        self.on_end = inner.on_end  # type: ignore[method-assign]


@pytest.fixture
def hook_may_mutate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sdk_trace, "_Span", StillRecording)
    path.cache_clear()
    yield
    path.cache_clear()


@pytest.mark.usefixtures("hook_may_mutate")
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("exporting", EXPORTING)
def test_an_sdk_whose_hook_may_mutate(
    exporting: Callable[[SpanExporter], SpanProcessor],
    first: bool,  # noqa: FBT001
) -> None:
    assert path() is Path.SET_ATTRIBUTES
    processor, exporter = CarbonSpanProcessor(), Snapshots()
    out = exporting(exporter)
    pipeline = Pipeline(*((processor, out) if first else (out, processor)), limits=SpanLimits(max_span_attributes=7))
    pipeline.end(CHAT)
    pipeline.shutdown()
    (seen,) = exporter.seen
    assert list(seen.attributes) == [*CHAT, "carbon.emissions.grams", "carbon.energy.wh"]
    assert StillRecording.by_public_api == ["carbon.emissions.grams", "carbon.energy.wh"]
    assert processor.counts() == {"enriched": 1, "attribute_limit": 1}


def test_metrics_of_the_span_in_the_same_collection() -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(CarbonSpanProcessor(meter_provider=meters))
    for spans in (1, 2):
        span = provider.get_tracer(SCOPE).start_span("chat", attributes=CHAT)
        span.end()
        data = reader.get_metrics_data()
        assert data is not None
        found = {
            m.name: m.data.data_points[0] for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics
        }
        assert {m.name for m in METRICS} - set(found) <= {"carbon.request.cost", "carbon.emissions.cache_savings"}
        emissions: Any = found["carbon.request.emissions"]
        assert (emissions.count, len(emissions.explicit_bounds)) == (spans, 15)
        assert emissions.exemplars[-1].span_id == span.get_span_context().span_id
        assert getattr(found["carbonspan.spans"], "value", None) == spans


def test_this_sdks_configurator_takes_the_exporter_plugin() -> None:
    traces, _, _ = _import_exporters(["carbon_otlp"], [], [])
    assert traces == {"carbon_otlp": CarbonOTLPSpanExporter}


scalars = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20))
spans = st.dictionaries(st.sampled_from([*CHAT, "gen_ai.system", "cloud.region", "x"]), scalars)


@settings(deadline=None, max_examples=50)
@given(st.lists(spans, max_size=3))
def test_arbitrary_spans_all_arrive_with_all_they_had(batch: list[dict[str, Any]]) -> None:
    processor, inner, direct = CarbonSpanProcessor(), Snapshots(), Snapshots()
    exporter = CarbonSpanExporter(inner)
    pipeline = Pipeline(SimpleSpanProcessor(exporter), processor, SimpleSpanProcessor(direct))
    for attributes in batch:
        pipeline.end(attributes)
    pipeline.shutdown()
    for seen in (inner.seen, direct.seen):
        assert [{k: repr(s.attributes[k]) for k in a} for s, a in zip(seen, batch, strict=True)] == [
            {k: repr(v) for k, v in a.items()} for a in batch
        ]
    assert "error" not in {**processor.counts(), **exporter.counts()}
