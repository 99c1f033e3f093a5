# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The Collector's estimate is the processor's: the same spans go both ways, and the attributes are compared."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from carbonspan import CarbonSpanProcessor
from carbonspan.cli import _collector_config as command
from carbonspan.collector import PIPELINES, STATEMENTS, Request
from carbonspan.collector._configuration import Maker
from carbonspan.core._options import Settings
from examples.stack.native import Guarded, Ports, Stack
from tests.collector import cases as collector_cases
from tests.collector.agreement import LASTS_NS, PROMISED, TIMES_NS, differences, emit, through_the_processor
from tests.collector.cases import CHAT, SCOPE, Case
from tests.stack.running import REPOSITORY, traces, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


CONFIG = REPOSITORY / "collector-config" / "enrich-at-collector.yaml"
OVERLAY = """\
exporters:
  file/spans:
    path: {folder}/spans.json
    append: true
    flush_interval: 50ms
  file/metrics:
    path: {folder}/metrics.json
    append: true
    flush_interval: 50ms
service:
  telemetry:
    logs:
      sampling:
        enabled: false
  pipelines:
    traces/out:
      exporters: [file/spans]
    metrics/measured:
      exporters: [file/metrics]
    metrics:
      exporters: [file/metrics]
"""


class Running:
    """A Collector, and what came out of it."""

    def __init__(self, folder: Path, url: str, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.url, self.process = folder, url, process

    def _lines(self, name: str) -> list[Any]:
        path = self.folder / name
        text = path.read_text("utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n") and len(line) > 1]

    def spans(self) -> dict[str, dict[str, Any]]:
        """Return the attributes of the spans by their id."""
        return {
            span["spanId"]: {one["key"]: value_of(one["value"]) for one in span.get("attributes", ())}
            for line in self._lines("spans.json")
            for resource in line["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        }

    def metrics(self) -> list[Any]:
        """Return the metrics in the order in which they came."""
        return [
            metric
            for line in self._lines("metrics.json")
            for resource in line["resourceMetrics"]
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
        ]


def value_of(value: Mapping[str, Any]) -> Any:
    """Return an OTLP value in JSON as Python's."""
    kind, held = next(iter(value.items()), ("", None))
    if held is None:
        return None
    if kind == "intValue":
        return int(held)
    if kind == "arrayValue":
        return [value_of(one) for one in held.get("values", ())]
    return held


@contextmanager
def running(otelcol: Path, folder: Path, statements: str, config: Path = CONFIG) -> Iterator[Running]:
    """Run a Collector with the committed pipelines, and files for what goes out."""
    ports, queue = Ports.free(), folder / "queue"
    queue.mkdir(parents=True)
    (folder / "overlay.yaml").write_text(OVERLAY.format(folder=folder), encoding="utf-8")
    (folder / "statements.yaml").write_text(statements, encoding="utf-8")
    environment = ports.collector_environment(queue) | {"STATEMENTS_FILE": str(folder / "statements.yaml")}
    arguments = [str(otelcol), "--config", str(config), "--config", str(folder / "overlay.yaml")]
    with (folder / "otelcol.log").open("wb") as log:
        process = subprocess.Popen(arguments, env=os.environ | environment, stdout=log, stderr=log)  # noqa: S603
    guarded = Guarded(process)
    health = f"http://127.0.0.1:{ports.health}/"
    try:
        wait_until("the Collector", lambda: process.poll() is not None or answers(health))
        assert process.poll() is None, (folder / "otelcol.log").read_text("utf-8")[-2000:]
        yield Running(folder, f"http://127.0.0.1:{ports.otlp_http}/v1/traces", process)
    finally:
        guarded.end(signal.SIGTERM, 30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def statements_of(settings: Settings, request: Request | None = None) -> str:
    """Return the statements that the command writes."""
    maker = Maker(settings, request or Request(STATEMENTS))
    try:
        return maker.make().content
    finally:
        maker.close()


def settings_of(**options: Any) -> Settings:
    return Settings.resolve(options, {})


@pytest.fixture(scope="module")
def collector(program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("collector")
    with running(program("otelcol"), folder, statements_of(settings_of(attributes="full"))) as one:
        yield one


def through_the_collector(cases: Sequence[Case], start_ns: int, collector: Running) -> list[dict[str, Any]]:
    def processors() -> list[SpanProcessor]:
        return [BatchSpanProcessor(OTLPSpanExporter(collector.url), max_queue_size=100_000)]

    ids = emit(cases, start_ns, processors)
    found = wait_until("the spans", lambda: arrived if set(ids) <= (arrived := collector.spans()).keys() else None)
    return [found[one] for one in ids]


@pytest.mark.parametrize("start_ns", TIMES_NS)
@pytest.mark.parametrize("kind", ["models", "usages", "partial", "one_side", "places", "recorded"])
def test_both_ways_agree(collector: Running, kind: str, start_ns: int) -> None:
    cases = collector_cases.all_of(getattr(collector_cases, kind)())
    expected = through_the_processor(cases, start_ns, attributes="full")
    found = through_the_collector(cases, start_ns, collector)
    wrong = {}
    for case, one, other in zip(cases, expected, found, strict=True):
        differ = differences(one, other)
        if differ:
            wrong[str(case)] = differ
    assert not wrong, f"{len(wrong)} of {len(cases)}: {list(wrong.items())[:5]}"
    assert sum("carbon.emissions.grams" in one for one in found) > len(cases) / 3


def sums_of_the_processor(cases: Sequence[Case], start_ns: int, **options: Any) -> dict[Any, float]:
    """Return what the processor's own metrics come to, by name, kind of value and labels."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    emit(cases, start_ns, lambda: [CarbonSpanProcessor(meter_provider=meters, **options)])
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[Any, float] = {}
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    labels = frozenset((key, str(value)) for key, value in (point.attributes or {}).items())
                    if isinstance(point, HistogramDataPoint):
                        buckets = zip((*point.explicit_bounds, math.inf), point.bucket_counts, strict=True)
                        found |= {(metric.name, metric.unit, bound, labels): count for bound, count in buckets if count}
                        found[metric.name, metric.unit, "sum", labels] = point.sum
                    elif isinstance(point, NumberDataPoint):
                        found[metric.name, metric.unit, "value", labels] = point.value
    meters.shutdown()
    return found


def sums_of_the_collector(metrics: Sequence[Any]) -> dict[Any, float]:
    """Return the same of what the Collector sent: sums grow, so the last of each stands."""
    found: dict[Any, float] = {}
    for metric in metrics:
        kind = "histogram" if "histogram" in metric else "sum"
        assert metric[kind]["aggregationTemporality"] == 2  # cumulative
        for point in metric[kind]["dataPoints"]:
            labels = frozenset((one["key"], str(value_of(one["value"]))) for one in point.get("attributes", ()))
            if kind == "histogram":
                buckets = zip((*point["explicitBounds"], math.inf), map(int, point["bucketCounts"]), strict=True)
                found |= {(metric["name"], metric["unit"], bound, labels): n for bound, n in buckets if n}
                found[metric["name"], metric["unit"], "sum", labels] = point["sum"]
            else:
                value = point.get("asDouble", point.get("asInt"))
                found[metric["name"], metric["unit"], "value", labels] = float(value)
    return found


def test_metrics_have_the_names_units_buckets_labels_and_sums_of_the_processor(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    options = {"cohorts": "user.cohort,app.feature", "flags": "model-routing", "attributes": "minimal"}
    options |= {"counted_elsewhere": "anthropic,*.gateway.example.org"}
    own = {"user.cohort": "free", "app.feature": "brief", "gen_ai.agent.name": "research"}
    detailed = {"gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.reasoning.output_tokens": 50}
    cases = [
        *(
            Case(CHAT),
            Case(CHAT | own),
            Case(CHAT | own | detailed),
            Case(CHAT | detailed | {"cloud.region": "us-west-2"}),
        ),
        *(Case(CHAT | {"gen_ai.request.model": "acme-9"}), Case(CHAT | {"litellm.cache_hit": True})),
        *(
            Case(CHAT | {"gen_ai.usage.cost": 0.25}),
            Case(CHAT | {"operation.cost": 0.5, "gen_ai.system": "az.ai.openai"}),
        ),
        *(
            Case(CHAT | {"gen_ai.usage.input_tokens": -1}),
            Case({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}),
        ),
        Case(CHAT | {"gen_ai.provider.name": "OpenAI", "gen_ai.response.model": "gpt-4o-2024-08-06"}),
        Case({"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "openai"}),
        Case(CHAT | own | {"litellm.cache_hit": True}),
        Case(CHAT | {"gen_ai.provider.name": "anthropic"}),
        Case(CHAT | {"server.address": "eu.gateway.example.org"}),
        Case(CHAT | {"gen_ai.request.model": "acme-" + "9" * 5000}),
    ] * 3
    config = tmp_path / "pipelines.yaml"
    config.write_text(statements_of(settings_of(**options), Request(PIPELINES, "${env:STATEMENTS_FILE}")), "utf-8")
    with running(program("otelcol"), tmp_path / "run", statements_of(settings_of(**options)), config) as collector:
        expected = sums_of_the_processor(cases, TIMES_NS[0], **options)
        # List prices are the processor's alone: the Collector knows what a span says it cost.
        priced = {key: value for key, value in expected.items() if key[0] == "carbon.request.cost"}
        expected = {key: value for key, value in expected.items() if key not in priced}
        through_the_collector(cases, TIMES_NS[0], collector)
        want = {key for key in expected if key[0] == "carbonspan.spans"}
        found = wait_until(
            "the metrics",
            lambda: found if want <= (found := sums_of_the_collector(collector.metrics())).keys() else None,
        )
    cost = {key: value for key, value in found.items() if key[0] == "carbon.request.cost"}
    assert math.isclose(sum(cost.values()), 3 * (0.25 + 0.5))
    assert cost.keys() <= priced.keys()
    found = {key: value for key, value in found.items() if key not in cost}
    assert found.keys() == expected.keys()
    assert {
        key: (value, found[key])
        for key, value in expected.items()
        if not math.isclose(value, found[key], rel_tol=PROMISED)
    } == {}


def test_flags_of_the_span_itself_are_put_on_it(collector: Running) -> None:
    kept = InMemorySpanExporter()
    ended: list[dict[str, Any]] = []
    for processors in (
        [CarbonSpanProcessor(metrics=False, attributes="full"), SimpleSpanProcessor(kept)],
        [BatchSpanProcessor(OTLPSpanExporter(collector.url))],
    ):
        provider = TracerProvider(shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        span = provider.get_tracer("x").start_span("call", attributes=CHAT, start_time=TIMES_NS[0])
        for key, variant in (("routing", "old"), ("routing", "new"), ("dark-mode", True)):
            span.add_event("feature_flag.evaluation", {"feature_flag.key": key, "feature_flag.result.variant": variant})
        span.add_event("feature_flag", {"feature_flag.key": "legacy", "feature_flag.variant": "on"})
        span.add_event("other", {"feature_flag.key": "none", "feature_flag.variant": "on"})
        span.end(end_time=TIMES_NS[0] + LASTS_NS)
        provider.shutdown()
        ended.append({"id": format(span.get_span_context().span_id, "016x")})
    found = wait_until("the span", lambda: collector.spans().get(ended[1]["id"]))
    (expected,) = (dict(span.attributes or {}) for span in kept.get_finished_spans())
    flags = {key: value for key, value in expected.items() if key.startswith("carbon.flag.")}
    assert flags == {"carbon.flag.routing": "new", "carbon.flag.dark-mode": "true", "carbon.flag.legacy": "on"}
    assert {key: value for key, value in found.items() if key.startswith("carbon.flag.")} == flags


def test_a_sampled_span_stands_for_as_many_as_its_sampler_says(program: Callable[[str], Path], tmp_path: Path) -> None:
    state = TraceState([("ot", "th:c")])  # one in four
    parent = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=state)
    context = set_span_in_context(NonRecordingSpan(parent))
    with running(program("otelcol"), tmp_path / "run", statements_of(settings_of())) as collector:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector.url)))
        provider.get_tracer("x").start_span("call", context=context, attributes=CHAT).end()
        provider.shutdown()
        (attributes,) = wait_until("the span", collector.spans).values()
        sums = wait_until("the metrics", lambda: sums_of_the_collector(collector.metrics()))
    emitted = {key[2]: value for key, value in sums.items() if key[0] == "carbon.request.emissions"}
    assert emitted == {0.3: 4, "sum": pytest.approx(4 * attributes["carbon.emissions.grams"])}
    (spans,) = (value for key, value in sums.items() if key[0] == "carbonspan.spans")
    assert spans == 4


def test_the_committed_configuration_is_valid_without_a_warning(program: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "statements.yaml").write_text(statements_of(settings_of()), encoding="utf-8")
    environment = {"QUEUE_DIRECTORY": str(tmp_path), "STATEMENTS_FILE": str(tmp_path / "statements.yaml")}
    result = subprocess.run(  # noqa: S603 - the Collector
        [program("otelcol"), "validate", "--config", str(CONFIG)],
        env=os.environ | environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr.strip()) == (0, "")


def test_prometheus_and_the_trace_backend_get_what_the_processor_gives(programs: None, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "statements.yaml").write_text(statements_of(settings_of()), encoding="utf-8")
    environment = {"STATEMENTS_FILE": str(tmp_path / "statements.yaml")}
    resource = (("service.name", "billing"), ("service.version", "2.1.0"), ("service.instance.id", "one"))
    cases = [Case(CHAT | {"cloud.region": region}, SCOPE, resource) for region in ("eu-west-1", "us-east-1")] * 5
    now_ns = int(datetime.now(timezone.utc).timestamp()) * 10**9
    expected = through_the_processor(cases, now_ns)
    with Stack(tmp_path, collector=[CONFIG], environment=environment, rules=()) as stack:
        url = f"{stack.otlp_http_url}/v1/traces"
        emit(cases, now_ns, lambda: [BatchSpanProcessor(OTLPSpanExporter(url))])
        stored = wait_until("the spans", lambda: held if len(held := stored_of(stack)) == len(cases) else None)
        by_region = 'sum by (carbon_region_name) (carbon_request_emissions_grams_sum{service_version="2.1.0"})'
        series: list[Any] = wait_until(
            "the metrics", lambda: found if len(found := stack.query(by_region)) == 2 else None
        )
    ordered = sorted(stored, key=lambda span: span["start_us"])
    assert [
        differences(one, {key: span[key] for key in one if key in span})
        for one, span in zip(expected, ordered, strict=True)
    ] == [{}] * len(cases)
    grams = {one["metric"]["carbon_region_name"]: float(one["value"][1]) for one in series}
    for region, total in grams.items():
        emitted = [one["carbon.emissions.grams"] for one in expected if one["carbon.region.name"] == region]
        assert math.isclose(total, math.fsum(emitted), rel_tol=PROMISED)


def stored_of(stack: Stack) -> list[dict[str, Any]]:
    return [span for spans in traces(stack, "billing").values() for span in spans]


def test_live_hours_are_those_of_the_processor(program: Callable[[str], Path], tmp_path: Path) -> None:
    this_hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=age) for age in range(5)]
    rows = [f"IE,{hour:%Y-%m-%dT%H:%M:%SZ},{100 + 37 * at}" for at, hour in enumerate(hours)]
    path = tmp_path / "hours.csv"
    path.write_text("\n".join(["zone,hour,g_per_kwh", *rows]), encoding="utf-8")
    options: dict[str, Any] = {"grid": "file", "grid_options": {"file": {"path": str(path)}}, "grid_cache": False}
    covered = ("aws:eu-west-1", "aws:us-east-1", "aws:eu-north-1")
    statements = statements_of(settings_of(attributes="full", **options), Request(STATEMENTS, covered=covered))
    processor = CarbonSpanProcessor(metrics=False, attributes="full", **options)
    assert processor.prefetch_grid(covered).complete
    cases = [Case(CHAT | {"cloud.region": region.removeprefix("aws:")}) for region in covered]
    qualities = set()
    with running(program("otelcol"), tmp_path / "run", statements) as collector:
        # Known hours, then hours that the last known one stands for, then hours that it is too old for.
        for ahead in (-4, -1, 0, 1, 3, 6, 8):
            start_ns = int((this_hour + timedelta(hours=ahead, minutes=5)).timestamp()) * 10**9
            kept = InMemorySpanExporter()
            emit(cases, start_ns, lambda kept=kept: [Unowned(processor), SimpleSpanProcessor(kept)])  # type: ignore[misc]
            ended = [dict(span.attributes or {}) for span in kept.get_finished_spans()]
            found = through_the_collector(cases, start_ns, collector)
            for one, other in zip(ended, found, strict=True):
                assert differences(one, other) == {}, ahead
                qualities.add((one["carbon.intensity.quality"], one["carbon.region.name"]))
    processor.shutdown()
    assert {quality for quality, region in qualities if region == "eu-west-1"} == {"measured", "stale", "annual"}
    assert {quality for quality, region in qualities if region == "us-east-1"} == {"profile"}


class Unowned(SpanProcessor):
    """A processor that outlives the provider it is registered with."""

    def __init__(self, inner: CarbonSpanProcessor) -> None:
        self.on_start = inner.on_start  # type: ignore[method-assign]
        self._on_ending = inner._on_ending  # type: ignore[method-assign]


def test_new_tables_are_taken_while_spans_come_and_none_is_lost(program: Callable[[str], Path], tmp_path: Path) -> None:
    first, second = (statements_of(settings_of(attributes="full", pue=pue)) for pue in (1.05, 1.5))
    with running(program("otelcol"), tmp_path / "run", first) as collector:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector.url), schedule_delay_millis=50))
        tracer = provider.get_tracer("x")
        sent = 0

        def send_until(pue: float) -> None:
            nonlocal sent

            def goes_on() -> bool:
                nonlocal sent
                for _ in range(20):
                    tracer.start_span("call", attributes=CHAT).end()
                    sent += 1
                return any(span["carbon.site.pue"] == pue for span in collector.spans().values())

            wait_until(f"spans under a PUE of {pue}", goes_on)

        send_until(1.05)
        assert command.write(collector.folder / "statements.yaml", second)
        assert command.reload(str(collector.process.pid)) == collector.process.pid
        send_until(1.5)
        provider.shutdown()
        found = wait_until("the spans", lambda: spans if len(spans := collector.spans()) >= sent else None)
    assert len(found) == sent
    assert {span["carbon.site.pue"] for span in found.values()} == {1.05, 1.5}


def test_what_is_no_llm_span_passes_as_it_is(collector: Running) -> None:
    plain = {"http.request.method": "GET", "server.address": "api.openai.com", "carbon": "copy"}
    assert through_the_collector([Case(plain)], TIMES_NS[0], collector) == [plain]


def test_a_client_cannot_write_what_the_metrics_are_made_of(program: Callable[[str], Path], tmp_path: Path) -> None:
    worth = [{"key": key, "value": {"doubleValue": 1e9}} for key in ("g", "j", "low")]
    values: list[Any] = [{"kvlistValue": {"values": worth}}, {"stringValue": "text"}, {"intValue": "5"}, {}]
    forged = [[{"key": "carbonspan.measured", "value": value}] for value in values]
    forged += [
        [{"key": key, "value": {"stringValue": "class:embedding"}}]
        for key in ("carbonspan.entry", "carbonspan.searched")
    ]
    call = [
        {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}
        for key, value in CHAT.items()
    ]
    spans = [
        {
            "traceId": format(at + 1, "032x"),
            "spanId": format(at + 1, "016x"),
            "name": "call",
            "startTimeUnixNano": str(TIMES_NS[0]),
            "endTimeUnixNano": str(TIMES_NS[0] - LASTS_NS),
            "attributes": attributes,
        }
        for at, attributes in enumerate([call, *forged, *([*call, *more] for more in forged)])
    ]
    with running(program("otelcol"), tmp_path / "run", statements_of(settings_of())) as collector:
        sent: Any = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": SCOPE}, "spans": spans}]}]}
        assert requests.post(collector.url, json=sent, timeout=30).ok
        found = wait_until("the spans", lambda: held if len(held := collector.spans()) == len(spans) else None)
        calls = 1 + len(forged)
        sums = wait_until(
            "the metrics",
            lambda: (
                by_name
                if (
                    by_name := {
                        (key[0], key[2]): value for key, value in sums_of_the_collector(collector.metrics()).items()
                    }
                )
                and by_name.get(("carbonspan.spans", "value")) == calls
                else None
            ),
        )
    honest = found[format(1, "016x")]
    assert all(one in (honest, {}) for one in found.values())
    grams = honest["carbon.emissions.grams"]
    assert sums["carbon.request.emissions", "sum"] == pytest.approx(calls * grams)
    # A span that ends before it starts has no duration.
    assert not any(name == "carbon.request.duration" for name, _ in sums)
    log = (tmp_path / "run" / "otelcol.log").read_text("utf-8")
    assert "failed to eval" not in log


def test_nothing_but_look_ups_fails(program: Callable[[str], Path], tmp_path: Path) -> None:
    # The committed configuration is silent about what a table has no entry for; here each error is logged.
    config = tmp_path / "whole.yaml"
    text = CONFIG.read_text("utf-8").replace("error_mode: silent", "error_mode: ignore", 1)
    config.write_text(text, encoding="utf-8")
    statements = statements_of(settings_of(attributes="full"))
    with running(program("otelcol"), tmp_path / "run", statements, config) as collector:
        for kind in ("models", "usages", "partial", "places"):
            cases = collector_cases.all_of(getattr(collector_cases, kind)())[::7]
            through_the_collector(cases, TIMES_NS[0], collector)
    log = (tmp_path / "run" / "otelcol.log").read_text("utf-8").splitlines()
    details = [json.loads(line[line.index("{") :]) for line in log if "\terror\t" in line or "\twarn\t" in line]
    failed = {(one.get("error", ""), one.get("statement", "")[-300:]) for one in details}
    assert {one for one in failed if "key not found in map" not in one[0]} == set()
    assert failed
