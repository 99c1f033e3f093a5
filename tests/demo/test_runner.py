# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the agent is run: real SDKs on loopback only, and spans by OTLP where an endpoint is set."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console

from carbonspan import demo
from carbonspan.demo import DemoError
from carbonspan.demo._runner import endpoint
from tests.demo.running import demo_run, model_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.demo import DemoResult

OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_each_call_is_one_span_of_a_real_instrumentation(result: DemoResult) -> None:
    scopes = [span.instrumentation_scope.name for span in model_calls(result) if span.instrumentation_scope]
    assert scopes.count("opentelemetry.instrumentation.genai.openai") == 4 * 5
    assert scopes.count("opentelemetry.instrumentation.genai.anthropic") == 4 * 7
    assert len(scopes) == 48
    assert not any(
        "anthropic.sdk" in span.instrumentation_scope.name for span in result.spans if span.instrumentation_scope
    )
    assert len({(span.attributes or {})["gen_ai.response.id"] for span in model_calls(result)}) == 48


def test_nothing_but_loopback_is_connected_to(result: DemoResult) -> None:
    connected = demo_run()[2]
    assert result.export is None
    assert connected
    assert {address[0] for address in connected} == {"127.0.0.1"}


class _Collector(BaseHTTPRequestHandler):
    received: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ExportTraceServiceRequest]]:
    received: list[ExportTraceServiceRequest] = []
    handler = type("Handler", (_Collector,), {"received": received})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv(OTLP, f"http://127.0.0.1:{server.server_port}")
        yield received
        server.shutdown()
        thread.join()


def test_an_endpoint_receives_the_spans_with_their_carbon(
    result: DemoResult, collector: list[ExportTraceServiceRequest]
) -> None:
    text = StringIO()
    again = demo.run(Console(file=text, width=100))

    resources = [resource for request in collector for resource in request.resource_spans]
    assert {
        attribute.value.string_value
        for resource in resources
        for attribute in resource.resource.attributes
        if attribute.key == "service.name"
    } == {"carbonspan-demo"}
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    grams = [
        attribute.value.double_value
        for span in spans
        for attribute in span.attributes
        if attribute.key == "carbon.emissions.grams"
    ]
    assert len(spans) == len(again.spans) == 196
    assert len(grams) == 48
    assert sum(grams) == pytest.approx(sum(run.amounts.emissions_g.central for run in again.runs))
    assert again.export
    assert (again.export.sent, again.export.failed) == (196, 0)
    assert "196 spans were sent to http://127.0.0.1:" in text.getvalue()

    # The same tokens, run after run.
    counts = [
        [
            [(call.model, call.amounts.input_tokens, call.amounts.cached_tokens, call.amounts.output_tokens)]
            for of_variant in once.runs
            for phase in of_variant.phases
            for call in phase.calls
        ]
        for once in (result, again)
    ]
    assert counts[0] == counts[1]


def test_an_endpoint_nobody_listens_at_is_reported_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv(OTLP, f"http://user:secret@127.0.0.1:{port}")
    text = StringIO()
    result = demo.run(Console(file=text, width=100))
    assert result.export
    assert (result.export.sent, result.export.failed) == (0, 196)
    assert "196 of 196 spans did not reach" in text.getvalue()
    assert "secret" not in text.getvalue()
    assert result.seconds < 20


@pytest.mark.parametrize(
    ("url", "shown_as"),
    [
        ("", ""),
        ("http://localhost:4318", "http://localhost:4318"),
        ("https://user:secret@otlp.example.com/v1?token=secret", "https://otlp.example.com"),
        ("no url, but a secret", "an address that is not a URL"),
    ],
)
def test_the_endpoint_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch, url: str, shown_as: str) -> None:
    monkeypatch.setenv(OTLP, url)
    assert endpoint() == shown_as


def test_the_endpoint_for_traces_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OTLP, "http://localhost:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:9999/v1/traces")
    assert endpoint() == "http://localhost:9999"


@pytest.mark.parametrize("module", ["openai", "anthropic", "opentelemetry.exporter.otlp.proto.http"])
def test_a_missing_package_is_named_with_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setenv(OTLP, "http://localhost:4318")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DemoError, match=r"pip install 'carbonspan\[demo\]'.*" + module):
        demo.run(Console(file=StringIO()))


def test_tracing_switched_off_is_told_apart_from_no_emissions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    text = StringIO()
    with pytest.raises(DemoError, match="OTEL_SDK_DISABLED is true"):
        demo.run(Console(file=text))
    assert text.getvalue() == ""


def test_a_missing_package_is_named_before_anything_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.demo._runner.find_spec", lambda _: None)
    text = StringIO()
    with pytest.raises(DemoError, match=r"pip install 'carbonspan\[demo\]' \(openai is missing\)"):
        demo.run(Console(file=text))
    assert text.getvalue() == ""


def test_sdks_instrumented_for_another_provider_are_taken_over_and_left_bare() -> None:
    import openai  # noqa: PLC0415 - the demo's own imports come first, as in use
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415

    OpenAIInstrumentor().instrument()
    assert hasattr(openai.resources.chat.completions.Completions.create, "__wrapped__")
    text = StringIO()
    result = demo.run(Console(file=text, width=100, force_terminal=True))
    assert len(model_calls(result)) == 48
    assert not OpenAIInstrumentor().is_instrumented_by_opentelemetry
    assert "168/168" in text.getvalue()


def test_a_global_provider_gets_no_second_span_from_the_sdk_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    # Set only for this test: `set_tracer_provider` may be called once a process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    trace.get_tracer("a witness that the provider is global").start_span("witness").end()
    result = demo.run(Console(file=StringIO()))
    assert [span.name for span in memory.get_finished_spans()] == ["witness"]
    assert len(model_calls(result)) == 48
