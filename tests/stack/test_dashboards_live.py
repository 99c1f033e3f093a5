# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every panel that asks Prometheus gets data from the stack, and every variable its options, as Grafana asks."""

from __future__ import annotations

import json
import math
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dashboards.queries import expressions, files, fill
from tests.stack.running import Traffic, number, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dashboards.queries import Expression
    from examples.stack.native import Stack

VALUES = {
    "service": "research-agent",
    "environment": "demo",
    "basis": "life-cycle",
    "flag": "carbon_flag_research_model_routing",
    "cohort": "user_cohort",
    "by": "service_version",
    "a": "1.4.0",
    "b": "1.5.0",
    "__rate_interval": "30s",
    "__range": "10m",
}
STEP_S = 5
CURVE_S = 60
INFERENCES = 12  # of one task of the traffic

PROMQL = [e for path in files() for e in expressions(path, VALUES) if e.language == "promql"]
VARIABLES = [
    pytest.param(variable, id=f"{path.stem} {variable['name']}")
    for path in files()
    for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
    if variable["type"] == "query" and variable["datasource"]["type"] == "prometheus"
]


def ask(stack: Stack, what: str, **parameters: Any) -> Any:
    """Ask Prometheus' API as Grafana does, and return the data of its answer."""
    answer = requests.get(f"{stack.prometheus_url}/api/v1/{what}", params=parameters, timeout=30)
    assert answer.ok, answer.text
    return answer.json()["data"]


def numbers(stack: Stack, expression: Expression) -> list[float]:
    """Return what a panel would draw of one of its queries."""
    if expression.instant:
        return [float(series["value"][1]) for series in ask(stack, "query", query=expression.expression)["result"]]
    now = time.time()
    window = {"start": now - CURVE_S, "end": now, "step": STEP_S}
    result = ask(stack, "query_range", query=expression.expression, **window)["result"]
    return [float(value) for series in result for _, value in series["values"]]


@pytest.mark.parametrize("expression", PROMQL, ids=lambda e: f"{e.dashboard}: {e.panel}")
def test_no_panel_is_empty_and_none_draws_what_is_no_number(stack: Stack, expression: Expression) -> None:
    drawn = wait_until(f"data of {expression.panel}", lambda: numbers(stack, expression))
    assert all(math.isfinite(number) for number in drawn), drawn


def test_while_nothing_is_asked_no_panel_draws_what_is_no_number(stack: Stack, tmp_path: Path) -> None:
    # A process that waits goes on exporting: its rates are zero, and a mean of nothing would be 0 / 0.
    idle = {**VALUES, "environment": "idle", "__rate_interval": "10s", "__range": "10s"}
    requests = 'carbon_request_emissions_grams_count{deployment_environment_name="idle"}'
    with Traffic(stack, tmp_path, "--environment", "idle", "--instance", "idle", "--pause", "600"):
        wait_until("the requests of one task", lambda: (number(stack, f"sum({requests})") or 0) >= INFERENCES)
        wait_until("their end", lambda: number(stack, f"sum(rate({requests}[10s]))") == 0)
        drawn = {
            expression: [float(one["value"][1]) for one in ask(stack, "query", query=expression.expression)["result"]]
            for path in files()
            for expression in expressions(path, idle)
            if expression.language == "promql"
        }
    assert [e for e, values in drawn.items() if not all(math.isfinite(value) for value in values)] == []
    assert [e for e, values in drawn.items() if values and e.panel == "Carbon per request"] == []
    assert [e for e, values in drawn.items() if values == [0.0] and e.panel == "Requests"]


def options(stack: Stack, variable: Mapping[str, Any]) -> list[str]:
    """Return the options of a variable: what the data source answers, through the variable's pattern."""
    asked = fill(variable["query"], VALUES)
    kind, argument = re.fullmatch(r"(\w+)\((.*)\)", asked, re.DOTALL).groups()  # type: ignore[union-attr]
    if kind == "label_names":
        found = ask(stack, "labels", **{"match[]": argument})
    elif kind == "label_values":
        metric, label = argument.rsplit(", ", 1)
        found = ask(stack, f"label/{label}/values", **{"match[]": metric})
    else:
        series = ask(stack, "query", query=argument)["result"]
        found = [f"{{}} {one['value'][1]} {one['value'][0] * 1000}" for one in series]
    pattern = variable.get("regex")
    if not pattern:
        return list(found)
    matches = (re.search(pattern.strip("/"), one) for one in found)
    return [match.group(1) for match in matches if match]


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_has_options(stack: Stack, variable: dict[str, Any]) -> None:
    found = options(stack, variable)
    expected = {
        "flag": ["carbon_flag_research_model_routing", "gen_ai_request_model"],
        "cohort": ["app_feature", "carbon_agent_name", "user_cohort"],
        "by": ["carbon_flag_research_model_routing", "service_version"],
        "service": ["research-agent"],
        "basis": ["life-cycle"],
    }
    assert found
    if variable["name"] in expected:
        assert sorted(found) == expected[variable["name"]]
    if variable["name"] == "dirty_from":
        assert float(found[0]) > 0
    if variable["name"] in {"a", "b"}:
        assert {"1.4.0", "1.5.0"} <= set(found)


def test_dots_lead_to_traces(stack: Stack) -> None:
    asked = {
        target["expr"]
        for path in files()
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", [])
        if target.get("exemplar")
    }
    assert asked
    for expr in asked:
        query = fill(expr, VALUES)
        now = time.time()
        found = ask(stack, "query_exemplars", query=query, start=now - 600, end=now)
        assert all(re.fullmatch("[0-9a-f]{32}", e["labels"]["trace_id"]) for s in found for e in s["exemplars"])
        assert found, query
