# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The exporter plugin: what it adds, what it keeps, what it leaves alone, and `OTEL_TRACES_EXPORTER=carbon_otlp`."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk._configuration import _import_exporters
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor
from carbonspan.core.values import Level
from carbonspan.otel.exporter import CarbonOTLPSpanExporter
from carbonspan.telemetry._contract import ATTRIBUTES, OF_PARTIAL_USAGE, TASK
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes(extra={"user.cohort": "enterprise"})
AGENT = {**CHAT, "gen_ai.operation.name": "invoke_agent"}
STANDARD = [
    *(
        a.name
        for a in ATTRIBUTES
        if a.level is not Level.FULL and a.name not in {"carbon.emissions.cache_savings_grams", *OF_PARTIAL_USAGE}
    ),
    *TASK,  # each of these spans is a local root
]
START_NS = 1_772_366_400_000_000_000  # 2026-03-01T12:00:00Z
LINKED = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1))


def ended(attributes: Mapping[str, Any] = CHAT, **more: Any) -> ReadableSpan:
    more.setdefault("context", SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))
    return ReadableSpan(
        "chat gpt-4o",
        attributes=attributes,
        resource=Resource.get_empty(),
        instrumentation_scope=InstrumentationScope(SCOPE, "1"),
        start_time=START_NS,
        end_time=START_NS + 10**9,
        **more,
    )


def through(exporter: CarbonSpanExporter, *spans: ReadableSpan) -> tuple[ReadableSpan, ...]:
    """Return what reaches the exporter inside."""
    inner = exporter._inner
    assert isinstance(inner, InMemorySpanExporter)
    inner.clear()
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    return inner.get_finished_spans()


def carbon(**options: Any) -> CarbonSpanExporter:
    return CarbonSpanExporter(InMemorySpanExporter(), **options)


def provider_of(*processors: Any, limits: SpanLimits | None = None) -> TracerProvider:
    provider = TracerProvider(resource=Resource.get_empty(), span_limits=limits, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def rich(inner: SpanExporter) -> None:
    """End one LLM span that has everything a span can have, and has lost one of each: attribute, event and link."""
    limits = SpanLimits(max_span_attributes=60, max_events=2, max_links=2)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(inner))
    tracer = provider.get_tracer(SCOPE, "1.2", "https://opentelemetry.io/schemas/1.30.0", {"a": 1})
    with tracer.start_as_current_span("parent"):
        span = tracer.start_span(
            "chat gpt-4o",
            kind=SpanKind.CLIENT,
            links=[Link(LINKED, {"n": n}) for n in range(3)],
            start_time=START_NS,
            attributes={f"user.{n}": n for n in range(61 - len(CHAT))},
        )
        span.set_attributes(CHAT)
        for n in range(3):
            span.add_event(f"event {n}", {"n": n}, timestamp=START_NS + n)
        span.set_status(Status(StatusCode.ERROR, "cut off"))
        span.end(START_NS + 10**9)
    provider.shutdown()


def test_a_copy_has_the_attributes_that_the_processor_would_have_written() -> None:
    processor, direct = CarbonSpanProcessor(), InMemorySpanExporter()
    rich_span = ended()
    provider = provider_of(processor, SimpleSpanProcessor(direct))
    provider.get_tracer(SCOPE, "1").start_span("chat", start_time=START_NS, attributes=CHAT).end(START_NS + 10**9)
    (written,) = direct.get_finished_spans()
    exporter = carbon()
    (exported,) = through(exporter, rich_span)
    assert list(exported.attributes or {}) == [*CHAT, *STANDARD]
    assert exported.attributes == written.attributes
    assert exporter.counts() == processor.counts() == {"enriched": 1}


@pytest.mark.filterwarnings("ignore:You should use instrumentation_scope")
def test_a_copy_keeps_all_else_that_a_span_has(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry.attributes")
    inner = InMemorySpanExporter()
    rich(inner)
    original = next(span for span in inner.get_finished_spans() if span.parent)
    before = dict(original.attributes or {})
    (copy,) = through(carbon(), original)
    assert copy is not original
    public = [name for name in dir(ReadableSpan) if not name.startswith("_") and name not in {"attributes", "to_json"}]
    assert {"dropped_events", "links", "instrumentation_info", "get_span_context"} < set(public)
    for name in public:
        got, expected = getattr(copy, name), getattr(original, name)
        assert (got() if callable(got) else got) == (expected() if callable(expected) else expected), name
    assert (copy.dropped_attributes, copy.dropped_events, copy.dropped_links) == (1, 1, 1)
    assert (len(copy.events), len(copy.links), copy.status.description) == (2, 2, "cut off")
    assert original.attributes == before
    assert (copy.attributes or {}).items() > before.items()
    assert '"carbon.emissions.grams"' in copy.to_json()


def test_what_is_not_to_be_changed_is_passed_on_itself() -> None:
    plain, tool = ended({"http.request.method": "GET"}), ended({"gen_ai.operation.name": "execute_tool"})
    done, role, empty = ended({**CHAT, "carbon.emissions.grams": 1.0}), ended({**CHAT, "carbon.role": "x"}), ended({})
    silent = ended({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    agent = ended({**AGENT, "carbon.emissions.grams": 1.0})
    exporter = carbon()
    spans = (plain, tool, done, role, empty, silent, agent)
    assert all(a is b for a, b in zip(through(exporter, *spans), spans, strict=True))
    assert exporter.counts() == {"already_enriched": 3, "no_usage": 1}


def test_a_span_that_repeats_its_childrens_usage_gets_its_role_and_no_grams_of_its_own() -> None:
    exporter = carbon()
    agent = SpanContext(1, 3, is_remote=False, trace_flags=TraceFlags(1))
    chat, span = through(exporter, ended(parent=agent), ended(AGENT, context=agent))
    grams = dict(chat.attributes or {})["carbon.emissions.grams"]
    got = dict(span.attributes or {})
    assert {key: got[key] for key in set(got) - set(AGENT)} == {
        "carbon.role": "container",
        "carbon.task.emissions.grams": grams,
        "carbon.task.energy.wh": dict(chat.attributes or {})["carbon.energy.wh"],
        "carbon.task.inferences": 1,
    }
    assert exporter.counts() == {"enriched": 1, "container": 1}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_processor_and_exporter_together_count_once(first: bool, batch: bool) -> None:  # noqa: FBT001
    totals = []
    for options in ({"region": "EU"}, None):  # other options than the processor's: a second count would show
        inner, processor = InMemorySpanExporter(), CarbonSpanProcessor()
        exporter: SpanExporter = CarbonSpanExporter(inner, **options) if options else inner  # type: ignore[arg-type]
        exporting = BatchSpanProcessor(exporter) if batch else SimpleSpanProcessor(exporter)
        provider = provider_of(*((processor, exporting) if first else (exporting, processor)))
        tracer = provider.get_tracer(SCOPE)
        agent = tracer.start_span("s", start_time=START_NS, attributes=AGENT)
        for attributes in (CHAT, {"plain": 1}):
            below = set_span_in_context(agent)
            tracer.start_span("s", below, start_time=START_NS, attributes=attributes).end(START_NS + 1)
        agent.end(START_NS + 2)
        provider.shutdown()
        spans = [dict(span.attributes or {}) for span in inner.get_finished_spans()]
        totals.append(spans)
        assert processor.counts() == {"enriched": 1, "container": 1}
        if isinstance(exporter, CarbonSpanExporter):
            assert exporter.counts() == {"already_enriched": 2}
    assert totals[0] == totals[1]


def test_an_exporter_around_an_exporter_counts_once() -> None:
    inner = carbon(region="EU")
    outer = CarbonSpanExporter(inner)
    outer.export([ended()])
    assert (outer.counts(), inner.counts()) == ({"enriched": 1}, {"already_enriched": 1})


def test_two_exporters_side_by_side_each_export_it_once() -> None:
    one, two = carbon(), carbon()
    provider = provider_of(SimpleSpanProcessor(one), SimpleSpanProcessor(two))
    provider.get_tracer(SCOPE).start_span("s", attributes=CHAT).end()
    for exporter in (one, two):
        assert exporter.counts() == {"enriched": 1}


def test_no_attribute_of_the_users_goes_and_what_does_not_fit_is_counted() -> None:
    exporter = carbon()
    full = {**CHAT, **{f"user.{n}": n for n in range(128 - len(CHAT))}}
    (span,) = through(exporter, ended(full))
    assert span.attributes == full
    assert exporter.counts() == {"enriched": 1, "attribute_limit": 1}
    nearly = dict(list(full.items())[:-2])
    (span,) = through(exporter, ended(nearly))
    assert list(span.attributes or {}) == [*nearly, *STANDARD[:2]]
    assert exporter.counts() == {"enriched": 2, "attribute_limit": 2}


def test_a_span_with_just_enough_room_is_not_limited() -> None:
    exporter = carbon()
    attributes = {**CHAT, **{f"user.{n}": n for n in range(128 - len(CHAT) - len(STANDARD))}}
    (span,) = through(exporter, ended(attributes))
    assert len(span.attributes or {}) == 128
    assert exporter.counts() == {"enriched": 1}


def test_a_span_over_the_environments_limit_has_another_limit() -> None:
    attributes = {**CHAT, **{f"user.{n}": n for n in range(500)}}
    exporter = carbon()
    (span,) = through(exporter, ended(attributes))
    assert list(span.attributes or {}) == [*attributes, *STANDARD]
    assert exporter.counts() == {"enriched": 1}


def test_the_limits_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", str(len(CHAT) + 4))
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")
    (span,) = through(carbon(), ended())
    got = dict(span.attributes or {})
    assert list(got) == [*CHAT, *STANDARD[:4]]
    assert got["carbon.intensity.quality"] == "mi"  # mix
    assert got["user.cohort"] == "enterprise"
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "")
    monkeypatch.setattr("carbonspan.otel.exporter.SpanLimits", lambda: SpanLimits(max_span_attributes=SpanLimits.UNSET))
    (span,) = through(carbon(), ended({**CHAT, **{f"user.{n}": n for n in range(122)}}))
    assert len(span.attributes or {}) == 128 + len(STANDARD)


def test_an_attribute_of_the_same_name_stays_the_users() -> None:
    (span,) = through(carbon(), ended({**CHAT, "carbon.water.ml": "ours"}))
    got = dict(span.attributes or {})
    assert got["carbon.water.ml"] == "ours"
    assert set(got) == {*CHAT, *STANDARD}


def test_a_span_without_a_start_takes_the_hour_of_its_end() -> None:
    (span,) = through(carbon(), ReadableSpan("chat", attributes=CHAT, end_time=START_NS))
    assert (span.attributes or {})["carbon.intensity.hour"] == "2026-03-01T12:00:00Z"
    assert span.start_time is None


class PublicOnly:
    """A span that has what the SDK's documentation promises, and nothing behind it."""

    dropped_attributes = dropped_events = dropped_links = 3
    name, context, parent, kind = "chat", None, None, SpanKind.CLIENT
    status, resource = Status(StatusCode.OK), Resource.get_empty()
    events, links = (Event("e"),), (Link(LINKED),)
    start_time, end_time = START_NS, START_NS + 1
    instrumentation_scope = InstrumentationScope(SCOPE)
    attributes = CHAT


def test_the_public_api_is_all_it_needs() -> None:
    (span,) = through(carbon(), PublicOnly())  # type: ignore[arg-type]
    assert set(span.attributes or {}) == {*CHAT, *STANDARD}
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (3, 3, 3)
    assert (span.events, span.links, span.status.status_code) == (PublicOnly.events, PublicOnly.links, StatusCode.OK)


class Broken(ReadableSpan):
    @property
    def links(self) -> Sequence[Link]:
        raise RuntimeError("a subclass of somebody's")


def test_a_span_it_cannot_handle_is_exported_as_it_is_and_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    bad = [Broken("s", attributes=CHAT), Broken("s", attributes=CHAT), object(), None]
    exporter = carbon()
    *same, good = through(exporter, *bad, ended())  # type: ignore[arg-type]
    assert all(a is b for a, b in zip(same, bad, strict=True))
    assert "carbon.emissions.grams" in (good.attributes or {})
    assert exporter.counts() == {"error": 4, "enriched": 1}
    assert caplog.text.count("carbonspan left a span as it was") == 2  # RuntimeError and AttributeError


class Inner(SpanExporter):
    """Says what it was asked, and answers or raises as told."""

    def __init__(self, *, result: SpanExportResult = SpanExportResult.SUCCESS, error: Exception | None = None) -> None:
        self.result, self.error = result, error
        self.asked: list[object] = []

    def _answer(self, question: object) -> None:
        self.asked.append(question)
        if self.error:
            raise self.error

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._answer(len(spans))
        return self.result

    def shutdown(self) -> None:
        self._answer("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self._answer(timeout_millis)
        return False


class Hurrying(Inner):
    def shutdown(self, timeout_millis: float = 30000) -> None:
        self._answer(("shutdown", timeout_millis))


def test_it_answers_as_the_exporter_inside_does() -> None:
    inner = Inner(result=SpanExportResult.FAILURE)
    exporter = CarbonSpanExporter(inner)
    assert exporter.export([ended(), ended({})]) is SpanExportResult.FAILURE
    assert exporter.force_flush(17) is False
    exporter.shutdown()
    exporter.shutdown(timeout_millis=3)
    assert inner.asked == [2, 17, "shutdown", "shutdown"]
    hurrying = Hurrying()
    CarbonSpanExporter(CarbonSpanExporter(hurrying)).shutdown(timeout_millis=5)
    CarbonSpanExporter(hurrying).shutdown()
    assert hurrying.asked == [("shutdown", 5), ("shutdown", 30000)]


def test_the_sdk_tells_the_exporter_inside_how_long_it_has() -> None:
    for inner, known in ((Hurrying(), True), (Inner(), False)):
        provider = provider_of(BatchSpanProcessor(CarbonSpanExporter(inner)))
        provider.get_tracer(SCOPE).start_span("s", attributes=CHAT).end()
        provider.shutdown()
        assert inner.asked[0] == 1
        assert isinstance(inner.asked[1], tuple) is known


def test_what_the_exporter_inside_raises_is_raised() -> None:
    exporter = CarbonSpanExporter(Inner(error=ConnectionError("refused")))
    for call in (lambda: exporter.export([ended()]), exporter.force_flush, exporter.shutdown):
        with pytest.raises(ConnectionError, match="refused"):
            call()
    assert exporter.counts() == {"enriched": 1}


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"'pue' is 9; allowed: a number from 1 to 3"):
        CarbonSpanExporter(Inner(), pue=9)
    assert CarbonSpanExporter(Inner(), pue=1.3).settings.pue == 1.3


def test_many_threads_count_exactly() -> None:
    exporter = carbon()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: exporter.export([ended()]), range(400)))
    assert exporter.counts()["enriched"] == 400


names = st.sampled_from([*CHAT, *STANDARD, "carbon.role", "cloud.region", "server.address", "x"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.sampled_from(list(CHAT.values())))
nanoseconds = st.one_of(st.none(), st.integers(min_value=-(10**20), max_value=10**20))
EXPORTER = carbon(attributes="full")


@settings(deadline=None)
@given(st.lists(st.dictionaries(names, values), max_size=3), nanoseconds, nanoseconds)
def test_arbitrary_spans_all_arrive_in_order_with_all_they_had(
    batch: list[dict[str, Any]], start_ns: int | None, end_ns: int | None
) -> None:
    before = EXPORTER.counts().get("error", 0)
    spans = [
        ReadableSpan(str(n), attributes=attributes, start_time=start_ns, end_time=end_ns, resource=Resource.get_empty())
        for n, attributes in enumerate(batch)
    ]
    got = through(EXPORTER, *spans)
    assert [span.name for span in got] == [span.name for span in spans]
    for span, attributes in zip(got, batch, strict=True):
        for key, value in attributes.items():
            assert (span.attributes or {})[key] is value
    assert EXPORTER.counts().get("error", 0) == before


# --- OTEL_TRACES_EXPORTER=carbon_otlp -------------------------------------------------------------------------------

APPLICATION = """
from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
tracer = trace.get_tracer("opentelemetry.instrumentation.genai.openai", "1.2")
with tracer.start_as_current_span("request"):
    linked = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span("chat gpt-4o", links=[Link(linked)]) as span:
        span.set_attributes({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300,
        })
        span.add_event("first token")
        span.add_event("last token")
        span.set_status(Status(StatusCode.ERROR, "cut off"))
print("ran on")
"""
# What a distro's configurator does, without a distro.
CONFIGURED = f"""
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
class Configurator(_OTelSDKConfigurator): pass
Configurator().configure()
{APPLICATION}
"""


class Collector:
    """An OpenTelemetry Collector's receivers on loopback: keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def spans(self) -> dict[str, Any]:
        """Return the spans received, by name."""
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


def attributes_of(span: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


@contextmanager
def http_collector() -> Iterator[tuple[Collector, str]]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests.append(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_collector() -> Iterator[tuple[Collector, str]]:
    grpc = importlib.import_module("grpc")
    collector = Collector()

    def receive(request: Any, _context: object) -> Any:
        collector.requests.append(request)
        return ExportTraceServiceResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        receive, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
    )
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def run(*command: str, **environment: str) -> str:
    """Run an application with `carbon_otlp`; return what it logged."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "CARBONSPAN_", "COVERAGE_"))}
    fixed = {"OTEL_TRACES_EXPORTER": "carbon_otlp", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    done = subprocess.run(  # noqa: S603 - our own code
        [*command], env={**kept, **fixed, **environment}, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "ran on\n"
    return done.stderr


def assert_whole(span: Any) -> None:
    assert set(STANDARD) - set(TASK) < set(attributes_of(span))
    assert [event.name for event in span.events] == ["last token"]
    assert (span.dropped_events_count, len(span.links), span.status.message) == (1, 1, "cut off")
    assert span.parent_span_id


@pytest.mark.parametrize(
    ("collecting", "protocol"),
    [
        (http_collector, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}),
        (
            http_collector,
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": " http/protobuf ", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        ),
        (grpc_collector, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}),
        (grpc_collector, {}),
    ],
    ids=["http", "http for traces", "grpc", "default"],
)
def test_the_sdks_configuration_exports_over_the_protocol_of_the_standard_variables(
    collecting: Any, protocol: dict[str, str]
) -> None:
    with collecting() as (collector, endpoint):
        logged = run(
            *(sys.executable, "-W", "error", "-c", CONFIGURED),
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_SPAN_EVENT_COUNT_LIMIT="1",
            **protocol,
        )
    assert logged == ""
    spans = collector.spans()
    assert set(spans) == {"request", "chat gpt-4o"}
    assert_whole(spans["chat gpt-4o"])
    assert set(attributes_of(spans["request"])) == {*TASK}  # the local root


def instrumented(path: Path, **environment: str) -> tuple[Collector, str]:
    path.write_text(APPLICATION, encoding="utf-8")
    with http_collector() as (collector, endpoint):
        logged = run(
            *(str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, str(path)),
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_SPAN_EVENT_COUNT_LIMIT="1",
            **environment,
        )
    return collector, logged


def test_an_application_under_opentelemetry_instrument(tmp_path: Path) -> None:
    # Without carbonspan's own instrumentor, which would have done the work before.
    collector, logged = instrumented(tmp_path / "app.py", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="carbonspan")
    assert_whole(collector.spans()["chat gpt-4o"])
    assert "carbonspan" not in logged


def test_under_opentelemetry_instrument_a_wrong_variable_is_one_line(tmp_path: Path) -> None:
    collector, logged = instrumented(
        tmp_path / "app.py", CARBONSPAN_PUE="nine", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="carbonspan"
    )
    assert set(attributes_of(collector.spans()["chat gpt-4o"])) == {*CHAT} - {"user.cohort"}
    (line,) = [line for line in logged.splitlines() if "carbonspan" in line]
    assert "CARBONSPAN_PUE is 'nine'" in line
    assert "allowed: a number from 1 to 3. carbon_otlp exports without carbon" in line


def test_under_opentelemetry_instrument_with_the_instrumentor_it_counts_once(tmp_path: Path) -> None:
    collector, logged = instrumented(tmp_path / "app.py", CARBONSPAN_REGION="EU")
    span = collector.spans()["chat gpt-4o"]
    assert_whole(span)
    names = [pair.key for pair in span.attributes]
    assert len(names) == len(set(names))
    assert attributes_of(span)["carbon.region.name"] == "EU"
    assert "carbonspan" not in logged


DECLARED = """
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          carbon_otlp:
            attributes: minimal
            {option}
"""


@pytest.mark.parametrize(
    ("option", "added", "says"),
    [("region: EU", STANDARD[:4], ""), ("pue: 9", [], "option 'pue' is 9; allowed: a number from 1 to 3")],
)
def test_a_declarative_file_gives_options(tmp_path: Path, option: str, added: list[str], says: str) -> None:
    (tmp_path / "otel.yaml").write_text(DECLARED.format(option=option), encoding="utf-8")
    with http_collector() as (collector, endpoint):
        logged = run(
            *(sys.executable, "-c", CONFIGURED),
            OTEL_CONFIG_FILE=str(tmp_path / "otel.yaml"),
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        )
    got = attributes_of(collector.spans()["chat gpt-4o"])
    assert set(got) == {*CHAT, *added} - {"user.cohort"}
    assert [line for line in logged.splitlines() if "carbonspan" in line] == [
        f"carbonspan: {says}. carbon_otlp exports without carbon" for _ in [says] if says
    ]


def test_the_sdk_finds_it_by_its_entry_point() -> None:
    traces, _, _ = _import_exporters(["carbon_otlp"], [], [])
    assert traces == {"carbon_otlp": CarbonOTLPSpanExporter}


@pytest.fixture
def otlp_over_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with http_collector() as (collector, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", raising=False)
        yield collector


def export_one(**options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the session of OTLP's own client
        exporter = CarbonOTLPSpanExporter(**options)
        assert exporter.export([ended()]) is SpanExportResult.SUCCESS
        assert exporter.force_flush() is True
        exporter.shutdown()


def test_options_of_a_declarative_file_win_over_the_environment(
    otlp_over_http: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARBONSPAN_ATTRIBUTES", "minimal")
    monkeypatch.setenv("CARBONSPAN_REGION", "nowhere")
    export_one(attributes=None, region="EU")
    got = attributes_of(otlp_over_http.spans()["chat gpt-4o"])
    assert set(got) == {*CHAT, *STANDARD[:4]}
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"pue": 9}, "option 'pue' is 9; allowed: a number from 1 to 3"),
        ({"regoin": "EU"}, "unknown option 'regoin'; did you mean 'region'? Allowed: attributes, basis"),
    ],
)
def test_with_a_wrong_option_spans_are_exported_without_carbon(
    otlp_over_http: Collector, option: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    export_one(**option)
    assert attributes_of(otlp_over_http.spans()["chat gpt-4o"]) == CHAT
    (record,) = caplog.records
    assert says in record.getMessage()
    assert "carbon_otlp exports without carbon" in record.getMessage()


def test_an_unknown_protocol_is_ignored_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    class EntryPoint:
        load = staticmethod(lambda: Inner)

    def entry_points(*, group: str, name: str) -> list[EntryPoint]:
        asked.append(f"{group}: {name}")
        return [EntryPoint()]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
    CarbonOTLPSpanExporter()
    assert asked == ["opentelemetry_traces_exporter: otlp_proto_grpc"]
    (record,) = caplog.records
    assert record.getMessage() == (
        "carbonspan: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'http/json'; allowed: grpc, http/protobuf. Using grpc"
    )


@pytest.mark.parametrize("broken", [False, True])
def test_without_the_otlp_package_the_application_runs_on(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: bool,  # noqa: FBT001
) -> None:
    class EntryPoint:
        def load(self) -> None:
            raise ImportError("No module named 'grpc'")

    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [EntryPoint()] if broken else [])
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)
    exporter = CarbonOTLPSpanExporter()
    assert exporter.export([ended()]) is SpanExportResult.FAILURE
    assert exporter.force_flush() is True
    exporter.shutdown()
    (record,) = caplog.records
    why = "No module named 'grpc'" if broken else "not installed"
    assert record.getMessage() == (
        "carbonspan: no spans are exported by carbon_otlp: protocol grpc needs the package "
        f"opentelemetry-exporter-otlp-proto-grpc ({why}). Install it, or set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL; "
        "allowed: grpc, http/protobuf"
    )
