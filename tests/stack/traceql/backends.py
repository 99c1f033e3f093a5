# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Who answers TraceQL: the evaluator over what Jaeger serves, or a real Tempo where STACK_TEMPO_URL names one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import requests

from tests.stack.traceql.evaluate import evaluate

if TYPE_CHECKING:
    from tests.stack.traceql.grammar import Grammar
    from tests.stack.traceql.spans import Trace

LOOKBACK_S = 3600
STEP = "60s"
TIMEOUT_S = 60


class Answer(NamedTuple):
    """What an expression returned."""

    found: int
    """Traces of a search, series of metrics."""
    missing: tuple[str, ...]
    """Fields that were selected and that none of the spans has."""


class Backend(Protocol):
    """Answers TraceQL."""

    def ask(self, expression: str) -> Answer:
        """Return what there is."""
        ...


class OverSpans:
    """The evaluator, over spans at hand."""

    def __init__(self, grammar: Grammar, traces: list[Trace]) -> None:
        self._grammar = grammar
        self._traces = traces

    def ask(self, expression: str) -> Answer:
        """Return what the expression finds among the spans.

        Raises:
            NotTraceQLError: Grafana's grammar does not know it.
            UnsupportedError: the evaluator has not got all of it.
        """
        result = evaluate(self._grammar.parse_one(expression), self._traces)
        found = len(result.spansets) if result.series is None else len(result.series)
        return Answer(found, tuple(name for name, values in result.selected.items() if not values))


class Tempo:
    """A real Tempo, by its API (https://grafana.com/docs/tempo/latest/api_docs/)."""

    def __init__(self, url: str, grammar: Grammar) -> None:
        self._url = url.rstrip("/")
        self._grammar = grammar

    def ask(self, expression: str) -> Answer:
        """Return what Tempo finds within the last hour.

        Raises:
            NotTraceQLError: Grafana's grammar does not know it.
            requests.HTTPError: Tempo refuses it.
        """
        is_metrics = any(node.name == "MetricsOperation" for node in self._grammar.parse_one(expression).walk())
        path, found = ("/api/metrics/query_range", "series") if is_metrics else ("/api/search", "traces")
        now = int(time.time())
        parameters = {"q": expression, "start": str(now - LOOKBACK_S), "end": str(now)}
        parameters |= {"step": STEP} if is_metrics else {"limit": "20"}
        answer = requests.get(self._url + path, params=parameters, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return Answer(len(answer.json().get(found) or ()), ())
