# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every TraceQL query of the docs is known to Grafana's grammar, and returns data over the demo's traffic."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.stack.fenced import Query, fenced
from tests.stack.running import REPOSITORY, SERVICE
from tests.stack.traceql.evaluate import evaluate
from tests.stack.traceql.spans import from_jaeger

if TYPE_CHECKING:
    from examples.stack.native import Stack
    from tests.stack.traceql.backends import Backend
    from tests.stack.traceql.grammar import Grammar


@pytest.mark.parametrize("query", fenced("traceql"), ids=str)
def test_traceql_returns_data_and_selects_fields_that_exist(backend: Backend, query: Query) -> None:
    answer = backend.ask(query.text)
    assert answer.found
    assert not answer.missing


@pytest.mark.skipif("STACK_TEMPO_URL" in os.environ, reason="the answer comes from a Tempo of unknown traffic")
def test_traces_and_metrics_tell_the_same_mean_of_each_variant(stack: Stack, grammar: Grammar) -> None:
    field, label = 'span."carbon.flag.research-model-routing"', "carbon_flag_research_model_routing"
    grams, metric = "span.carbon.emissions.grams", "carbon_request_emissions_grams"
    tree = grammar.parse_one(f"{{ {grams} >= 0 }} | avg_over_time({grams}) by ({field})")
    by_traces = evaluate(tree, from_jaeger(stack.jaeger_url, SERVICE)).series
    by_metrics = {
        (series["metric"][label],): float(series["value"][1])
        for series in stack.query(f"sum by ({label}) ({metric}_sum) / sum by ({label}) ({metric}_count)")
    }
    # Traffic goes on between the two questions, and the cohorts of a variant take turns.
    assert by_metrics == pytest.approx(by_traces, rel=0.15)


def test_the_lock_file_names_no_registry() -> None:
    lock = REPOSITORY / "tests" / "stack" / "traceql" / "package-lock.json"
    assert "resolved" not in lock.read_text(encoding="utf-8")
