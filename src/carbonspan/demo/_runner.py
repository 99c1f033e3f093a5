# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the demo's agent on the real SDKs, instrumented as an application would, against a server on loopback.

Nothing outside the machine is reached, and no key, address or proxy of the environment is used; only spans are sent, by
OTLP, where an endpoint for them is set.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carbonspan import CarbonSpanProcessor
from carbonspan.demo._agent import ResearchAgent
from carbonspan.demo._result import DemoResult, Export, read_runs
from carbonspan.demo._scenario import COHORTS, MODEL_CALLS_PER_RUN, TOOL_CALLS_PER_RUN, VARIANTS
from carbonspan.demo._server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.demo._scenario import Cohort, Variant

RUNS = len(VARIANTS) * len(COHORTS)
STEPS = RUNS * (MODEL_CALLS_PER_RUN + TOOL_CALLS_PER_RUN)

_FIRST_RUN_NUMBER = 2041
_KEY = "demo-key-that-opens-nothing"
_LOOPBACK_TIMEOUT_SECONDS = 10.0
_EXPORT_TIMEOUT_SECONDS = 3
_EXPORT_FINISH_SECONDS = 6.0


class DemoError(Exception):
    """The demo cannot run here; the message says why and what to do."""


def check() -> None:
    """Find out at once whether the demo can run here.

    Raises:
        DemoError: a package of the extra `demo` is missing, or tracing is switched off.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        raise DemoError("OTEL_SDK_DISABLED is true: without spans there is nothing to show")
    for package in ("openai", "anthropic"):
        if find_spec(package) is None:
            raise _missing(f"{package} is missing")


def _missing(what: str) -> DemoError:
    return DemoError(f"the demo needs its extra: pip install 'carbonspan[demo]' ({what})")


def trace_agents(*, on_phase: Callable[[str], None], on_step: Callable[[], None]) -> DemoResult:
    """Run the agent for every variant and cohort and return what was traced.

    Args:
        on_phase: called when loading, a run or sending begins, with a few words for a person.
        on_step: called after each model call and each tool call; there are `STEPS` of them.

    Raises:
        DemoError: a package of the extra `demo` is missing or does not fit, or tracing is switched off.
    """
    started = time.monotonic()
    with _quiet_unless_configured("opentelemetry"):
        on_phase("loading the SDKs")
        # Everything is recorded, whatever sampler the environment names: the demo counts its spans.
        provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({"service.name": "carbonspan-demo"}), shutdown_on_exit=False
        )
        provider.add_span_processor(CarbonSpanProcessor(attributes="standard"))  # the one line it takes
        memory = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        export = _OtlpExport(provider) if endpoint() else None
        try:
            with agent_runner(provider) as run:
                for run_number, (variant, cohort) in enumerate(product(VARIANTS, COHORTS), _FIRST_RUN_NUMBER):
                    on_phase(f"{variant.name}, {cohort.name}")
                    run(variant=variant, cohort=cohort, run_number=run_number, on_step=on_step)
            spans = memory.get_finished_spans()
        finally:
            if export:
                on_phase(f"sending to {endpoint()}")
                export.finish()
            provider.shutdown()

    runs = read_runs(spans)
    calls = [run.amounts.model_calls for run in runs]
    if calls != [MODEL_CALLS_PER_RUN] * RUNS:
        raise DemoError(
            f"expected {RUNS} traces of {MODEL_CALLS_PER_RUN} model calls, got {calls}. Do openai and "
            "anthropic fit their instrumentations? pip install -U 'carbonspan[demo]'"
        )
    return DemoResult(spans, runs, export.outcome(len(spans)) if export else None, time.monotonic() - started)


@contextmanager
def _quiet_unless_configured(name: str) -> Iterator[None]:
    """Keep a logger's warnings off the demo's screen; handlers the application set up still get them."""
    logger, handler = logging.getLogger(name), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


# The SDKs, instrumented for one provider and pointed at the loopback server.


class _Instrumentor(Protocol):
    """What is used of OpenTelemetry's `BaseInstrumentor`, which carries no types."""

    is_instrumented_by_opentelemetry: bool

    def instrument(self, *, tracer_provider: TracerProvider) -> object: ...

    def uninstrument(self) -> object: ...


class _Sdks(NamedTuple):
    openai: ModuleType
    anthropic: ModuleType
    instrumentors: tuple[_Instrumentor, ...]


@contextmanager
def agent_runner(provider: TracerProvider, *, caching: bool = True) -> Iterator[Callable[..., None]]:
    """Yield a function that runs the agent of a `variant` for a `cohort` and calls `on_step` after each step.

    Its `run_number` is in every prompt from the start: no run with a new one finds its prompts cached by another.

    Args:
        provider: Makes the spans of the SDKs' calls.
        caching: Whether the server reads prompts it was sent before from a cache, as the providers do.

    Raises:
        DemoError: a package of the extra `demo` is missing or does not fit.
    """
    with ExitStack() as stack:
        # Anthropic's SDK traces its calls itself, to the global provider, under the instrumentation's span. One call is
        # to be one span here, also under `opentelemetry-instrument`, which sets a global provider.
        stack.enter_context(_environment("ANTHROPIC_OPEN_TELEMETRY", "false"))
        sdks = _load()
        for instrumentor in sdks.instrumentors:
            if instrumentor.is_instrumented_by_opentelemetry:  # by `opentelemetry-instrument`, for another provider
                instrumentor.uninstrument()
            instrumentor.instrument(tracer_provider=provider)
            stack.callback(instrumentor.uninstrument)
        server = stack.enter_context(LoopbackServer(caching=caching))
        openai_client = stack.enter_context(_client(sdks.openai.OpenAI, sdks.openai, f"{server.url}/v1"))
        anthropic_client = stack.enter_context(_client(sdks.anthropic.Anthropic, sdks.anthropic, server.url))
        tracer = provider.get_tracer("carbonspan.demo")

        def run(*, variant: Variant, cohort: Cohort, run_number: int, on_step: Callable[[], None]) -> None:
            ResearchAgent(
                openai_client=openai_client,
                anthropic_client=anthropic_client,
                tracer=tracer,
                variant=variant,
                cohort=cohort,
                run_number=run_number,
                on_step=on_step,
            ).run()

        yield run


def _load() -> _Sdks:
    try:
        import anthropic  # noqa: PLC0415 - seconds to import, and part of an extra
        import openai  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415
    except ImportError as error:
        raise _missing(str(error)) from error
    return _Sdks(openai, anthropic, (OpenAIInstrumentor(), AnthropicInstrumentor()))


def _client(client_class: Any, sdk: ModuleType, base_url: str) -> Any:
    # Key and address are given, so that none from the environment is used. Nor is a proxy used for a loopback address:
    # OpenAI's client leaves proxies out with `trust_env`, Anthropic's reads them all the same, and obeys the mount.
    http_client = sdk.DefaultHttpxClient(
        trust_env=False, mounts={"all://127.0.0.1": None}, timeout=_LOOPBACK_TIMEOUT_SECONDS
    )
    return client_class(api_key=_KEY, base_url=base_url, max_retries=0, http_client=http_client)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


# OTLP, where an endpoint is set.


def endpoint() -> str:
    """Return where spans go, as scheme, host and port, or "" where no endpoint is set. Holds no secret."""
    url = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ""
    parts = urlsplit(url.strip())
    if not parts.netloc:
        return url and "an address that is not a URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class _OtlpExport:
    """A batching OTLP exporter on a provider: OpenTelemetry's own, set by its own environment variables."""

    def __init__(self, provider: TracerProvider) -> None:
        self._exporter = _CountingExporter(_otlp_exporter())
        self._processor = BatchSpanProcessor(self._exporter)
        provider.add_span_processor(self._processor)

    def finish(self) -> None:
        """Send what is left. Waits seconds at most, also where a collector accepts a connection and is silent."""
        flush = threading.Thread(target=self._processor.shutdown, daemon=True)
        flush.start()
        flush.join(_EXPORT_FINISH_SECONDS)

    def outcome(self, spans: int) -> Export:
        """Return how many of `spans` arrived."""
        return Export(endpoint(), self._exporter.sent, spans - self._exporter.sent)


class _CountingExporter(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _otlp_exporter() -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - part of an extra
    except ImportError as error:
        raise _missing(str(error)) from error
    names = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    return trace_exporter.OTLPSpanExporter(
        timeout=None if any(os.environ.get(name) for name in names) else _EXPORT_TIMEOUT_SECONDS
    )
