# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one case of the matrix in a process of its own.

python -m tests.matrix.child STACK PARTS URL REPORT
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from tests.matrix import guard


def main(stack: str, parts: str, url: str, report: str) -> None:
    """Run a stack and write what its spans and metrics said."""
    tried = guard.install()

    # After the guard, so that it sees all that importing a package does.
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    from carbonspan import CarbonSpanProcessor
    from tests.matrix.record import Recorder

    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    carbon, recorder = CarbonSpanProcessor(meter_provider=meters, attributes="full"), Recorder()
    program = importlib.import_module(f"tests.matrix.stacks.{stack}")
    if hasattr(program, "configure"):  # it makes the provider itself
        program.configure([carbon, recorder], url)
    else:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(carbon)
        provider.add_span_processor(recorder)
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(meters)
    program.run(url, tuple(filter(None, parts.split("+"))))
    found = {
        "spans": recorder.spans,
        "unended": recorder.unended(),
        "outcomes": _outcomes(reader),
        "outside": tried,
        "packages": sorted(f"{d.metadata['Name']} {d.version}" for d in importlib.metadata.distributions()),
    }
    Path(report).write_text(json.dumps(found, default=str), encoding="utf-8")


def _outcomes(reader: Any) -> dict[str, int]:
    data = reader.get_metrics_data()
    return {
        point.attributes["carbonspan.outcome"]: point.value
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "carbonspan.spans"
        for point in metric.data.data_points
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
