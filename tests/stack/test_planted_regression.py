# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A design known to be worse moves the figure on the board, by the ratio computed by hand.

One service, one release after another: as it is, on heavier models, in a dirtier region, without its prompt cache, and
as it was. Alerts on the way: test_regression_alert.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests

from dashboards.queries import expressions, files
from examples.stack.native import Stack
from tests.stack import by_hand
from tests.stack.running import CALLS_PER_TASK, hours_file, run_traffic, traces, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CYCLE = 4  # runs until each variant has served each cohort
CYCLE_CALLS = CALLS_PER_TASK * CYCLE
CYCLES = 2  # the first makes the series, the second is measured
INTENSITY_G_PER_KWH = {"GB": 120.0, "PL": 660.0}
WITHIN = 1e-3
STEP_S = 0.25
# Longer than metrics take to be exported several times: a window then begins and ends between two cycles.
REST_S = 8.0


class Release(NamedTuple):
    """What one release runs with."""

    options: tuple[str, ...] = ()
    zone: str = "GB"


HEAVIER = ("--swap", "gpt-5=gpt-5.5", "--swap", "gpt-5-mini=gpt-5.5")
RELEASES = {
    "1.0.0": Release(),
    "1.1.0-heavier": Release(HEAVIER),
    "1.2.0-dirtier": Release(zone="PL"),
    "1.3.0-uncached": Release(("--no-cache",)),
    "1.4.0-undone": Release(),
}
# Each far enough from one that a figure which does not move cannot pass, and not what another change would give.
AT_LEAST = {"1.1.0-heavier": 1.5, "1.2.0-dirtier": 3.0, "1.3.0-uncached": 1.8}


@pytest.fixture(scope="module")
def stack(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001 - must be there
    folder = tmp_path_factory.mktemp("regression")
    with Stack(folder, rules=()) as running:
        hours = hours_file(folder, INTENSITY_G_PER_KWH)
        for release, (options, zone) in RELEASES.items():
            named = ("--release", release, "--environment", release, "--instance", release)
            where = ("--region", f"zone:{zone}", "--grid", str(hours))
            paced = ("--runs", str(CYCLE * CYCLES), "--pause", "0.1", "--rest", str(REST_S))
            run_traffic(running, folder, *named, *where, *options, *paced)
        yield running


@pytest.mark.parametrize("release", list(RELEASES)[1:])
def test_the_figure_on_the_board_moves_by_the_ratio_computed_by_hand(stack: Stack, release: str) -> None:
    before, after = on_the_board_g(stack, "1.0.0"), on_the_board_g(stack, release)
    expected = computed_g(stack, release) / computed_g(stack, "1.0.0")
    assert after / before == pytest.approx(expected, rel=WITHIN)
    assert after / before >= AT_LEAST.get(release, 0.999)
    assert after / before <= 1.001 or release in AT_LEAST
    # Not only the ratio: the figure itself is what the method says.
    assert after == pytest.approx(computed_g(stack, release), rel=WITHIN)


def on_the_board_g(stack: Stack, release: str) -> float:
    """Return what the overview's first panel says of a release's last cycle, from the rest before it to its end."""
    begin, end = (
        at_calls(stack, release, CYCLE_CALLS),
        at_calls(stack, release, CYCLE_CALLS * CYCLES),
    )
    values = {"environment": release, "__range": f"{round((end - begin) * 1000)}ms"}
    panels = [one for path in files() for one in expressions(path, values) if one.panel == "Carbon per request"]
    assert len(panels) == 1, panels
    found = stack.query(panels[0].expression, end)
    return float(found[0]["value"][1])


def at_calls(stack: Stack, release: str, calls: int) -> float:
    """Return a moment (seconds since the epoch) between two cycles, at which a release had served so many calls."""

    points = wait_until(
        f"{calls} calls of {release}", lambda: [at for at, value in history(stack, release) if value == calls]
    )
    last = calls == CYCLE_CALLS * CYCLES
    assert last or len(points) * STEP_S >= REST_S / 2, f"{release} was not seen at rest"
    return points[0] if last else points[len(points) // 2]


def history(stack: Stack, release: str) -> list[tuple[float, float]]:
    """Return how many calls a release had served, over the test's time."""
    now = time.time()
    parameters = {
        "query": f'sum(carbon_request_emissions_grams_count{{service_version="{release}"}})',
        "start": str(now - 600),
        "end": str(now),
        "step": str(STEP_S),
    }
    answer = requests.get(f"{stack.prometheus_url}/api/v1/query_range", params=parameters, timeout=30).json()
    return [(at, float(value)) for series in answer["data"]["result"] for at, value in series["values"]]


def computed_g(stack: Stack, release: str) -> float:
    """Return the mean grams of a call by hand, over the cycles after the first, from the tokens on the spans."""
    tasks = sorted(
        (spans for spans in traces(stack).values() if spans[0]["service.version"] == release),
        key=lambda spans: min(span["start_us"] for span in spans),
    )
    assert len(tasks) == CYCLE * CYCLES
    spans: list[Mapping[str, Any]] = [span for task in tasks[CYCLE:] for span in task]
    return by_hand.mean_grams(spans, INTENSITY_G_PER_KWH[RELEASES[release].zone])
