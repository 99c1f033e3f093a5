# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the demo: sets up tracing as an application would, runs the agent four times, and hands back what was traced."""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carbonspan.cli.demo.agent import ResearchAgent
from carbonspan.cli.demo.otlp import OtlpExport, endpoint
from carbonspan.cli.demo.result import DemoResult, read_runs
from carbonspan.cli.demo.server import LoopbackServer
from carbonspan.cli.demo.variants import COHORTS, MODEL_CALLS_PER_RUN, TOOL_CALLS_PER_RUN, VARIANTS
from carbonspan.processor import CarbonSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

RUNS = len(VARIANTS) * len(COHORTS)
STEPS = RUNS * (MODEL_CALLS_PER_RUN + TOOL_CALLS_PER_RUN)

_KEY = "demo-key-that-opens-nothing"
_FIRST_CASE = 2041
_LOOPBACK_TIMEOUT_SECONDS = 10.0


class DemoError(Exception):
    """The demo cannot run here; the message says why and what to do."""


class _Instrumentor(Protocol):
    """What is used of OpenTelemetry's `BaseInstrumentor`, which carries no types."""

    is_instrumented_by_opentelemetry: bool

    def instrument(self, *, tracer_provider: TracerProvider) -> object: ...

    def uninstrument(self) -> object: ...


class _Sdks(NamedTuple):
    openai: ModuleType
    anthropic: ModuleType
    instrumentors: tuple[_Instrumentor, ...]


def check() -> None:
    """Find out at once whether the demo can run here.

    Raises:
        DemoError: a package of the extra `demo` is missing, or tracing is switched off.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        raise DemoError("OTEL_SDK_DISABLED is true: without spans there is nothing to show")
    for package in ("openai", "anthropic"):
        if find_spec(package) is None:
            raise DemoError(f"the demo needs its extra: pip install 'carbonspan[demo]' ({package} is missing)")


def trace_agents(*, on_phase: Callable[[str], None], on_step: Callable[[], None]) -> DemoResult:
    """Run the agent for every variant and cohort and return what was traced.

    Args:
        on_phase: told what begins, in a few words for a person: loading, each run, sending.
        on_step: told of each model call and each tool call that is done; there are `STEPS` of them.

    Raises:
        DemoError: a package of the extra `demo` is missing or does not fit, or tracing is switched off.
    """
    started = time.monotonic()
    # Anthropic's SDK traces its calls itself, to the global provider, under the instrumentation's span. One call is to
    # be one span here, also under `opentelemetry-instrument`, which sets a global provider.
    with _environment("ANTHROPIC_OPEN_TELEMETRY", "false"), _quiet_unless_configured("opentelemetry"):
        on_phase("loading the SDKs")
        sdks = _load()
        # Everything is recorded, whatever sampler the environment names: the demo counts its spans.
        provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({"service.name": "carbonspan-demo"}), shutdown_on_exit=False
        )
        provider.add_span_processor(CarbonSpanProcessor(attributes="standard"))  # the one line it takes
        memory = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        export = OtlpExport(provider) if endpoint() else None
        try:
            _run_agents(sdks, provider, on_phase, on_step)
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


def _load() -> _Sdks:
    try:
        import anthropic  # noqa: PLC0415 - seconds to import, and part of an extra
        import openai  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415

        if endpoint():
            from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: F401, PLC0415 - only a check
    except ImportError as error:
        raise DemoError(f"the demo needs its extra: pip install 'carbonspan[demo]' ({error})") from error
    return _Sdks(openai, anthropic, (OpenAIInstrumentor(), AnthropicInstrumentor()))


def _run_agents(
    sdks: _Sdks, provider: TracerProvider, on_phase: Callable[[str], None], on_step: Callable[[], None]
) -> None:
    for instrumentor in sdks.instrumentors:
        if instrumentor.is_instrumented_by_opentelemetry:  # by `opentelemetry-instrument`, for another provider
            instrumentor.uninstrument()
        instrumentor.instrument(tracer_provider=provider)
    try:
        with (
            LoopbackServer() as server,
            _client(sdks.openai.OpenAI, sdks.openai, f"{server.url}/v1") as openai_client,
            _client(sdks.anthropic.Anthropic, sdks.anthropic, server.url) as anthropic_client,
        ):
            for at, (variant, cohort) in enumerate(product(VARIANTS, COHORTS)):
                on_phase(f"{variant.name}, {cohort.name}")
                ResearchAgent(
                    openai_client=openai_client,
                    anthropic_client=anthropic_client,
                    tracer=provider.get_tracer("carbonspan.demo"),
                    variant=variant,
                    cohort=cohort,
                    # In every prompt from the start: no run finds its prompts cached by the one before.
                    case=_FIRST_CASE + at,
                    on_step=on_step,
                ).run()
    finally:
        for instrumentor in sdks.instrumentors:
            instrumentor.uninstrument()


def _client(kind: Any, sdk: ModuleType, base_url: str) -> Any:
    # Key and address are given, so that none from the environment is used. Nor is a proxy asked for a loopback address:
    # OpenAI's client leaves proxies out with `trust_env`, Anthropic's reads them all the same, and obeys the mount.
    http_client = sdk.DefaultHttpxClient(
        trust_env=False, mounts={"all://127.0.0.1": None}, timeout=_LOOPBACK_TIMEOUT_SECONDS
    )
    return kind(api_key=_KEY, base_url=base_url, max_retries=0, http_client=http_client)


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


@contextmanager
def _quiet_unless_configured(name: str) -> Iterator[None]:
    """Keep a logger's warnings off the demo's screen; handlers the application set up still get them."""
    logger, handler = logging.getLogger(name), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
