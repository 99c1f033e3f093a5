# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What runs against the stack: the example's traffic as a process of its own, and waiting for what must come."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from examples.stack.native import Guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from examples.stack.native import Stack

REPOSITORY = Path(__file__).resolve().parents[2]
TRAFFIC = REPOSITORY / "examples" / "stack" / "traffic.py"
SERVICE = "research-agent"
CALLS_PER_TASK = 12

WAIT_S = 120.0  # for what must come: generous, because a machine may be slow
POLL_S = 0.25
MAX_TRACES = 10_000

T = TypeVar("T")
Served = "dict[str, dict[str, float]]"


def wait_until(what: str, found: Callable[[], T | None], within_s: float = WAIT_S) -> T:
    """Return what `found` returns once that is true, asking again and again; fail where it does not come."""
    end = time.monotonic() + within_s
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come within {within_s:g} s; last seen: {result!r}")
        time.sleep(POLL_S)


class Traffic:
    """The example's traffic, as a process of its own, while the `with` block lasts.

    Args:
        stack: Where it sends.
        folder: For its counts.
        options: Its options, as on the command line.
    """

    def __init__(self, stack: Stack, folder: Path, *options: str) -> None:
        self._counts = folder / f"counts-{time.monotonic_ns()}.json"
        self._command = [
            *(sys.executable, str(TRAFFIC), "--endpoint", stack.otlp_http_url, "--counts", str(self._counts)),
            *options,
        ]
        self._guarded: Guarded | None = None

    def __enter__(self) -> Self:
        process = subprocess.Popen(  # noqa: S603 - the example's script
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY
        )
        self._guarded = Guarded(process)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._guarded is not None:
            self._guarded.end(signal.SIGTERM, WAIT_S)
            self._guarded.process.communicate()

    def finished(self) -> Mapping[str, Mapping[str, float]]:
        """Wait for its end and return its counts: trace id to grams, bounds, joules, inferences."""
        assert self._guarded is not None
        process = self._guarded.process
        output, _ = process.communicate(timeout=10 * WAIT_S)
        assert process.returncode == 0, output
        assert "Traceback" not in output, output
        assert "Failed to export" not in output, output
        counts: Mapping[str, Mapping[str, float]] = json.loads(self._counts.read_text(encoding="utf-8"))
        return counts


def run_traffic(stack: Stack, folder: Path, *options: str) -> Mapping[str, Mapping[str, float]]:
    """Run the example's traffic to its end and return its counts."""
    with Traffic(stack, folder, *options) as traffic:
        return traffic.finished()


def total(counts: Mapping[str, Mapping[str, float]], what: str = "emissions_g") -> float:
    """Return a sum over all traces of a counts."""
    return math.fsum(sums[what] for sums in counts.values())


def tasks_reach(stack: Stack, tasks: int, where: str = "") -> bool:
    """Return whether Prometheus knows of so many tasks, of the series that a selector leaves."""
    counted = f'sum(carbonspan_spans_total{{carbonspan_outcome="enriched",{where}}})'
    return (number(stack, counted) or 0.0) >= tasks * CALLS_PER_TASK


def number(stack: Stack, expression: str) -> float | None:
    """Return the one value of a PromQL expression, None where it has none."""
    series = stack.query(expression)
    assert len(series) <= 1, (expression, series)
    return float(series[0]["value"][1]) if series else None


def traces(stack: Stack, service: str = SERVICE) -> dict[str, list[dict[str, Any]]]:
    """Return the spans that the trace backend has of a service by trace id: names, times, attributes by name."""
    answer = requests.get(
        f"{stack.jaeger_url}/api/traces",
        params={"service": service, "limit": str(MAX_TRACES), "lookback": "2h"},
        timeout=60,
    ).json()
    return {
        trace["traceID"].rjust(32, "0"): [
            {
                "name": span["operationName"],
                "span_id": span["spanID"],
                "start_us": span["startTime"],
                **{tag["key"]: tag["value"] for tag in trace["processes"][span["processID"]]["tags"]},
                **{tag["key"]: tag["value"] for tag in span["tags"]},
            }
            for span in trace["spans"]
        ]
        for trace in answer["data"] or ()
    }


def hours_file(folder: Path, g_per_kwh: Mapping[str, float]) -> Path:
    """Return a CSV of hours around now with one intensity a zone, so that the hour of a test does not move figures."""
    hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = (
        f"{zone},{(hour + timedelta(hours=ahead)).isoformat()},{value}"
        for zone, value in g_per_kwh.items()
        for ahead in range(-2, 3)
    )
    path = folder / "hours.csv"
    path.write_text("\n".join(["zone,hour,value", *rows]), encoding="utf-8")
    return path
