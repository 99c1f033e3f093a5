# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Grafana's grammar of TraceQL, and who answers it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.stack.running import SERVICE, wait_until
from tests.stack.traceql.backends import Backend, OverSpans, Tempo
from tests.stack.traceql.evaluate import evaluate
from tests.stack.traceql.grammar import Grammar
from tests.stack.traceql.spans import from_jaeger

if TYPE_CHECKING:
    from examples.stack.native import Stack

# Two flag variants for two cohorts, by each of two releases.
ENOUGH_TASKS = 8


@pytest.fixture(scope="session")
def grammar() -> Grammar:
    """The grammar, installed once."""
    return Grammar()


@pytest.fixture(scope="session")
def backend(grammar: Grammar, request: pytest.FixtureRequest) -> Backend:
    """A real Tempo, where one is named; else the evaluator over what Jaeger has of whole tasks."""
    if url := os.environ.get("STACK_TEMPO_URL"):
        return Tempo(url, grammar)
    stack: Stack = request.getfixturevalue("stack")
    whole = grammar.parse_one("{ span.carbon.task.inferences = 12 } && { span.carbon.emissions.grams >= 0 }")

    def enough() -> OverSpans | None:
        traces = from_jaeger(stack.jaeger_url, SERVICE)
        return OverSpans(grammar, traces) if len(evaluate(whole, traces).spansets) >= ENOUGH_TASKS else None

    return wait_until("whole tasks at Jaeger", enough)
