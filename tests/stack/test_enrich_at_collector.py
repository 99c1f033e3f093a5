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
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.stack import collector_cases
from tests.stack.running import REPOSITORY, wait_until

from carbonspan import CarbonSpanProcessor
from carbonspan.collector.configuration import STATEMENTS, Maker, Request
from carbonspan.settings import Settings
from examples.stack.native import Ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import SpanProcessor
    from tests.stack.collector_cases import Case

CONFIG = REPOSITORY / "collector-config" / "enrich-at-collector.yaml"
PROMISED = 1e-3
# Hours of 2026-09-21, 14:13:20 UTC, and of a night in January: the profiles of US zones differ by month and hour.
TIMES_NS = (1_790_000_000 * 10**9, 1_767_666_000 * 10**9)
APART_NS, LASTS_NS = 20_000_000, 10_000_000
# A process of its own adds up what ended below a span, and counts a container below which nothing did.
NOT_COMPARED = ("carbon.task.", "carbon.flag.")

OVERLAY = """\
exporters:
  file/spans:
    path: {folder}/spans.json
    flush_interval: 50ms
  file/metrics:
    path: {folder}/metrics.json
    flush_interval: 50ms
service:
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
    environment = {
        "COLLECTOR_HOST": "127.0.0.1",
        "OTLP_HTTP_PORT": str(ports.otlp_http),
        "OTLP_GRPC_PORT": str(ports.otlp_grpc),
        "HEALTH_PORT": str(ports.health),
        "TELEMETRY_PORT": str(ports.telemetry),
        "QUEUE_DIRECTORY": str(queue),
        "STATEMENTS_FILE": str(folder / "statements.yaml"),
    }
    command = [str(otelcol), "--config", str(config), "--config", str(folder / "overlay.yaml")]
    with (folder / "otelcol.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)  # noqa: S603
    health = f"http://127.0.0.1:{ports.health}/"
    try:
        wait_until("the Collector", lambda: process.poll() is not None or answers(health))
        assert process.poll() is None, (folder / "otelcol.log").read_text("utf-8")[-2000:]
        yield Running(folder, f"http://127.0.0.1:{ports.otlp_http}/v1/traces", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


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


def emit(cases: Sequence[Case], start_ns: int, processors: Callable[[], list[SpanProcessor]]) -> list[str]:
    """End a span of each case, apart in time so that no two are one call, and return their ids."""
    ids, providers = [], {}
    for at, case in enumerate(cases):
        if case.resource not in providers:
            provider = TracerProvider(resource=Resource(dict(case.resource)), shutdown_on_exit=False)
            for processor in processors():
                provider.add_span_processor(processor)
            providers[case.resource] = provider
        tracer = providers[case.resource].get_tracer(case.scope)
        span = tracer.start_span("call", start_time=start_ns + at * APART_NS)
        span.set_attributes(case.attributes)
        span.end(end_time=start_ns + at * APART_NS + LASTS_NS)
        ids.append(format(span.get_span_context().span_id, "016x"))
    for provider in providers.values():
        provider.shutdown()
    return ids


def through_the_processor(cases: Sequence[Case], start_ns: int, **options: Any) -> list[dict[str, Any]]:
    kept = InMemorySpanExporter()

    def processors() -> list[SpanProcessor]:
        return [CarbonSpanProcessor(metrics=False, **options), SimpleSpanProcessor(kept)]

    ids = emit(cases, start_ns, processors)
    found = {format(span.context.span_id, "016x"): dict(span.attributes or {}) for span in kept.get_finished_spans()}
    return [found[one] for one in ids]


def through_the_collector(cases: Sequence[Case], start_ns: int, collector: Running) -> list[dict[str, Any]]:
    def processors() -> list[SpanProcessor]:
        return [BatchSpanProcessor(OTLPSpanExporter(collector.url), max_queue_size=100_000)]

    ids = emit(cases, start_ns, processors)
    found = wait_until("the spans", lambda: arrived if set(ids) <= (arrived := collector.spans()).keys() else None)
    return [found[one] for one in ids]


def differences(processor: Mapping[str, Any], collector: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what the two ways do not agree on: numbers to 0.1 %, texts and what is there at all exactly."""
    if processor.get("carbon.role") == "container":  # one that is counted, since nothing below it is
        processor = {key: value for key, value in processor.items() if key == "carbon.role" or "carbon." not in key}
    found = {}
    for key in processor.keys() | collector.keys():
        one, other = processor.get(key), collector.get(key)
        one = list(one) if isinstance(one, tuple) else one
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other))
        same = math.isclose(one, other, rel_tol=PROMISED, abs_tol=0.0) if numbers else one == other  # type: ignore[arg-type]
        if not same and not key.startswith(NOT_COMPARED):
            found[key] = (one, other)
    return found


@pytest.mark.parametrize("start_ns", TIMES_NS)
@pytest.mark.parametrize("kind", ["models", "usages", "partial", "places", "recorded"])
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
