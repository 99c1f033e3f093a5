# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The instrumentor in one process: which provider gets the processor, once, and what is left when it is taken back."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined] # the module is typed as a whole
    BaseInstrumentor,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_tracer_provider as imported_before
from opentelemetry.util._once import Once

import carbonspan
from carbonspan import CarbonInstrumentor, CarbonSpanProcessor
from carbonspan.otel import instrumentor as module
from carbonspan.otel._writeback import Path
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT = llm_attributes()
SETTER = trace._set_tracer_provider


@pytest.fixture(autouse=True)
def nothing_global(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    yield
    CarbonInstrumentor().uninstrument()
    assert trace._set_tracer_provider is SETTER


def make_provider(
    *processors: SpanProcessor, multi: ConcurrentMultiSpanProcessor | None = None
) -> tuple[TracerProvider, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False, active_span_processor=multi)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for processor in processors:
        provider.add_span_processor(processor)
    return provider, exporter


def processors_of(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    return provider._active_span_processor._span_processors


def ours(provider: TracerProvider) -> list[CarbonSpanProcessor]:
    return [one for one in processors_of(provider) if isinstance(one, CarbonSpanProcessor)]


def chat(exporter: InMemorySpanExporter, provider: trace.TracerProvider | None = None) -> ReadableSpan:
    trace.get_tracer("test", tracer_provider=provider).start_span("chat gpt-4o", attributes=CHAT).end()
    return exporter.get_finished_spans()[-1]


def grams(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("carbon.emissions.grams")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_present_provider_gets_one_processor(caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter = make_provider()
    trace.set_tracer_provider(provider)
    assert not CarbonInstrumentor().is_instrumented_by_opentelemetry
    CarbonInstrumentor().instrument()
    CarbonInstrumentor().instrument(region="EU")  # changes nothing
    assert CarbonInstrumentor().is_instrumented_by_opentelemetry
    assert len(ours(provider)) == 1
    assert grams(chat(exporter)) > 0
    assert lines(caplog) == []


@pytest.mark.parametrize("public", [True, False])
def test_a_provider_set_later_gets_it(*, public: bool) -> None:
    provider, exporter = make_provider()
    tracer = trace.get_tracer("made before")
    CarbonInstrumentor().instrument()
    (trace.set_tracer_provider if public else imported_before)(provider)
    tracer.start_span("chat gpt-4o", attributes=CHAT).end()
    assert grams(exporter.get_finished_spans()[-1]) > 0
    assert len(ours(provider)) == 1


def test_a_provider_named_by_the_environment_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_TRACER_PROVIDER", "sdk_tracer_provider")
    CarbonInstrumentor().instrument()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    assert len(ours(provider)) == 1
    provider.shutdown()


def test_a_second_provider_that_is_refused_gets_none(caplog: pytest.LogCaptureFixture) -> None:
    first, second = make_provider()[0], make_provider()[0]
    CarbonInstrumentor().instrument()
    trace.set_tracer_provider(first)
    trace.set_tracer_provider(second)
    assert lines(caplog) == ["Overriding of current TracerProvider is not allowed"]
    assert (len(ours(first)), len(ours(second))) == (1, 0)


def test_a_provider_that_shows_no_processors_gets_one_too() -> None:
    provider, exporter = make_provider()
    CarbonInstrumentor().instrument()
    trace.set_tracer_provider(Wrapper(provider))  # type: ignore[arg-type]
    trace.set_tracer_provider(make_provider()[0])  # refused: the first is still the one
    assert len(ours(provider)) == 1
    assert grams(chat(exporter)) > 0


def test_another_provider_may_be_given() -> None:
    provider, exporter = make_provider()
    CarbonInstrumentor().instrument(tracer_provider=provider)
    assert grams(chat(exporter, provider)) > 0
    trace.set_tracer_provider(make_provider()[0])
    assert ours(trace.get_tracer_provider()) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("concurrent", [False, True])
def test_it_is_first_where_the_order_matters(monkeypatch: pytest.MonkeyPatch, *, concurrent: bool) -> None:
    monkeypatch.setattr(module, "path", lambda: Path.REBIND_END)
    multi = ConcurrentMultiSpanProcessor() if concurrent else None
    provider, exporter = make_provider(SpanProcessor(), multi=multi)
    trace.set_tracer_provider(provider)
    before = processors_of(provider)
    CarbonInstrumentor().instrument()
    assert processors_of(provider)[1:] == before
    assert isinstance(processors_of(provider)[0], CarbonSpanProcessor)
    assert grams(chat(exporter)) > 0
    provider.shutdown()


class Wrapper:
    """A provider that takes processors and shows none, as Logfire's does."""

    def __init__(self, provider: TracerProvider) -> None:
        self._wrapped = provider
        self.add_span_processor = provider.add_span_processor
        self.get_tracer = provider.get_tracer


def test_where_it_cannot_be_first_and_must_be_it_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "path", lambda: Path.REBIND_END)
    CarbonInstrumentor().instrument(tracer_provider=Wrapper(make_provider()[0]))
    assert len(lines(caplog)) == 1
    assert "before the exporting processor" in lines(caplog)[0]


def test_uninstrument_leaves_nothing_behind() -> None:
    provider, exporter = make_provider(SpanProcessor())
    trace.set_tracer_provider(provider)
    before = processors_of(provider)
    CarbonInstrumentor().instrument()
    CarbonInstrumentor().uninstrument()
    assert processors_of(provider) == before
    assert trace._set_tracer_provider is SETTER
    assert not CarbonInstrumentor().is_instrumented_by_opentelemetry
    assert grams(chat(exporter)) is None
    CarbonInstrumentor().uninstrument()  # twice is no error
    CarbonInstrumentor().instrument(region="EU")
    assert len(ours(provider)) == 1
    assert (chat(exporter).attributes or {})["carbon.region.name"] == "EU"


def test_uninstrument_before_any_provider_leaves_the_later_one_alone() -> None:
    provider, exporter = make_provider()
    CarbonInstrumentor().instrument()
    CarbonInstrumentor().uninstrument()
    trace.set_tracer_provider(provider)
    assert ours(provider) == []
    assert grams(chat(exporter)) is None


@pytest.mark.parametrize("sdk_before_1_40", [False, True])
def test_uninstrument_silences_a_processor_that_its_provider_keeps(*, sdk_before_1_40: bool) -> None:
    provider, exporter = make_provider()
    CarbonInstrumentor().instrument(tracer_provider=Wrapper(provider))
    (processor,) = ours(provider)
    CarbonInstrumentor().uninstrument()
    assert ours(provider) == [processor]
    span = chat(exporter, provider)
    if sdk_before_1_40:
        processor.on_end(span)
    assert grams(span) is None
    assert processor.counts() == {}


def test_a_hook_of_another_stays() -> None:
    seen: list[object] = []
    CarbonInstrumentor().instrument()
    hooked = trace._set_tracer_provider

    def theirs(tracer_provider: trace.TracerProvider, log: bool) -> None:  # noqa: FBT001 - the interface's
        seen.append(tracer_provider)
        hooked(tracer_provider, log)

    trace._set_tracer_provider = theirs
    CarbonInstrumentor().uninstrument()
    assert trace._set_tracer_provider is theirs
    provider, _ = make_provider()
    trace.set_tracer_provider(provider)
    assert seen == [provider]
    assert ours(provider) == []
    trace._set_tracer_provider = SETTER


def test_the_applications_own_processor_stands() -> None:
    own = CarbonSpanProcessor(region="EU")
    provider, exporter = make_provider(own)
    trace.set_tracer_provider(provider)
    CarbonInstrumentor().instrument(region="US")
    assert ours(provider) == [own]
    assert (chat(exporter).attributes or {})["carbon.region.name"] == "EU"
    CarbonInstrumentor().uninstrument()
    assert ours(provider) == [own]
    assert grams(chat(exporter)) > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pue": 0.5}, ["'pue'", "0.5", "a number from 1 to 3"]),
        ({"regoin": "EU"}, ["'regoin'", "'region'", "Allowed: "]),
        ({"regions": {"openai": "narnia"}}, ["'regions'", "narnia", "allowed"]),
        ({"models": {"mine": {"active_b": -1}}}, ["'models'", "-1", "allowed"]),
        ({"self_hosted": {"a": 1}}, ["'self_hosted'", "{'a': 1}", "names of providers"]),
    ],
)
def test_a_wrong_option_is_one_line_and_no_carbon(
    options: dict[str, Any], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    provider, exporter = make_provider()
    trace.set_tracer_provider(provider)
    CarbonInstrumentor().instrument(**options)
    CarbonInstrumentor().instrument(skip_dep_check=True)  # opentelemetry-instrument, after a declarative file
    (line,) = lines(caplog)
    for text in [*said, "without carbon"]:
        assert text in line
    assert "\n" not in line
    assert not CarbonInstrumentor().is_instrumented_by_opentelemetry
    assert ours(provider) == []
    assert grams(chat(exporter)) is None
    CarbonInstrumentor().instrument(region="EU")  # in code, another try with options may be right
    assert len(ours(provider)) == 1


def test_a_wrong_environment_variable_is_one_line_and_no_carbon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider, _ = make_provider()
    trace.set_tracer_provider(provider)
    monkeypatch.setenv("CARBONSPAN_PUE", "0.5")
    CarbonInstrumentor().instrument()
    (line,) = lines(caplog)
    for text in ["CARBONSPAN_PUE", "'0.5'", "a number from 1 to 3", "without carbon"]:
        assert text in line
    assert ours(provider) == []


def test_an_option_wins_over_a_wrong_environment_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider, _ = make_provider()
    trace.set_tracer_provider(provider)
    monkeypatch.setenv("CARBONSPAN_PUE", "0.5")
    CarbonInstrumentor().instrument(pue=1.2)
    assert lines(caplog) == []
    assert ours(provider)[0].settings.pue == 1.2


def test_environment_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, _ = make_provider()
    trace.set_tracer_provider(provider)
    monkeypatch.setenv("CARBONSPAN_REGION", "EU")
    CarbonInstrumentor().instrument()
    assert ours(provider)[0].settings.region == "EU"
    assert ours(provider)[0].settings.origins["region"] == "environment"


def test_what_callers_hand_to_every_instrumentor_is_no_wrong_option(caplog: pytest.LogCaptureFixture) -> None:
    provider, _ = make_provider()
    CarbonInstrumentor().instrument(
        tracer_provider=provider, logger_provider=None, skip_dep_check=True, raise_exception_on_conflict=True
    )
    assert len(ours(provider)) == 1
    assert lines(caplog) == []


def test_a_provider_without_processors_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Theirs(trace.TracerProvider):
        def get_tracer(self, *_args: Any, **_kwargs: Any) -> trace.Tracer:
            return trace.NoOpTracer()

    CarbonInstrumentor().instrument()
    trace.set_tracer_provider(Theirs())
    (line,) = lines(caplog)
    assert "Theirs) takes no span processors" in line


def test_a_provider_that_is_off_is_nothing_to_speak_of(caplog: pytest.LogCaptureFixture) -> None:
    CarbonInstrumentor().instrument()
    trace.set_tracer_provider(trace.NoOpTracerProvider())
    assert lines(caplog) == []


class Broken:
    def add_span_processor(self, _processor: SpanProcessor) -> None:
        raise RuntimeError("no\nmore")

    get_tracer = None


def test_a_provider_that_raises_does_not_reach_the_application(caplog: pytest.LogCaptureFixture) -> None:
    CarbonInstrumentor().instrument()
    trace.set_tracer_provider(Broken())  # type: ignore[arg-type]
    assert lines(caplog) == ["carbonspan: no more. The application runs without carbon"]


def test_uninstrument_never_raises(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def shutdown(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(CarbonSpanProcessor, "shutdown", shutdown)
    provider, _ = make_provider()
    trace.set_tracer_provider(provider)
    CarbonInstrumentor().instrument()
    CarbonInstrumentor().uninstrument()
    assert lines(caplog) == ["carbonspan: RuntimeError"]
    assert ours(provider) == []


def test_it_is_what_opentelemetry_expects() -> None:
    assert isinstance(CarbonInstrumentor(), BaseInstrumentor)
    assert CarbonInstrumentor() is CarbonInstrumentor()
    assert CarbonInstrumentor().instrumentation_dependencies() == ()
    with pytest.raises(AttributeError, match="no attribute 'CarbonInstrumenter'"):
        carbonspan.CarbonInstrumenter  # noqa: B018


def python(code: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_facade_does_not_import_opentelemetrys_instrumentation() -> None:
    assert (
        python("import sys, carbonspan; print('opentelemetry.instrumentation.instrumentor' in sys.modules)") == "False"
    )


def test_it_works_without_opentelemetrys_instrumentation() -> None:
    assert (
        python(
            "import sys\n"
            "sys.modules['opentelemetry.instrumentation'] = None\n"
            "from carbonspan import CarbonInstrumentor\n"
            "from opentelemetry import trace\n"
            "from opentelemetry.sdk.trace import TracerProvider\n"
            "CarbonInstrumentor().instrument()\n"
            "trace.set_tracer_provider(TracerProvider())\n"
            "print(CarbonInstrumentor.__base__.__name__, CarbonInstrumentor().is_instrumented_by_opentelemetry,\n"
            "      len(trace.get_tracer_provider()._active_span_processor._span_processors))\n"
            "CarbonInstrumentor().uninstrument()\n"
        )
        == "object True 1"
    )


def test_metrics_go_to_the_meter_provider_that_is_given() -> None:
    reader = InMemoryMetricReader()
    provider, _ = make_provider()
    CarbonInstrumentor().instrument(
        tracer_provider=provider, meter_provider=MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    )
    trace.get_tracer("test", tracer_provider=provider).start_span("chat gpt-4o", attributes=CHAT).end()
    CarbonInstrumentor().uninstrument()
    data = reader.get_metrics_data()
    assert data is not None
    assert "carbon.request.emissions" in {
        m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics
    }


def test_a_forked_child_does_not_wait_for_a_lock_of_its_parent() -> None:
    assert (
        python(
            "import os, signal, threading, warnings\n"
            "warnings.simplefilter('ignore')  # a fork beside threads is the point\n"
            "from carbonspan import CarbonInstrumentor\n"
            "from opentelemetry import trace\n"
            "from opentelemetry.sdk.trace import TracerProvider\n"
            "CarbonInstrumentor().instrument()\n"
            "held, go = threading.Event(), threading.Event()\n"
            "def hold():\n"
            "    with CarbonInstrumentor()._lock:\n"
            "        held.set(); go.wait()\n"
            "thread = threading.Thread(target=hold); thread.start(); held.wait()\n"
            "child = os.fork()\n"
            "if not child:\n"
            "    signal.alarm(10)\n"
            "    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))\n"
            "    os._exit(len(trace.get_tracer_provider()._active_span_processor._span_processors))\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "go.set(); thread.join()\n"
        )
        == "1"
    )
