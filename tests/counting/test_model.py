# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Counting against a simple reference: any tree of spans, ended in any order, with duplicates and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, example, given, settings, strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor
from tests.contexts import DIRECT, REMOTE, VIAS, as_current

SCOPES = ["opentelemetry.instrumentation.genai.openai", "opentelemetry.instrumentation.openai.v1"]
START_NS = 1_772_366_400_000_000_000  # 2026-03-01T12:00:00Z

PLAIN, AGENT, CHAT, SILENT, EMBEDDING = "plain", "agent", "chat", "silent", "embedding"
NEVER = "never ends"


@dataclass
class Planned:
    """A span of a generated trace."""

    kind: str
    parent: int | None
    answer: int  # the response it reports; 0 for none. Equal ones are one call's
    tokens: int
    ends: bool = True
    start_ns: int = 0
    end_ns: int = 0
    scope: str = "openai"
    via: str = DIRECT  # what stands for its parent in the context
    children: list[int] = field(default_factory=list)


@dataclass
class Trace:
    spans: list[Planned]
    order: list[int]  # which span ends when; those that never do are not in it


@st.composite
def traces(draw: st.DrawFn, *, children_first: bool = False) -> Trace:
    count = draw(st.integers(1, 9))
    spans = []
    for at in range(count):
        parent = draw(st.none() | st.integers(0, at - 1)) if at else None
        kind = draw(st.sampled_from([PLAIN, AGENT, CHAT, CHAT, SILENT, EMBEDDING]))
        answer = draw(st.sampled_from([0, 0, 1, 2, 3]))
        ends = children_first or draw(st.integers(0, 9)) > 0
        # Of one answer all spans report the same tokens; others differ, lest they be tied by them.
        tokens = 1000 * answer if answer and kind != AGENT else 100 + 37 * at
        via = draw(st.sampled_from(VIAS))
        spans.append(Planned(kind, parent, answer, tokens, ends, scope=draw(st.sampled_from(SCOPES)), via=via))
        if parent is not None:
            spans[parent].children.append(at)
    order = draw(st.permutations([at for at, span in enumerate(spans) if span.ends]))
    if children_first:
        order = [at for root, span in enumerate(spans) if span.parent is None for at in _post_order(spans, root)]
    # Time goes on with each start and each end; a span starts, at the latest, just before the first of its tree ends.
    clock = 0
    late = draw(st.booleans())
    waiting = list(range(count))
    for at in order:
        while waiting and (not late or waiting[0] <= at or any(_is_above(spans, one, at) for one in waiting)):
            spans[waiting.pop(0)].start_ns = clock = clock + 1
        spans[at].end_ns = clock = clock + 1
    for at in waiting:
        spans[at].start_ns = clock = clock + 1
    return Trace(spans, order)


def _post_order(spans: list[Planned], at: int) -> list[int]:
    return [*(one for child in spans[at].children for one in _post_order(spans, child)), at]


def _is_above(spans: list[Planned], above: int, at: int | None) -> bool:
    while at is not None:
        if at == above:
            return True
        at = spans[at].parent
    return False


def reference(trace: Trace) -> tuple[dict[int, str], dict[int, list[int]]]:  # noqa: C901 - the rules in one place
    """Return what each ended span is, and which counted ones its totals hold: by the rules, without any cleverness."""
    spans = trace.spans
    verdicts: dict[int, str] = {}
    totals: dict[int, list[int]] = {}
    first: dict[tuple[int, str], tuple[int, set[str]]] = {}  # by answer: its first span, and the scopes of all
    ended: list[int] = []

    def below(at: int) -> list[int]:
        return [one for one in ended if one != at and _is_above(spans, at, one)]

    def above(at: int) -> list[int]:
        # What starts after a span above it has ended is none of that.
        return [
            one for one in ended if one != at and _is_above(spans, one, at) and spans[at].start_ns < spans[one].end_ns
        ]

    def sort(at: int) -> str:
        return "encoded" if spans[at].kind == EMBEDDING else "answer"

    def reports(at: int) -> bool:
        return spans[at].kind in {CHAT, EMBEDDING} or verdicts[at] == "counted"

    for at in trace.order:
        span = spans[at]
        counted_above = [one for one in above(at) if verdicts[one] == "counted"]
        if span.kind in {CHAT, EMBEDDING}:
            provider_id = (span.answer, sort(at))
            known = first.get(provider_id) if span.answer else None
            if any(reports(one) and sort(one) == sort(at) for one in below(at)) or any(
                sort(one) == sort(at) for one in counted_above
            ):
                verdicts[at] = "duplicate"
            elif known is None:
                verdicts[at] = "counted"
            else:
                other = spans[known[0]]
                overlap = span.start_ns < other.end_ns and other.start_ns < span.end_ns
                # Another instrumentation's span of an answer is no sign that a cache gave it.
                verdicts[at] = "duplicate" if overlap or span.scope not in known[1] else "cached"
            if span.answer:
                first.setdefault(provider_id, (at, set()))[1].add(span.scope)
        elif span.kind == AGENT:
            lonely = not any(reports(one) for one in below(at)) and not counted_above
            verdicts[at] = "counted" if lonely else "container"
        else:
            verdicts[at] = span.kind
        ended.append(at)
        totals[at] = [one for one in ended if verdicts[one] == "counted" and _is_above(spans, at, one)]
    return verdicts, totals


def attributes_of(span: Planned) -> dict[str, Any]:
    if span.kind == PLAIN:
        return {"http.request.method": "POST"}
    names = {AGENT: "invoke_agent", EMBEDDING: "embeddings"}
    # Embeddings have their own answers: no provider gives one id to two kinds of call.
    response_id = f"chatcmpl-{'ej' if span.kind == EMBEDDING else 'Ah'}KEjaCp7MqGMuzpxwV7SZ8Mv{span.answer}"
    answer = {"gen_ai.response.id": response_id} if span.answer else {}
    usage = {"gen_ai.usage.input_tokens": span.tokens, "gen_ai.usage.output_tokens": 3 * span.tokens}
    return {
        "gen_ai.operation.name": names.get(span.kind, "chat"),
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        **(answer if span.kind in {CHAT, EMBEDDING} else {}),
        **({} if span.kind == SILENT else usage),
    }


class Kept(SpanExporter):
    """Keeps spans as they were exported, by name."""

    def __init__(self) -> None:
        self.spans: dict[int, dict[str, Any]] = {}

    def export(self, spans: Any) -> SpanExportResult:
        for span in spans:
            self.spans[int(span.name)] = dict(span.attributes or {})
        return SpanExportResult.SUCCESS


class OnEnd(SpanProcessor):
    """Hands ended spans on, at once or in batches."""

    def __init__(self, exporter: SpanExporter, batch: int) -> None:
        self.exporter, self.size = exporter, batch
        self.batch: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.batch.append(span)
        if len(self.batch) >= self.size:
            self.flush()

    def flush(self) -> None:
        self.exporter.export(self.batch)
        self.batch = []


def play(trace: Trace, *processors: SpanProcessor) -> None:
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    live: dict[int, Any] = {}
    moments = sorted(
        [(span.start_ns, True, at) for at, span in enumerate(trace.spans)]
        + [(trace.spans[at].end_ns, False, at) for at in trace.order]
    )
    for moment, starts, at in moments:
        span = trace.spans[at]
        if starts:
            above = None if span.parent is None else set_span_in_context(as_current(live[span.parent], span.via))
            live[at] = provider.get_tracer(span.scope).start_span(
                str(at), above, start_time=START_NS + moment, attributes=attributes_of(span)
            )
        else:
            live[at].end(START_NS + moment)


def check(trace: Trace, spans: dict[int, dict[str, Any]], total_g: float) -> None:
    verdicts, totals = reference(trace)
    got = {}
    for at, attributes in spans.items():
        role = attributes.get("carbon.role", "inference")
        if "carbon.emissions.grams" in attributes:
            assert role == ("container" if trace.spans[at].kind == AGENT else "inference")
            got[at] = "counted"
        else:
            got[at] = role if role != "inference" else trace.spans[at].kind
    assert got == verdicts
    grams = {at: spans[at]["carbon.emissions.grams"] for at, verdict in verdicts.items() if verdict == "counted"}
    for at, attributes in spans.items():
        expected = [grams[one] for one in totals[at]]
        is_root = trace.spans[at].parent is None or trace.spans[at].via == REMOTE
        shown = is_root or verdicts[at] == "duplicate" or trace.spans[at].kind in {AGENT, SILENT}
        if expected and shown:
            assert attributes["carbon.task.emissions.grams"] == math.fsum(expected)  # to the last digit
            assert attributes["carbon.task.inferences"] == len(expected)
        else:
            assert "carbon.task.inferences" not in attributes
    assert math.isclose(total_g, math.fsum(grams.values()), rel_tol=1e-12)


def emitted_g(reader: InMemoryMetricReader) -> float:
    data = reader.get_metrics_data()
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
    return math.fsum(
        point.sum  # type: ignore[union-attr]
        for metric in metrics
        if metric.name == "carbon.request.emissions"
        for point in metric.data.data_points
    )


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(traces())
@example(
    Trace([Planned(CHAT, None, 0, 100, start_ns=1, end_ns=2), Planned(CHAT, 0, 0, 137, start_ns=1, end_ns=3)], [0, 1])
)
def test_the_processor_counts_as_the_reference_does(trace: Trace) -> None:
    reader, kept = InMemoryMetricReader(), Kept()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    processor = CarbonSpanProcessor(meter_provider=meters)
    play(trace, OnEnd(kept, 1), processor)
    assert processor.counts().get("error", 0) == 0
    check(trace, kept.spans, emitted_g(reader))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(traces(children_first=True), st.integers(1, 5))
def test_the_exporter_counts_as_the_reference_does_where_children_end_first(trace: Trace, batch: int) -> None:
    reader, kept = InMemoryMetricReader(), Kept()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    exporter = CarbonSpanExporter(kept, meter_provider=meters)
    exporting = OnEnd(exporter, batch)
    play(trace, exporting)
    exporting.flush()
    assert exporter.counts().get("error", 0) == 0
    check(trace, kept.spans, emitted_g(reader))
