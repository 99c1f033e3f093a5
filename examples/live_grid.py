# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spans joined to their own hour of the grid: run it, and see two calls of one day differ only by the hour.

The hours come from a CSV file, so that no key and no network is needed. With `grid=["uk"]` instead of the file they
come from the Carbon Intensity API of Great Britain, in the background.
"""

import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from carbonspan import CarbonSpanProcessor

HOUR = timedelta(hours=1)
NOW = datetime.now(timezone.utc)
THIS_HOUR = NOW.replace(minute=0, second=0, microsecond=0)

LLM_CALL: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
}

with tempfile.TemporaryDirectory() as folder:
    hours = Path(folder) / "hours.csv"
    rows = [f"GB,{(THIS_HOUR - n * HOUR).isoformat()},{100 + 10 * n}" for n in range(-1, 24)]
    hours.write_text("\n".join(["zone,hour,value", *rows]), encoding="utf-8")

    processor = CarbonSpanProcessor(grid=hours, region="aws:eu-west-2")
    report = processor.prefetch_grid(["aws:eu-west-2"])  # spans need not wait for the first fetch
    print(f"hours known: {report.series[0].hours}, in order: {report.ok}")

    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("my.llm.client")
    for age in (0, 6):
        at_ns = int((THIS_HOUR - age * HOUR).timestamp()) * 10**9
        span = tracer.start_span("chat gpt-4o", attributes=LLM_CALL, start_time=at_ns)
        span.end(at_ns)
        assert isinstance(span, ReadableSpan)  # noqa: S101 - for type checkers: a recording span can be read
        written: dict[str, Any] = dict(span.attributes or {})
        grid = (written[f"carbon.intensity.{name}"] for name in ("g_per_kwh", "quality", "source"))
        print(f"{age} h ago:", *grid)
    provider.shutdown()
