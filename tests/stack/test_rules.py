# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The rules over live traffic, in time-lapse: a dirtier release fires both regressions, and undone they clear."""

from __future__ import annotations

import importlib.util
import math
import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from examples.stack.native import Stack
from tests.stack.running import POLL_S, REPOSITORY, SERVICE, Traffic, hours_file, number, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RULES = REPOSITORY / "dashboards" / "rules"
# In time-lapse with a sample a second a week is 40 seconds: so long there must have been traffic before.
WEEK_S = 40
TIMELAPSE_FOR_S = 3  # how long a condition holds before its alert fires
ENOUGH_SPANS = 500
SAMPLING_S = 12.0
HEAVIER = ("--swap", "gpt-5-mini=gpt-5", "--swap", "claude-haiku-4-5=claude-sonnet-5", "--no-cache")
REGRESSIONS = ("CarbonReleaseRegression", "CarbonWeekRegression")


def timelapse(to: Path) -> Path:
    spec = importlib.util.spec_from_file_location("timelapse", RULES / "timelapse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(to, every_s=1)
    return to


@pytest.fixture(scope="module")
def lapsed(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001 - must be there
    folder = tmp_path_factory.mktemp("timelapse")
    rules = timelapse(folder / "rules")
    # A budget that the demo's traffic uses up at once: 10 mg of CO2e in thirty days.
    settings = rules / "settings.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("vector(50000)", "vector(0.01)"), encoding="utf-8")
    with Stack(folder, rules=(rules,), evaluation="1s") as stack:
        yield stack


def alerts(stack: Stack) -> list[dict[str, Any]]:
    found = requests.get(f"{stack.prometheus_url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
    return [alert for alert in found if alert["state"] == "firing"]


def firing(stack: Stack) -> dict[str, dict[str, Any]]:
    return {alert["labels"]["alertname"]: alert for alert in alerts(stack)}


def mean_g(counts: Mapping[str, Mapping[str, float]]) -> float:
    """Grams per request, from what the process itself counted."""
    return math.fsum(task["emissions_g"] for task in counts.values()) / math.fsum(
        task["inferences"] for task in counts.values()
    )


def every(seconds: float) -> Iterator[None]:
    """Yield a few times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(POLL_S)


def recorded() -> list[str]:
    return [
        rule["record"]
        for path in sorted(RULES.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]


def test_a_dirtier_release_fires_and_clears_when_it_is_undone(lapsed: Stack, tmp_path: Path) -> None:
    mean = (
        f'avg(service_version_feature:carbon_request_emissions_grams:mean1h_per_previous{{service_name="{SERVICE}"}})'
    )
    runs = str(WEEK_S)
    with Traffic(lapsed, tmp_path, "--instance", "a", "--pause", "1", "--runs", runs) as traffic:
        before = traffic.finished()
    assert not set(REGRESSIONS) & firing(lapsed).keys()

    with Traffic(lapsed, tmp_path, "--release", "1.5.0", "--instance", "b", "--pause", "0.5", *HEAVIER):
        # The week's first, for it has less time: a week on, today's figures are the baseline.
        fired = wait_until("the week's regression", lambda: _both(lapsed))
        assert fired["CarbonReleaseRegression"]["labels"]["service_version"] == "1.5.0"
        assert fired["CarbonReleaseRegression"]["labels"]["app_feature"] == "account-brief"
        shown = [number(lapsed, mean) or math.nan for _ in every(SAMPLING_S)]
        # Everything that is recorded has values now.
        missing = [name for name in recorded() if not lapsed.query(f'last_over_time({{__name__="{name}"}}[1m])')]
        assert not missing

    with Traffic(lapsed, tmp_path, "--release", "1.5.0", "--instance", "b", "--runs", "12", *HEAVIER) as traffic:
        after = traffic.finished()
    by_hand = mean_g(after) / mean_g(before)
    assert by_hand > 1.25
    # Windows of seconds hold few runs, of different cohorts: what they show swings about the ratio.
    assert statistics.median(shown) == pytest.approx(by_hand, rel=0.15)

    with Traffic(lapsed, tmp_path, "--instance", "a", "--pause", "1"):
        wait_until("all clear", lambda: not set(REGRESSIONS) & firing(lapsed).keys())


# Each change in an environment of its own, so that each release has its own before. The last is no change.
PLANTED: Mapping[str, tuple[str, ...]] = {
    "heavier": ("--swap", "gpt-5=gpt-5.5", "--swap", "gpt-5-mini=gpt-5.5"),
    "dirtier": ("--region", "zone:PL"),
    "uncached": ("--no-cache",),
    "unchanged": (),
}


def test_each_planted_regression_fires_in_its_environment_alone_and_clears_when_undone(
    lapsed: Stack, tmp_path: Path
) -> None:
    hours = str(hours_file(tmp_path, {"GB": 120.0, "PL": 660.0}))
    worse = PLANTED.keys() - {"unchanged"}

    def served(release: str, changes: Mapping[str, tuple[str, ...]]) -> ExitStack:
        running = ExitStack()
        for environment, options in changes.items():
            named = ("--environment", environment, "--release", release, "--instance", f"{environment}-{release}")
            running.enter_context(Traffic(lapsed, tmp_path, *named, "--grid", hours, "--pause", "1", *options))
        return running

    def fires() -> set[str]:
        found = [alert for alert in alerts(lapsed) if alert["labels"]["alertname"] == "CarbonReleaseRegression"]
        assert {alert["labels"]["service_version"] for alert in found} <= {"2.0.0"}
        return {alert["labels"]["deployment_environment_name"] for alert in found} & PLANTED.keys()

    as_it_was = dict.fromkeys(PLANTED, ())
    with served("1.9.0", as_it_was):
        tasks = 'min(sum by (deployment_environment_name) (carbonspan_spans_total{deployment_environment_name=~"%s"}))'
        wait_until("a baseline", lambda: (number(lapsed, tasks % "|".join(PLANTED)) or 0) > ENOUGH_SPANS)
        assert not fires()
    with served("2.0.0", PLANTED):
        wait_until("the three that are worse", lambda: fires() == worse)
        # Long enough for the fourth to fire, if it were to.
        time.sleep(TIMELAPSE_FOR_S * 2)
        assert fires() == worse
    with served("1.9.0", as_it_was):
        wait_until("all clear", lambda: not fires())


def _both(stack: Stack) -> dict[str, dict[str, Any]] | None:
    fired = firing(stack)
    return fired if set(REGRESSIONS) <= fired.keys() else None


def test_every_rule_is_healthy_over_live_data(lapsed: Stack) -> None:
    groups = requests.get(f"{lapsed.prometheus_url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules} >= {*recorded(), *REGRESSIONS}
    assert not [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]


def test_a_budget_that_is_far_too_small_burns_and_stops_to_burn_with_the_traffic(lapsed: Stack, tmp_path: Path) -> None:
    burning = {"CarbonBudgetBurnFast", "CarbonBudgetBurn", "CarbonBudgetBurnSlow"}
    with Traffic(lapsed, tmp_path, "--instance", "c", "--pause", "0.5"):
        wait_until("burning", lambda: burning <= firing(lapsed).keys())
    wait_until("all clear", lambda: not burning & firing(lapsed).keys())
