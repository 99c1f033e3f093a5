# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics against real meter providers: what a reader gets, by when, under which labels, and what never happens."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import Meter, MeterProvider as AnyMeterProvider, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from carbonspan import CarbonSampler, CarbonSpanExporter, CarbonSpanProcessor, estimate
from carbonspan.telemetry._contract import LABELS, METRICS
from carbonspan.telemetry._labels import MAX_SERIES, MAX_VALUES, OTHER, Labels
from carbonspan.telemetry._queue import queue
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes(response_model="gpt-4o-2024-08-06", cached_input_tokens=1000, reasoning_tokens=200)
# 2026-03-01T12:00:00Z
START_NS = 1_772_366_400_000_000_000
SECOND_NS = 1_000_000_000
COMMON = {
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "carbon.model.tier": "frontier",
    "carbon.model.evidence": "D",
    "carbon.region.name": "US",
    "carbon.intensity.basis": "life-cycle",
}


class Bench:
    """A tracer provider with carbonspan, and a reader of its metrics."""

    def __init__(self, **options: Any) -> None:
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False, resource=Resource.get_empty())
        self.processor = CarbonSpanProcessor(meter_provider=self.meters, **options)
        self.tracers = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
        self.tracers.add_span_processor(self.processor)

    def end(self, seconds: float = 2.0, **changes: Any) -> Any:
        attributes = {**CHAT, **{name.replace("__", "."): value for name, value in changes.items()}}
        return self.end_with({name: value for name, value in attributes.items() if value is not None}, seconds)

    def end_with(self, attributes: dict[str, Any], seconds: float = 2.0) -> Any:
        span = self.tracers.get_tracer(SCOPE).start_span("chat gpt-4o", start_time=START_NS, attributes=attributes)
        span.end(end_time=START_NS + int(seconds * SECOND_NS))
        return span

    def points(self) -> dict[str, list[Any]]:
        return points_of(self.reader)

    def value(self, name: str, **labels: str) -> float:
        """Return the one value under these labels."""
        wanted = {key.replace("__", "."): value for key, value in labels.items()}
        found = [p for p in self.points()[name] if wanted.items() <= dict(p.attributes).items()]
        assert len(found) == 1, found
        return float(found[0].value)


def points_of(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_every_metric_of_the_table_has_what_the_span_has() -> None:
    bench = Bench()
    written: dict[str, Any] = dict(bench.end(gen_ai__usage__cost=0.005).attributes or {})
    found = bench.points()
    assert set(found) == {metric.name for metric in METRICS}
    (emissions,) = found["carbon.request.emissions"]
    assert emissions.count == 1
    assert emissions.sum == pytest.approx(written["carbon.emissions.grams"], rel=1e-12)
    assert dict(emissions.attributes) == COMMON
    (duration,) = found["carbon.request.duration"]
    assert (duration.count, duration.sum) == (1, 2.0)
    for name, attribute, factor in (
        ("carbon.energy", "carbon.energy.wh", 3600.0),
        ("carbon.water", "carbon.water.ml", 0.001),
        ("carbon.emissions.embodied", "carbon.emissions.embodied_grams", 1.0),
        ("carbon.emissions.cache_savings", "carbon.emissions.cache_savings_grams", 1.0),
        ("carbon.emissions.low_bound", "carbon.emissions.low_grams", 1.0),
        ("carbon.emissions.high_bound", "carbon.emissions.high_grams", 1.0),
    ):
        (point,) = found[name]
        assert point.value == pytest.approx(written[attribute] * factor, rel=1e-12), name
        assert dict(point.attributes) == COMMON
    tokens = {dict(p.attributes)["carbon.token.type"]: p.value for p in found["carbon.request.tokens"]}
    assert tokens == {"fresh_input": 200, "cached_input": 1000, "output": 100, "reasoning": 200}
    assert [p.value for p in found["carbon.request.cost"]] == [0.005]
    (spans,) = found["carbonspan.spans"]
    assert (dict(spans.attributes), spans.value) == ({"carbonspan.outcome": "enriched"}, 1)


@pytest.mark.parametrize(
    "stated",
    [
        {"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5},
        {"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5}'},
    ],
    ids=str,
)
def test_a_cost_stated_in_parts_goes_before_the_list_price(stated: dict[str, Any]) -> None:
    bench = Bench()
    bench.end(**{name.replace(".", "__"): value for name, value in stated.items()})
    assert bench.value("carbon.request.cost") == 0.75


def test_units_kinds_and_buckets_are_those_of_the_table() -> None:
    bench = Bench()
    bench.end(operation__cost=0.1)
    data = bench.reader.get_metrics_data()
    assert data is not None
    got = {m.name: m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    for metric in METRICS:
        assert (got[metric.name].unit, got[metric.name].description) == (metric.unit, metric.meaning)
        points = got[metric.name].data
        if metric.kind == "histogram":
            assert tuple(points.data_points[0].explicit_bounds) == metric.boundaries  # type: ignore[union-attr]
        else:
            assert points.is_monotonic  # type: ignore[union-attr]


def test_the_span_metrics_add_up_over_many_spans_and_readers() -> None:
    bench = Bench()
    total: float = 0.0
    for i in range(50):
        span = bench.end(gen_ai__usage__output_tokens=300 + i)
        total += span.attributes["carbon.emissions.grams"]
        if i == 20:
            bench.points()  # a reader that comes in between takes nothing away
    (emissions,) = bench.points()["carbon.request.emissions"]
    assert (emissions.count, emissions.sum) == (50, pytest.approx(total, rel=1e-12))
    assert bench.value("carbonspan.spans", carbonspan__outcome="enriched") == 50
    assert bench.processor.counts() == {"enriched": 50}


def test_a_partial_usage_emits_and_only_what_is_reported_is_a_token() -> None:
    bench = Bench()
    bench.end(gen_ai__usage__output_tokens=None)
    found = bench.points()
    (spans,) = found["carbonspan.spans"]
    assert (spans.attributes["carbonspan.outcome"], spans.value) == ("partial_usage", 1)
    (emissions,) = found["carbon.request.emissions"]
    assert emissions.sum > 0.0
    assert emissions.attributes["carbon.model.evidence"] == "F"
    tokens = {point.attributes["carbon.token.type"]: point.value for point in found["carbon.request.tokens"]}
    assert tokens == {"fresh_input": 200, "cached_input": 1000, "reasoning": 200}


def test_two_readers_both_get_everything() -> None:
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    meters = MeterProvider(metric_readers=readers, shutdown_on_exit=False)
    processor = CarbonSpanProcessor(meter_provider=meters)
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(processor)
    for _ in range(3):
        tracers.get_tracer(SCOPE).start_span("chat", attributes=CHAT).end()
    for reader in readers:
        found = points_of(reader)
        assert found["carbon.request.emissions"][0].count == 3
        assert found["carbonspan.spans"][0].value == 3


def test_processors_and_exporters_of_one_provider_share_its_instruments_and_count_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    bench = Bench()
    other = CarbonSpanExporter(InMemorySpanExporter(), meter_provider=bench.meters)
    bench.tracers.add_span_processor(SimpleSpanProcessor(other))
    bench.end()
    assert bench.points()["carbon.request.emissions"][0].count == 1
    assert bench.value("carbonspan.spans", carbonspan__outcome="enriched") == 1
    assert bench.value("carbonspan.spans", carbonspan__outcome="already_enriched") == 1
    assert caplog.text == ""


def test_what_is_not_counted_has_an_outcome_and_no_grams() -> None:
    bench = Bench()
    bench.end_with({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o"})
    bench.end(gen_ai__usage__input_tokens=None, gen_ai__usage__output_tokens=None)
    bench.end_with(
        {"gen_ai.request.model": "no-such-model", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}
    )
    found = bench.points()
    outcomes = {dict(p.attributes)["carbonspan.outcome"]: p.value for p in found["carbonspan.spans"]}
    assert outcomes == {"container": 1, "no_usage": 1, "unknown_model": 1}
    assert found["carbon.request.emissions"][0].count == 1
    assert dict(found["carbon.request.emissions"][0].attributes)["carbon.model.evidence"] == "E"


def test_a_span_without_room_is_counted_as_such() -> None:
    from opentelemetry.sdk.trace import SpanLimits  # noqa: PLC0415

    bench = Bench()
    bench.tracers = TracerProvider(span_limits=SpanLimits(max_span_attributes=len(CHAT) + 2), shutdown_on_exit=False)
    bench.tracers.add_span_processor(bench.processor)
    bench.end()
    assert bench.value("carbonspan.spans", carbonspan__outcome="attribute_limit") == 1
    assert bench.value("carbonspan.spans", carbonspan__outcome="enriched") == 1


def test_exemplars_link_to_the_trace_that_ended() -> None:
    bench = Bench()
    with bench.tracers.get_tracer("app").start_as_current_span("request"):
        span = bench.end()
    with bench.tracers.get_tracer("app").start_as_current_span("another request, current when the reader comes"):
        (emissions,) = bench.points()["carbon.request.emissions"]
    context = span.get_span_context()
    assert [(e.trace_id, e.span_id) for e in emissions.exemplars] == [(context.trace_id, context.span_id)]
    assert emissions.exemplars[0].value == emissions.sum


def test_a_span_that_is_not_sampled_leaves_no_exemplar_and_is_counted() -> None:
    bench = Bench()
    bench.tracers = TracerProvider(sampler=CarbonSampler(ALWAYS_OFF), shutdown_on_exit=False)
    bench.tracers.add_span_processor(bench.processor)
    bench.end()
    (emissions,) = bench.points()["carbon.request.emissions"]
    assert (emissions.count, list(emissions.exemplars)) == (1, [])


def test_attributes_named_as_cohorts_become_labels() -> None:
    bench = Bench(cohorts="user.cohort, app.beta")
    bench.end(user__cohort="free", app__beta=True)
    bench.end(user__cohort="free", app__beta=False)
    bench.end()
    labels = [dict(p.attributes) for p in bench.points()["carbon.energy"]]
    assert [{k: v for k, v in one.items() if k not in COMMON} for one in labels] == [
        {"user.cohort": "free", "app.beta": "true"},
        {"user.cohort": "free", "app.beta": "false"},
        {},
    ]


def test_a_flood_of_values_becomes_other_and_loses_nothing() -> None:
    bench = Bench(cohorts=["user.id"])
    for i in range(3 * MAX_VALUES):
        bench.end(user__id=f"u{i}", gen_ai__request__model=f"m{i % 150}")
    found = bench.points()["carbon.request.emissions"]
    assert sum(p.count for p in found) == 3 * MAX_VALUES
    for name in ("user.id", "gen_ai.request.model"):
        values = {dict(p.attributes)[name] for p in found}
        assert len(values) == MAX_VALUES + 1
        assert OTHER in values


def test_combinations_are_bounded_too() -> None:
    labels = Labels(["a", "b", "c"])
    made = {id(labels.series((f"a{i % 90}", f"b{i // 90 % 90}", i // 8100))) for i in range(10_000)}
    assert len(made) <= MAX_SERIES + 1
    assert labels.series(("a1", "b89", 1)) == {"a": OTHER, "b": OTHER, "c": OTHER}
    assert labels.series(("a0", "b0", 0)) is labels.series(("a0", "b0", 0))


def test_labels_take_no_lists_and_no_long_texts() -> None:
    labels = Labels(["a", "b", "c", "d"])
    assert labels.series(("x" * 1000, ["a"], None, 2.5)) == {"a": "x" * 128, "d": "2.5"}


def test_no_metrics_where_they_are_switched_off() -> None:
    bench = Bench(metrics=False)
    bench.end()
    assert bench.points() == {}
    assert bench.processor.counts() == {"enriched": 1}


class Raising(AnyMeterProvider):
    """A provider that takes nothing."""

    def get_meter(self, *_args: Any, **_kwargs: Any) -> Meter:
        raise RuntimeError("no meters today")


class RaisingHistograms(NoOpMeterProvider):
    """A provider whose histograms break when used."""

    def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
        meter = super().get_meter(*args, **kwargs)

        class Histogram:
            def record(self, *_args: Any, **_kwargs: Any) -> None:
                raise RuntimeError("no records today")

        meter.create_histogram = lambda *_args, **_kwargs: Histogram()  # type: ignore[method-assign, assignment]
        return meter


class WithoutWeakReferences(NoOpMeterProvider):
    """A provider that is not hashable."""

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "provider", [Raising(), RaisingHistograms(), WithoutWeakReferences()], ids=lambda p: type(p).__name__
)
def test_a_meter_provider_that_raises_costs_the_metrics_not_the_span(
    provider: AnyMeterProvider, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "carbonspan"):
        processor = CarbonSpanProcessor(meter_provider=provider)
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(processor)
        for _ in range(3):
            span = tracers.get_tracer(SCOPE).start_span("chat", attributes=CHAT)
            span.end()
            assert "carbon.emissions.grams" in dict(span.attributes or {})  # type: ignore[attr-defined]
        assert processor.counts()["enriched"] == 3
    assert len(caplog.records) == (0 if isinstance(provider, WithoutWeakReferences) else 1)  # once, not per span


def test_spans_of_many_threads_and_a_reader_at_the_same_time_lose_nothing() -> None:
    bench = Bench()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            bench.points()

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=lambda: [bench.end() for _ in range(500)]) for _ in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    (emissions,) = bench.points()["carbon.request.emissions"]
    assert emissions.count == 2000
    assert bench.value("carbonspan.spans", carbonspan__outcome="enriched") == 2000


def test_nobody_reads_and_the_queue_stays_bounded_and_loses_nothing() -> None:
    bench = Bench()
    spans = 3 * queue._capacity
    most = 0
    for _ in range(spans):
        bench.end()
        most = max(most, len(queue))
    assert most <= queue._capacity + 2
    assert bench.value("carbonspan.spans", carbonspan__outcome="enriched") == spans


def test_without_threads_the_queue_is_bounded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    queue.drain()
    monkeypatch.setattr(queue, "_helped", False)

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    for _ in range(queue._capacity):
        bench.end()
    assert len(queue) <= queue._capacity // 2 + 2
    assert bench.processor.counts()["enriched"] == queue._capacity


LATE = """
import json, sys
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from carbonspan import CarbonSpanProcessor
tracers = TracerProvider(shutdown_on_exit=False)
tracers.add_span_processor(CarbonSpanProcessor())
tracer = tracers.get_tracer("opentelemetry.instrumentation.genai.openai")
tracer.start_span("c", attributes=json.loads(sys.argv[1])).end()
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider(metric_readers=[reader], shutdown_on_exit=False))
tracer.start_span("c", attributes=json.loads(sys.argv[1])).end()
data = reader.get_metrics_data()
found = {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
print(found["carbonspan.spans"][0].value, found["carbon.request.emissions"][0].count)
"""


def test_the_applications_provider_is_used_whenever_it_is_set() -> None:
    run = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-W", "error", "-c", LATE, json.dumps(CHAT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.stdout, run.stderr) == ("2 2\n", "")


FORKED = """
import json, os, sys
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from carbonspan import CarbonSpanProcessor
reader = InMemoryMetricReader()
meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
tracers = TracerProvider(shutdown_on_exit=False)
tracers.add_span_processor(CarbonSpanProcessor(meter_provider=meters))
tracer = tracers.get_tracer("opentelemetry.instrumentation.genai.openai")
def end():
    tracer.start_span("c", attributes=json.loads(sys.argv[1])).end()
def energy():
    data = reader.get_metrics_data()
    found = {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    return found["carbon.energy"][0].value
end()
one = energy()
end()
child = os.fork()
if child == 0:
    for _ in range(3):
        end()
    os._exit(0 if abs(energy() / one - 3) < 1e-9 else 1)
assert os.waitpid(child, 0)[1] == 0
assert abs(energy() / one - 2) < 1e-9
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a platform without fork has no child to protect")
def test_a_forked_child_reports_its_own_sums_alone() -> None:
    subprocess.run([sys.executable, "-c", FORKED, json.dumps(CHAT)], check=True, timeout=120)  # noqa: S603 - our own code


def test_the_last_spans_arrive_when_the_provider_shuts_down() -> None:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult  # noqa: PLC0415

    class Kept(MetricExporter):
        last: Any = None

        def export(self, metrics_data: Any, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:  # noqa: ARG002
            self.last = metrics_data
            return MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
            return True

        def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
            pass

    exporter = Kept()
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(CarbonSpanProcessor(meter_provider=meters))
    tracers.get_tracer(SCOPE).start_span("chat", attributes=CHAT).end()
    meters.shutdown()
    found = {m.name: m for r in exporter.last.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert found["carbonspan.spans"].data.data_points[0].value == 1
    assert found["carbon.request.emissions"].data.data_points[0].count == 1


def test_the_metrics_agree_with_the_estimate_by_hand() -> None:
    from datetime import datetime, timezone  # noqa: PLC0415

    bench = Bench(region="SWE")
    bench.end()
    expected = estimate(
        model="gpt-4o",
        provider="openai",
        input_tokens=1200,
        output_tokens=300,
        cached_input_tokens=1000,
        region="SWE",
        at=datetime.fromtimestamp(START_NS / SECOND_NS, timezone.utc),
    )
    assert bench.value("carbon.energy") == pytest.approx(expected.energy_j.central, rel=1e-12)
    assert bench.value("carbon.emissions.high_bound") == pytest.approx(expected.emissions_g.high, rel=1e-12)


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    queue.drain()
    yield
    queue.drain()


def test_no_label_is_missing_from_the_table() -> None:
    bench = Bench()
    bench.end()
    (point,) = bench.points()["carbon.energy"]
    assert list(dict(point.attributes)) == [name for name, _ in LABELS]
    assert all(math.isfinite(p.value) for p in bench.points()["carbon.energy"])
