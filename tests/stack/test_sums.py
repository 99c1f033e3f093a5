# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The counts, Prometheus and the trace backend agree on the sums, over a restart of the Collector too."""

from __future__ import annotations

import math
import signal
import time
from typing import TYPE_CHECKING

import pytest

from examples.stack.native import Stack
from tests.stack.running import CALLS_PER_TASK, Traffic, number, tasks_reach, total, traces, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUNS = 80
DOWN_S = 2.0
WITHIN = 1e-3
TRACE_ID_BITS = 64  # of a trace's id, those that OpenTelemetry's TraceIdRatioBased looks at


def is_sampled(trace_id: str, share: float) -> bool:
    """Return whether head sampling keeps a trace: OpenTelemetry's rule, by hand."""
    bound: int = round(share * 2**TRACE_ID_BITS)
    return bool(int(trace_id, 16) % 2**TRACE_ID_BITS < bound)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("share", [1.0, 0.2], ids=["every trace", "one trace in five"])
def test_sums_agree_three_ways_over_a_restart(
    programs: None,  # noqa: ARG001 - must be there
    tmp_path: Path,
    share: float,
    how: signal.Signals,
) -> None:
    options = ("--runs", str(RUNS), "--pause", "0.05", "--sample", str(share))
    with Stack(tmp_path, rules=()) as stack, Traffic(stack, tmp_path, *options) as traffic:
        wait_until("half of the tasks", lambda: tasks_reach(stack, RUNS // 2))
        before = number(stack, "sum(carbon_request_emissions_grams_sum)") or 0.0
        stack.stop_collector(how)
        time.sleep(DOWN_S)
        stack.start_collector()
        counts = traffic.finished()
        exported = {trace: sums for trace, sums in counts.items() if is_sampled(trace, share)}
        assert len(counts) == RUNS
        assert 0 < len(exported) < RUNS or share == 1.0

        for metric, what, per in (
            ("carbon_request_emissions_grams_sum", "emissions_g", 1.0),
            ("carbon_emissions_low_bound_grams_total", "low_g", 1.0),
            ("carbon_emissions_high_bound_grams_total", "high_g", 1.0),
            ("carbon_energy_joules_total", "energy_j", 1.0),
            ("carbon_request_emissions_grams_count", "inferences", 1.0),
        ):
            agrees(stack, f"sum({metric}) * {per}", total(counts, what))
        assert before < total(counts, "emissions_g"), "the restart was in the middle"

        stored = wait_until("the traces", lambda: found if (found := whole(stack, exported)) else None)
        for attribute, what, per in (
            ("carbon.emissions.grams", "emissions_g", 1.0),
            ("carbon.emissions.low_grams", "low_g", 1.0),
            ("carbon.emissions.high_grams", "high_g", 1.0),
            ("carbon.energy.wh", "energy_j", 3600.0),
        ):
            sums = math.fsum(span.get(attribute, 0.0) for spans in stored.values() for span in spans.values()) * per
            assert math.isclose(sums, total(exported, what), rel_tol=WITHIN), (attribute, sums, total(exported, what))


def agrees(stack: Stack, expression: str, expected: float) -> None:
    def holds() -> bool:
        return math.isclose(number(stack, expression) or 0.0, expected, rel_tol=WITHIN)

    wait_until(f"{expression} of {expected}", holds)


def whole(stack: Stack, exported: Mapping[str, object]) -> dict[str, dict[str, dict[str, float]]] | None:
    """Return the stored spans by trace and id once every exported trace has all its spans, else None.

    By id: what was sent but not acknowledged when the Collector went is sent again, and may be stored twice.
    """
    found = {trace: {span["span_id"]: span for span in spans} for trace, spans in traces(stack).items()}
    complete = found.keys() == exported.keys() and all(len(spans) == SPANS_PER_TASK for spans in found.values())
    return found if complete else None


# The agent, its six phases, its model calls and thirty tool calls.
SPANS_PER_TASK = 1 + 6 + CALLS_PER_TASK + 30
