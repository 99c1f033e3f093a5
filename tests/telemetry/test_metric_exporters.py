# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics as they leave a process: over OTLP to a server on loopback, and as Prometheus scrapes them."""

from __future__ import annotations

import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider

from carbonspan import CarbonSpanProcessor
from carbonspan.telemetry._contract import METRICS
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes(cached_input_tokens=1000, extra={"gen_ai.usage.cost": 0.006})


@pytest.fixture
def received() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    requests: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(
                ExportMetricsServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/metrics", requests
    server.shutdown()
    server.server_close()


HOSTILE = {
    **CHAT,
    "gen_ai.request.model": "gpt-\ud800",
    "gen_ai.response.model": "\udfff\x00",
    "gen_ai.agent.name": 'a\ud800\n"}{',
    "user.cohort": "eu-\ud800",
    "feature_flag.key": "f",
    "feature_flag.result.variant": "\ud800",
}
"""Halves of surrogate pairs wherever a label comes from."""


def spans_through(meters: MeterProvider, attributes: Mapping[str, Any] = CHAT) -> list[Any]:
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(CarbonSpanProcessor(meter_provider=meters, flags=["f"], cohorts=["user.cohort"]))
    made = [tracers.get_tracer(SCOPE).start_span("chat gpt-4o", attributes=attributes) for _ in range(3)]
    for span in made:
        span.end()
    return made


def test_over_otlp_with_exemplars(received: tuple[str, list[ExportMetricsServiceRequest]]) -> None:
    url, requests = received
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=url), export_interval_millis=3_600_000)
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    spans = spans_through(meters)
    spans_through(meters, HOSTILE)
    meters.shutdown()
    metrics = {m.name: m for q in requests for r in q.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert {m.name for m in METRICS} <= set(metrics)
    point, hostile = metrics["carbon.request.emissions"].histogram.data_points
    labels = {label.key: label.value.string_value for label in hostile.attributes}
    assert (hostile.count, labels["user.cohort"], labels["carbon.flag.f"]) == (3, "eu-?", "?")
    grams = sum(span.attributes["carbon.emissions.grams"] for span in spans)
    assert (point.count, point.sum) == (3, pytest.approx(grams))
    exemplars = {(e.trace_id, e.span_id) for e in point.exemplars}
    assert exemplars
    assert exemplars <= {
        (c.trace_id.to_bytes(16, "big"), c.span_id.to_bytes(8, "big"))
        for c in (span.get_span_context() for span in spans)
    }
    energy = metrics["carbon.energy"].sum
    assert energy.is_monotonic
    assert energy.data_points[0].as_double == pytest.approx(
        sum(3600 * span.attributes["carbon.energy.wh"] for span in spans)
    )


def test_as_prometheus_scrapes_them() -> None:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader  # noqa: PLC0415
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        spans = spans_through(meters)
        spans_through(meters, HOSTILE)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=60) as answer:
            page = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        meters.shutdown()
    grams = sum(span.attributes["carbon.emissions.grams"] for span in spans)
    total = re.search(r"^carbon_request_emissions_grams_sum\{(.*)\} (\S+)$", page, re.MULTILINE)
    assert total, page
    assert float(total[2]) == pytest.approx(grams)
    assert 'gen_ai_request_model="gpt-4o"' in total[1]
    assert 'carbon_region_name="US"' in total[1]
    for name in ("carbon_energy_joules_total", "carbon_water_L_total", "carbon_request_cost_USD_total"):
        assert re.search(rf"^{name}\{{.*\}} \S+$", page, re.MULTILINE), page
    assert 'user_cohort="eu-?"' in page
    assert re.search(r'^carbonspan_spans_total\{.*carbonspan_outcome="enriched".*\} 3\.0$', page, re.MULTILINE), page
