# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every TraceQL query of the dashboards is known to Grafana's grammar, and returns data over the demo's traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboards.queries import expressions, files
from tests.stack.running import SERVICE

if TYPE_CHECKING:
    from dashboards.queries import Expression
    from tests.stack.traceql.backends import Backend

VALUES = {
    "service": SERVICE,
    "environment": "demo",
    "flag_attribute": "carbon.flag.research-model-routing",
    "cohort_attribute": "user.cohort",
    "where": 'span.user.cohort = "free" || true',
}
# The demo's models are all known: what asks for class defaults (E) is shown with closed models of guessed size (D).
NOT_IN_THE_DEMO = {"Requests to unknown models": ('"E"', '"D"')}

TRACEQL = [e for path in files() for e in expressions(path, VALUES) if e.language == "traceql"]


@pytest.mark.parametrize("expression", TRACEQL, ids=lambda e: f"{e.dashboard}: {e.panel}")
def test_a_panel_of_traces_gets_data_and_selects_fields_that_exist(backend: Backend, expression: Expression) -> None:
    query = expression.expression
    if expression.panel in NOT_IN_THE_DEMO:
        absent, present = NOT_IN_THE_DEMO[expression.panel]
        assert not backend.ask(query).found
        query = query.replace(absent, present)
    answer = backend.ask(query)
    assert answer.found
    assert not answer.missing


def test_nothing_comes_of_a_service_that_is_not_there(backend: Backend) -> None:
    for path in files():
        for expression in expressions(path, {**VALUES, "service": "nobody"}):
            if expression.language == "traceql":
                assert not backend.ask(expression.expression).found, expression
