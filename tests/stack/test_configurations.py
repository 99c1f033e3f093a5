# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Each configuration of the Collector is valid, and carries the demo's traffic to Prometheus and the trace backend."""

from __future__ import annotations

import math
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import requests

from examples.stack.native import Stack
from tests.stack.running import REPOSITORY, hours_file, number, run_traffic, total, traces, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CONFIGS = REPOSITORY / "collector-config"
ALONE = {
    "agent": ("agent.yaml",),
    "agent, scraped": ("agent.yaml", "scrape.yaml"),
    "gateway": ("gateway-tail-sampling.yaml",),
}
GRAMS = "sum(carbon_request_emissions_grams_sum)"
RUNS = 8


def test_every_configuration_is_among_these() -> None:
    layered = {name for files in ALONE.values() for name in files}
    generated = {"enrich-at-collector.yaml"}  # test_enrich_at_collector.py
    found = {path.name for path in CONFIGS.glob("*.yaml")} - {"builder.yaml"}
    assert found - generated == layered


@pytest.mark.parametrize("files", ALONE.values(), ids=ALONE)
def test_is_valid_without_a_warning(program: Callable[[str], Path], tmp_path: Path, files: tuple[str, ...]) -> None:
    arguments = [argument for name in files for argument in ("--config", str(CONFIGS / name))]
    result = subprocess.run(  # noqa: S603 - the Collector
        [program("otelcol"), "validate", *arguments],
        env={**os.environ, "QUEUE_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr.strip()) == (0, "")


@pytest.mark.parametrize("files", [ALONE["agent"], ALONE["agent, scraped"]], ids=["written", "scraped"])
def test_an_agent_carries_spans_metrics_and_exemplars(
    programs: None,  # noqa: ARG001 - must be there
    tmp_path: Path,
    files: tuple[str, ...],
) -> None:
    scraped = "scrape.yaml" in files
    with Stack(tmp_path, collector=[CONFIGS / name for name in files], rules=(), scraped=scraped) as stack:
        counts = run_traffic(stack, tmp_path, "--runs", str(RUNS), "--pause", "0")
        grams = total(counts)
        wait_until("the grams", lambda: math.isclose(number(stack, GRAMS) or 0.0, grams, rel_tol=1e-9))
        stored = wait_until("the traces", lambda: found if (found := traces(stack)).keys() == counts.keys() else None)
        assert math.isclose(emitted_g(stored), grams, rel_tol=1e-9)
        labels = stack.query(f"count by (service_name, service_version, deployment_environment_name) ({series_of()})")
        assert [one["metric"] for one in labels] == [
            {"service_name": "research-agent", "service_version": "1.4.0", "deployment_environment_name": "demo"}
        ]
        linked = {exemplar["labels"]["trace_id"] for exemplar in exemplars(stack)}
        assert linked
        assert linked <= counts.keys()
        # `validate` does not name what is deprecated; a Collector that starts does.
        assert "warn" not in levels_at_start(stack)


def test_a_gateway_keeps_the_dirtiest_traces_and_counts_all(programs: None, tmp_path: Path) -> None:  # noqa: ARG001
    runs = 24
    settings = {"DECISION_WAIT": "2s", "KEEP_CALL_GRAMS": "1000", "KEEP_REST_PERCENT": "0"}
    # Two cohorts emit more than two others: between the second and the third of four lies a threshold for half of them.
    threshold_g = 1.3
    gateway = CONFIGS / "gateway-tail-sampling.yaml"
    environment = settings | {"KEEP_TASK_GRAMS": str(threshold_g)}
    with Stack(tmp_path, collector=[gateway], rules=(), environment=environment) as stack:
        counts = run_traffic(
            stack, tmp_path, "--runs", str(runs), "--pause", "0", "--grid", str(hours_file(tmp_path, {"GB": 200.0}))
        )
        dirtiest = {trace for trace, sums in counts.items() if sums["emissions_g"] >= threshold_g}
        assert 0 < len(dirtiest) < runs
        wait_until("the dirtiest traces", lambda: traces(stack).keys() == dirtiest)
        # The rest does not come later either: a trace that ended last is decided on last.
        stack.stop_collector()
        assert traces(stack).keys() == dirtiest
        kept = traces(stack)
        assert all(len(spans) == len(next(iter(kept.values()))) for spans in kept.values()), "whole traces"
        assert math.isclose(number(stack, GRAMS) or 0.0, total(counts), rel_tol=1e-9), "metrics count every span"


def test_a_gateway_that_is_stopped_decides_first(programs: None, tmp_path: Path) -> None:  # noqa: ARG001
    environment = {"DECISION_WAIT": "1h", "KEEP_TASK_GRAMS": "0"}
    gateway = CONFIGS / "gateway-tail-sampling.yaml"
    with Stack(tmp_path, collector=[gateway], rules=(), environment=environment) as stack:
        counts = run_traffic(stack, tmp_path, "--runs", str(RUNS), "--pause", "0")
        assert not traces(stack)
        stack.stop_collector()
        stack.start_collector()  # what it had not delivered is on disk
        wait_until("every trace", lambda: traces(stack).keys() == counts.keys())


def levels_at_start(stack: Stack) -> set[str]:
    """Return the levels of what the Collector logged before it was ready."""
    log = stack.log("otelcol").read_text(encoding="utf-8")
    starting, ready, _ = log.partition("Everything is ready")
    assert ready
    # Not of the connection to a trace backend that is not up yet.
    return {line.split("\t")[1] for line in starting.splitlines() if "\t" in line and "grpc@" not in line}


def series_of() -> str:
    return "carbon_request_emissions_grams_count"


def emitted_g(stored: Mapping[str, list[dict[str, Any]]]) -> float:
    return math.fsum(span.get("carbon.emissions.grams", 0.0) for spans in stored.values() for span in spans)


def exemplars(stack: Stack) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{stack.prometheus_url}/api/v1/query_exemplars",
        params={"query": "carbon_request_emissions_grams_bucket", "start": "0", "end": "4102444800"},
        timeout=10,
    ).json()
    return [exemplar for series in answer["data"] for exemplar in series["exemplars"]]
