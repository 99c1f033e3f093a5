# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every TraceQL query of the dashboards is known to Grafana's grammar, and returns data over the demo's traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboards.queries import Expression, expressions, files

if TYPE_CHECKING:
    from tests.stack.traceql.backends import Backend

# The demo's flag and cohort for the dashboards' variables.
VALUES = {"flag_attribute": "carbon.flag.research-model-routing", "cohort_attribute": "user.cohort"}
# Panels that are empty where nothing is wrong: the demo calls no model that is not known.
WITHOUT_DATA = {"Requests to models that are not known"}

QUERIES = [one for path in files() for one in expressions(path, VALUES) if one.language == "traceql"]


def test_the_dashboards_ask_the_traces() -> None:
    assert {"Carbon overview", "Carbon in traces"} <= {query.dashboard for query in QUERIES}
    assert {query.panel for query in QUERIES} >= WITHOUT_DATA


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_a_panel_has_data_and_its_fields_exist(backend: Backend, query: Expression) -> None:
    answer = backend.ask(query.expression)
    assert (answer.found == 0) == (query.panel in WITHOUT_DATA)
    assert not answer.missing or query.panel in WITHOUT_DATA
