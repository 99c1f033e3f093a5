# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the demo: sets up tracing as an application would, runs the agent four times, and hands back what was traced."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carbonspan.demo._otlp import OtlpExport, endpoint
from carbonspan.demo._result import DemoResult, read_runs
from carbonspan.demo._variants import COHORTS, MODEL_CALLS_PER_RUN, TOOL_CALLS_PER_RUN, VARIANTS
from carbonspan.demo._workbench import DemoError, workbench
from carbonspan.otel.processor import CarbonSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = len(VARIANTS) * len(COHORTS)
STEPS = RUNS * (MODEL_CALLS_PER_RUN + TOOL_CALLS_PER_RUN)

_FIRST_CASE = 2041


def trace_agents(*, on_phase: Callable[[str], None], on_step: Callable[[], None]) -> DemoResult:
    """Run the agent for every variant and cohort and return what was traced.

    Args:
        on_phase: told what begins, in a few words for a person: loading, each run, sending.
        on_step: told of each model call and each tool call that is done; there are `STEPS` of them.

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
        export = OtlpExport(provider) if endpoint() else None
        try:
            with workbench(provider) as run:
                for at, (variant, cohort) in enumerate(product(VARIANTS, COHORTS)):
                    on_phase(f"{variant.name}, {cohort.name}")
                    # The case is in every prompt from the start: no run finds its prompts cached by the one before.
                    run(variant=variant, cohort=cohort, case=_FIRST_CASE + at, on_step=on_step)
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
