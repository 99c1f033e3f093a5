# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The demo as a whole, on the real SDKs and their real instrumentations."""

from __future__ import annotations

import gzip
import os
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
from carbonspan.demo import DemoError, DemoResult
from carbonspan.demo._otlp import endpoint
from carbonspan.demo._variants import ENTERPRISE, FREE, FRONTIER, RIGHT_SIZED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"

# A machine set up for real use, in every way that could lead the demo astray.
ASTRAY = {
    "OPENAI_API_KEY": "sk-a-real-key",
    "OPENAI_BASE_URL": "http://192.0.2.1/v1",
    "ANTHROPIC_API_KEY": "sk-ant-a-real-key",
    "ANTHROPIC_BASE_URL": "http://192.0.2.1",
    "ANTHROPIC_OPEN_TELEMETRY": "true",
    "HTTP_PROXY": "http://192.0.2.1:3128",
    "HTTPS_PROXY": "http://192.0.2.1:3128",
    "OTEL_TRACES_SAMPLER": "always_off",
    "CARBONSPAN_ATTRIBUTES": "minimal",
}

_connected: list[Any] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        _connected.append(arguments[1])


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def shown() -> tuple[DemoResult, str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ASTRAY.items():
            patch.setenv(name, value)
        sys.addaudithook(_watch)
        _connected.clear()
        text = StringIO()
        result = demo.run(Console(file=text, width=100))
        assert os.environ["ANTHROPIC_OPEN_TELEMETRY"] == "true"
    return result, text.getvalue()


@pytest.fixture(scope="module")
def result(shown: tuple[DemoResult, str]) -> DemoResult:
    return shown[0]


def _calls(result: DemoResult) -> list[ReadableSpan]:
    return [span for span in result.spans if span.attributes and "gen_ai.usage.input_tokens" in span.attributes]


def test_there_is_one_run_per_variant_and_cohort_with_twelve_model_calls_and_thirty_tools(result: DemoResult) -> None:
    assert [(run.variant, run.cohort) for run in result.runs] == [
        (FRONTIER.name, FREE.name),
        (FRONTIER.name, ENTERPRISE.name),
        (RIGHT_SIZED.name, FREE.name),
        (RIGHT_SIZED.name, ENTERPRISE.name),
    ]
    assert [(run.amounts.model_calls, run.tool_calls) for run in result.runs] == [(12, 30)] * 4
    assert len({run.trace_id for run in result.runs}) == 4


def test_each_call_is_one_span_of_a_real_instrumentation(result: DemoResult) -> None:
    scopes = [span.instrumentation_scope.name for span in _calls(result) if span.instrumentation_scope]
    assert scopes.count("opentelemetry.instrumentation.genai.openai") == 4 * 5
    assert scopes.count("opentelemetry.instrumentation.genai.anthropic") == 4 * 7
    assert len(scopes) == 48
    assert not any(
        "anthropic.sdk" in span.instrumentation_scope.name for span in result.spans if span.instrumentation_scope
    )
    assert len({(span.attributes or {})["gen_ai.response.id"] for span in _calls(result)}) == 48


def test_one_call_a_run_is_streamed_and_still_has_its_usage(result: DemoResult) -> None:
    streamed = [
        span.attributes or {} for span in _calls(result) if (span.attributes or {}).get("gen_ai.request.stream")
    ]
    assert len(streamed) == 4
    assert all(int(str(attributes["gen_ai.usage.output_tokens"])) > 0 for attributes in streamed)


def test_every_model_call_carries_carbon_and_nothing_else_does(result: DemoResult) -> None:
    with_carbon = [span for span in result.spans if "carbon.emissions.grams" in (span.attributes or {})]
    assert with_carbon == _calls(result)
    assert all(run.amounts.estimated_calls == 12 for run in result.runs)


def test_a_run_sums_to_its_spans(result: DemoResult) -> None:
    for of_variant in result.runs:
        attributes = [
            dict(span.attributes or {})
            for span in _calls(result)
            if span.context and span.context.trace_id == of_variant.trace_id
        ]
        amounts = of_variant.amounts
        for key, total in (
            ("gen_ai.usage.input_tokens", amounts.input_tokens),
            ("gen_ai.usage.output_tokens", amounts.output_tokens),
            ("carbon.energy.wh", amounts.energy_wh.central),
            ("carbon.energy.low_wh", amounts.energy_wh.low),
            ("carbon.energy.high_wh", amounts.energy_wh.high),
            ("carbon.emissions.grams", amounts.emissions_g.central),
            ("carbon.emissions.low_grams", amounts.emissions_g.low),
            ("carbon.emissions.high_grams", amounts.emissions_g.high),
            ("carbon.emissions.avoided_grams", amounts.avoided_g),
            ("carbon.water.ml", amounts.water_ml),
        ):
            assert total > 0
            assert total == pytest.approx(sum(float(str(of_span.get(key, 0))) for of_span in attributes))
        assert amounts.emissions_g.low < amounts.emissions_g.central < amounts.emissions_g.high


@pytest.mark.parametrize("cohort", [FREE.name, ENTERPRISE.name])
def test_right_sized_emits_less_for_the_same_work(result: DemoResult, cohort: str) -> None:
    frontier, right_sized = (result.run_of(variant.name, cohort).amounts for variant in (FRONTIER, RIGHT_SIZED))
    assert right_sized.emissions_g.central < 0.8 * frontier.emissions_g.central
    assert right_sized.input_tokens == frontier.input_tokens
    assert right_sized.output_tokens == frontier.output_tokens


def test_enterprise_asks_for_more_and_the_context_grows(result: DemoResult) -> None:
    free, enterprise = (result.run_of(FRONTIER.name, cohort.name) for cohort in (FREE, ENTERPRISE))
    assert enterprise.amounts.input_tokens > 1.5 * free.amounts.input_tokens
    for phase in (enterprise.phases[1], enterprise.phases[2]):
        tokens = [call.amounts.input_tokens for call in phase.calls]
        assert tokens == sorted(tokens)
        assert len(set(tokens)) == len(tokens)
    assert enterprise.phases[-1].amounts.input_tokens > 10 * enterprise.phases[0].amounts.input_tokens


def test_no_run_finds_its_prompts_cached_by_another(result: DemoResult) -> None:
    first_calls = [(run.phases[0].calls[0], run.phases[2].calls[0]) for run in result.runs]
    assert all(call.amounts.cached_tokens == 0 for pair in first_calls for call in pair)
    assert all(run.amounts.cached_tokens > 0.2 * run.amounts.input_tokens for run in result.runs)


def test_only_reasoning_models_are_billed_for_reasoning(result: DemoResult) -> None:
    for call in (call for run in result.runs for phase in run.phases for call in phase.calls):
        assert call.amounts.reasoning_tokens < call.amounts.output_tokens
        if call.model.startswith("claude"):
            assert call.amounts.reasoning_tokens == 0
    assert all(run.phases[0].amounts.reasoning_tokens > 0 for run in result.runs)


def test_the_root_says_feature_cohort_and_flag_as_the_conventions_do(result: DemoResult) -> None:
    roots = [span for span in result.spans if span.parent is None]
    assert len(roots) == 4
    for root, of_variant in zip(sorted(roots, key=lambda span: span.start_time or 0), result.runs, strict=True):
        attributes = dict(root.attributes or {})
        assert root.name == "invoke_agent customer-research"
        assert attributes["gen_ai.operation.name"] == "invoke_agent"
        assert attributes["gen_ai.agent.name"] == "customer-research"
        assert attributes["app.feature"] == "account-brief"
        assert attributes["user.cohort"] == of_variant.cohort
        assert attributes["feature_flag.result.variant"] == of_variant.variant
        (event,) = root.events
        assert event.name == "feature_flag.evaluation"
        assert (event.attributes or {})["feature_flag.key"] == attributes["feature_flag.key"]
        assert (event.attributes or {})["feature_flag.result.variant"] == of_variant.variant


def test_nothing_but_loopback_is_connected_to(result: DemoResult) -> None:
    assert result.export is None
    assert _connected
    assert {address[0] for address in _connected} == {"127.0.0.1"}


def test_it_takes_less_than_twenty_seconds(result: DemoResult) -> None:
    assert result.seconds < 20


def test_a_log_gets_plain_text_within_its_width(shown: tuple[DemoResult, str]) -> None:
    result, text = shown
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 100
    for needle in (
        "... right-sized, enterprise",
        "invoke_agent customer-research",
        "chat claude-haiku-4-5",
        "11 execute_tool: 2 crm_search, 2 ticket_search, 2 web_search, 5 fetch_page",
        "low–high",
        "docs/explanation/methodology.md",
        "48 model calls, 120 tool calls, 196 spans",
    ):
        assert needle in text
    assert f"{result.run_of(RIGHT_SIZED.name, ENTERPRISE.name).amounts.input_tokens:,}" in text


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
        ("no url, but a secret", "an address that is no URL"),
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
    monkeypatch.setattr("carbonspan.demo._workbench.find_spec", lambda _: None)
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
    assert len(_calls(result)) == 48
    assert not OpenAIInstrumentor().is_instrumented_by_opentelemetry
    assert "168/168" in text.getvalue()


def test_a_global_provider_gets_no_second_span_from_the_sdk_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    # Set for this test alone: `set_tracer_provider` may be called once a process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    trace.get_tracer("a witness that the provider is global").start_span("witness").end()
    result = demo.run(Console(file=StringIO()))
    assert [span.name for span in memory.get_finished_spans()] == ["witness"]
    assert len(_calls(result)) == 48


def test_a_recording_holds_the_result_and_no_progress() -> None:
    console = Console(file=StringIO(), width=100, force_terminal=True, record=True)
    demo.run(console)
    text = console.export_text(clear=False)
    assert "/168" not in text
    assert "..." not in text
    assert "gpt-5-mini" in console.export_svg(title="carbonspan demo")
