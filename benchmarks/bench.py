# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What carbonspan costs: one interleaved run, the minimum of many repeats, as ratios. Absolute times mean little.

Run with `make bench`. Never a timed test in CI.
"""

from __future__ import annotations

import gc
import itertools
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grid_lookup
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context

from carbonspan import CarbonSpanProcessor, estimate
from carbonspan.core._options import Settings
from carbonspan.core.values import Level
from carbonspan.otel._writeback import read, write
from carbonspan.runtime import Runtime
from carbonspan.telemetry._writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

LLM = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.cache_read.input_tokens": 1000,
    "gen_ai.usage.reasoning.output_tokens": 200,
    "user.cohort": "enterprise",
    "app.feature": "research",
    "openai.response.service_tier": "default",
}
SCOPE = "opentelemetry.instrumentation.genai.openai"
HTTP = {f"http.attribute.{i}": i for i in range(15)}
RESPONSE_ID = "gen_ai.response.id"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "research"}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "gpt-4o",
    "langfuse.observation.usage_details": '{"input": 1200, "output": 300, "total": 1500}',
    **{f"app.attribute.{i}": i for i in range(12)},
}
IDS = itertools.count()
SPANS, REPEATS = 500, 60


class Null(SpanExporter):
    """Takes every batch and forgets it."""

    def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


class Constant(SpanProcessor):
    """The floor: writes as many attributes as carbonspan, without working anything out."""

    def __init__(self) -> None:
        found = Runtime.of(Settings.resolve({}, {})).estimator.estimate(LLM, SCOPE, 0, 1, {})
        self.new = Writer(Level.STANDARD).of(found.figures)  # type: ignore[union-attr, arg-type]

    def _on_ending(self, span: Span) -> None:
        if "gen_ai.request.model" in (span.attributes or {}):
            write(span, read(span), self.new)


class Empty(SpanProcessor):
    """A processor that does nothing."""

    def _on_ending(self, span: Span) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        pass


def pipeline(processor: SpanProcessor | None) -> TracerProvider:
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    if processor is not None:
        provider.add_span_processor(processor)
    # A queue that never fills within a repeat: what is measured is the caller's side.
    provider.add_span_processor(BatchSpanProcessor(Null(), max_queue_size=8 * SPANS, schedule_delay_millis=60_000))
    return provider


def spans(
    processor: SpanProcessor | None,
    attributes: dict[str, object],
    reader: InMemoryMetricReader | None = None,
    *,
    below_an_agent: bool = False,
    scope: str = SCOPE,
) -> Callable[[], None]:
    provider = pipeline(processor)
    tracer = provider.get_tracer(scope)
    own = dict(attributes)

    def run() -> None:
        agent = tracer.start_span("invoke_agent a", attributes=AGENT) if below_an_agent else None
        below = None if agent is None else set_span_in_context(agent)
        for _ in range(SPANS):
            if RESPONSE_ID in own:
                own[RESPONSE_ID] = f"chatcmpl-{next(IDS)}"  # as providers do: one that came before is a cache's answer
            span = tracer.start_span("chat gpt-4o", below)
            span.set_attributes(own)  # type: ignore[arg-type]
            span.end()
        if agent is not None:
            agent.end()
        provider.force_flush()
        if reader is not None:
            reader.get_metrics_data()

    return run


def with_reader() -> Callable[[], None]:
    """The metrics are taken in and collected too, for every 500 spans: what the whole process pays."""
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    return spans(CarbonSpanProcessor(meter_provider=meters), LLM, reader)


def threaded(processor: CarbonSpanProcessor | None, threads: int) -> tuple[float, float]:
    """Return spans a second over so many threads that do nothing else, and the 99th percentile of a span's end (ms)."""
    provider = pipeline(processor)
    tracer = provider.get_tracer(SCOPE)
    together, ends = threading.Barrier(threads + 1), [[] for _ in range(threads)]

    def work(mine: list[float]) -> None:
        own = dict(LLM)
        together.wait()
        for _ in range(2000 // threads):
            own[RESPONSE_ID] = f"chatcmpl-{next(IDS)}"
            span = tracer.start_span("chat gpt-4o")
            span.set_attributes(own)  # type: ignore[arg-type]
            start = time.perf_counter()
            span.end()
            mine.append(time.perf_counter() - start)

    workers = [threading.Thread(target=work, args=(mine,)) for mine in ends]
    for worker in workers:
        worker.start()
    together.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    every = sorted(one for mine in ends for one in mine)
    provider.force_flush()
    if processor is not None:
        processor.counts()  # what waits is taken in between the runs, as by a reader
    return len(every) / seconds, 1000 * every[int(0.99 * len(every))]


def thread_rows() -> list[tuple[str, float, str]]:
    """Return throughput and 99th percentile with carbonspan over without, the best of several runs in turn."""
    rows = []
    processor = CarbonSpanProcessor()  # of an application that runs: its plans are known after the first run
    for threads in (1, 2, 8):
        plain = with_carbon = (0.0, float("inf"))
        for _ in range(9):
            for carbon in (None, processor):
                found = threaded(carbon, threads)
                best = with_carbon if carbon else plain
                best = (max(best[0], found[0]), min(best[1], found[1]))
                plain, with_carbon = (plain, best) if carbon else (best, with_carbon)
        rows += [
            (f"{threads} threads: spans a second with carbonspan/without", with_carbon[0] / plain[0], "at least 0.75"),
            (f"{threads} threads: p99 of a span's end with carbonspan/without", with_carbon[1] / plain[1], "at most 2"),
        ]
    return rows


def first_spans_us(count: int = 200) -> float:
    """Return the time of the first span of a plan and of its layout, at the median, its tables loaded."""
    run = Runtime.of(Settings.resolve({}, {})).estimator
    now, times = time.time_ns(), []
    for i in range(count):
        span = {**LLM, f"request.{i}": i, "gen_ai.request.model": f"gpt-4o-2024-{i}", "gen_ai.response.model": "gpt-4o"}
        start = time.perf_counter()
        run.known(span, SCOPE, now, now, {})
        run.estimate(span, SCOPE, now, now, {})
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def estimates() -> Callable[[], None]:
    def run() -> None:
        for _ in range(SPANS // 10):
            estimate(model="gpt-4o", input_tokens=1200, output_tokens=300, region="aws:eu-west-1")

    return run


def memory_mb(count: int = 1_000_000) -> float:
    """Return how much the peak memory of a fresh process grows over the second half of a million spans."""
    code = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import bench
run = bench.spans(bench.CarbonSpanProcessor(), bench.LLM)
peaks = []
for at in range({count} // bench.SPANS):
    run()
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print((peaks[-1] - peaks[len(peaks) // 2]) / 1024)
"""
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)  # noqa: S603


def enrich() -> Callable[[], None]:
    runtime = Runtime.of(Settings.resolve({}, {}))
    now = time.time_ns()

    def run() -> None:
        for _ in range(SPANS):
            runtime.estimator.known(LLM, SCOPE, now, now, {}) or runtime.estimator.estimate(LLM, SCOPE, now, now, {})

    return run


def ecologits() -> Callable[[], None] | None:
    try:
        from ecologits.tracers.utils import llm_impacts  # noqa: PLC0415
    except ImportError:
        return None

    def run() -> None:
        for _ in range(SPANS // 10):
            llm_impacts("openai", "gpt-4o", 300, 2.0)

    return run


def import_ms(code: str) -> float:
    """Return the time of `code` in a fresh interpreter, bytecode written before, as for an installed package."""
    timed = f"import time; t=time.perf_counter()\n{code}\nprint(time.perf_counter()-t)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-X", f"pycache_prefix={cache}", "-c", timed]
        times = [subprocess.run(command, capture_output=True, check=True, env=environment).stdout for _ in range(11)]  # noqa: S603
    return 1000 * min(map(float, times[1:]))


def main() -> None:
    logging.disable(logging.CRITICAL)
    cases: dict[str, Callable[[], None] | None] = {
        "plain": spans(None, LLM),
        "carbonspan": spans(CarbonSpanProcessor(), LLM),
        "collected": with_reader(),
        "constant": spans(Constant(), LLM),
        "http plain": spans(None, HTTP),
        "http carbonspan": spans(CarbonSpanProcessor(), HTTP),
        "http empty": spans(Empty(), HTTP),
        "agent plain": spans(None, LLM, below_an_agent=True),
        "agent carbonspan": spans(CarbonSpanProcessor(), LLM, below_an_agent=True),
        "text plain": spans(None, LANGFUSE, scope="langfuse-sdk"),
        "text carbonspan": spans(CarbonSpanProcessor(), LANGFUSE, scope="langfuse-sdk"),
        "enrich": enrich(),
        "estimate": estimates(),
        "ecologits": ecologits(),
    }
    best = dict.fromkeys(cases, float("inf"))
    gc.disable()
    for _ in range(REPEATS):
        for name, case in cases.items():
            if case is not None:
                start = time.perf_counter()
                case()
                best[name] = min(best[name], time.perf_counter() - start)
    gc.enable()
    fewer = {"ecologits", "estimate"}
    per_span = {name: 1e6 * seconds / (SPANS // 10 if name in fewer else SPANS) for name, seconds in best.items()}
    rows = [
        ("LLM span with carbonspan / plain span", per_span["carbonspan"] / per_span["plain"], "at most 1.40"),
        (
            "metrics of an LLM span, off its path / plain span",
            (per_span["collected"] - per_span["carbonspan"]) / per_span["plain"],
            "at most 1",
        ),
        (
            "LLM span below an agent / plain span below one",
            per_span["agent carbonspan"] / per_span["agent plain"],
            "at most 1.60",
        ),
        ("LLM span with usage as text / plain span", per_span["text carbonspan"] / per_span["text plain"], ""),
        ("LLM span with constant attributes / plain span (the floor)", per_span["constant"] / per_span["plain"], ""),
        (
            "other span with carbonspan / plain span",
            per_span["http carbonspan"] / per_span["http plain"],
            "at most 1.04",
        ),
        ("other span with an empty processor / plain span", per_span["http empty"] / per_span["http plain"], ""),
        ("EcoLogits llm_impacts / one known span's figures", per_span["ecologits"] / per_span["enrich"], "at least 30"),
        ("figures of a known span / plain span", per_span["enrich"] / per_span["plain"], ""),
        ("estimate(), microseconds", per_span["estimate"], "at most 15"),
        ("first span of a plan, microseconds", first_spans_us(), "at most 1000"),
        *thread_rows(),
        *grid_lookup.rows(),
    ]
    for name, ratio, aim in rows:
        sys.stdout.write(f"{name:62} {ratio:8.2f}  {aim}\n")
    sdk = import_ms("import opentelemetry.sdk.trace.export")
    ours = import_ms("import opentelemetry.sdk.trace.export, carbonspan")
    ready = import_ms("import opentelemetry.sdk.trace.export, carbonspan; carbonspan.CarbonSpanProcessor()")
    sys.stdout.write(f"{'import beyond the SDK/SDK':62} {(ours - sdk) / sdk:8.2f}  {ours - sdk:.0f} ms, at most 40\n")
    sys.stdout.write(
        f"{'import and a processor beyond the SDK/SDK':62} {(ready - sdk) / sdk:8.2f}  {ready - sdk:.0f} ms\n"
    )
    sys.stdout.write(f"{'peak memory over the second half of a million spans':62} {memory_mb():8.1f}  MB, flat\n")


if __name__ == "__main__":
    main()
