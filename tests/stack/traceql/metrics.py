# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""TraceQL's metrics over spans at hand, as one value for the whole time: what Tempo answers to an instant query.

After https://grafana.com/docs/tempo/latest/metrics-from-traces/metrics-queries/functions/. Tempo's quantiles come from
a histogram of powers of two and differ from the exact ones here.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tests.stack.traceql import fields
from tests.stack.traceql.fields import UnsupportedError, field_name, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.stack.traceql.evaluate import Result
    from tests.stack.traceql.grammar import Node
    from tests.stack.traceql.spans import Span, Trace

OVER_TIME: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum_over_time": math.fsum,
    "avg_over_time": fmean,
    "min_over_time": min,
    "max_over_time": max,
}
NS_PER_S = 1e9


def operation(node: Node, result: Result, seconds: float) -> Result:
    """Return the series of a metrics function.

    Raises:
        UnsupportedError: a function that is not known here.
    """
    by = [child for child in node.children if child.name == "GroupOperation"]
    keys = list(by[0].children) if by else []
    kind, name = node.name, node.children[0].text
    series: dict[tuple[str, ...], float] = {}
    groups = _grouped(result, keys)
    if kind == "MetricsOperationBasic" and name in {"rate", "count_over_time"}:
        per = seconds if name == "rate" else 1.0
        series = {group: len(spans) / per for group, spans in groups.items()}
    elif kind == "MetricsOverTime" and name in OVER_TIME:
        of = node.children[1].only
        for group, spans in groups.items():
            if values := list(_numbers(of, spans)):
                series[group] = OVER_TIME[name](values)
    elif kind == "MetricsOperationQuantile":
        arguments = node.children[0]
        of, *quantiles = arguments.children
        for group, spans in groups.items():
            if values := sorted(_numbers(of.only, spans)):
                for quantile in quantiles:
                    rank = math.ceil(literal(quantile.text) * len(values))
                    labels = (*group, quantile.text)
                    series[labels] = values[max(0, rank - 1)]
    else:
        raise UnsupportedError(f"{kind}: {node.text}")
    result.series = series
    return result


def _grouped(result: Result, keys: Sequence[Node]) -> dict[tuple[str, ...], list[tuple[Span, Trace]]]:
    groups: dict[tuple[str, ...], list[tuple[Span, Trace]]] = {}
    for spanset in result.spansets:
        for span in spanset.spans:
            values: list[Any] = [fields.evaluate(key, span, spanset.trace) for key in keys]
            group = tuple("nil" if value is None else str(value) for value in values)
            groups.setdefault(group, []).append((span, spanset.trace))
    return groups


def _numbers(of: Node, spans: Sequence[tuple[Span, Trace]]) -> Iterator[float]:
    in_ns = of.name == "IntrinsicField" and "uration" in field_name(of)
    for span, trace in spans:
        value = fields.evaluate(of, span, trace)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield value / NS_PER_S if in_ns else value  # metrics give durations in seconds


def best(node: Node, result: Result) -> Result:
    """Return the first series of `topk` or the last of `bottomk`."""
    how, count = node.children
    if result.series is None:
        raise UnsupportedError(f"{node.text} of no metrics")
    ranked = sorted(result.series.items(), key=lambda pair: pair[1], reverse=how.text == "topk")
    result.series = dict(ranked[: int(count.text)])
    return result
