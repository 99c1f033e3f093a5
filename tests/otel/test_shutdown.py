# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The interpreter ends while spans end: nothing is said on the way out, and what ended before has been counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import atexit, json, logging, os, sys, threading, time
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from carbonspan import CarbonSpanExporter, CarbonSpanProcessor

logging.basicConfig(level=logging.DEBUG)
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300}

class Out(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS

def last(data):
    found = {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    spans = found.get("carbonspan.spans")
    return f"{spans[0].value if spans else 0}\\n"

metrics.set_meter_provider(MeterProvider(metric_readers=[
    PeriodicExportingMetricReader(ConsoleMetricExporter(formatter=last), export_interval_millis=3_600_000)]))
provider = TracerProvider()
provider.add_span_processor(CarbonSpanProcessor())
provider.add_span_processor(BatchSpanProcessor(CarbonSpanExporter(Out())))
tracer = provider.get_tracer("opentelemetry.instrumentation.genai.openai")
def end():
    tracer.start_span("chat", attributes=CHAT).end()
"""

CASES = {
    "in daemon threads": """
def forever():
    while True:
        end()
for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.3)
""",
    "in a handler at exit, after the providers": "for _ in range(3): end()\natexit._run_exitfuncs()\nend()\n",
    "in handlers at exit": "atexit.register(end)\nend()\n",
    "in finalisers": """
class Late:
    def __del__(self):
        end()
late = Late()
cycle = [late]; cycle.append(cycle)
end()
""",
    "in a thread that outlives the main one": """
def some():
    for _ in range(200):
        end()
        time.sleep(0.001)
threading.Thread(target=some).start()
""",
    "beyond what the queue holds": "for _ in range(6000): end()\n",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_spans_that_end_as_the_interpreter_does(code: str) -> None:
    run = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", SETUP + code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = [line for line in run.stderr.splitlines() if "carbonspan" in line.lower() or "Traceback" in line]
    assert said == [], run.stderr
    assert int(run.stdout.splitlines()[0]) >= 1


def test_all_that_ended_before_is_in_the_last_export() -> None:
    code = SETUP + CASES["beyond what the queue holds"]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)  # noqa: S603
    # The exporter sees each span after the processor: twice as many outcomes, of which the first are the enriched.
    assert run.stdout.splitlines()[0] == "6000"
