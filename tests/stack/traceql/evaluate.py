# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluates the subset of TraceQL in use here over spans at hand. It is not Tempo and proves nothing of Tempo itself.

It proves that names, scopes and types of an expression are those of the spans the application really sends, and that
data comes back; where STACK_TEMPO_URL is set, Tempo is asked instead. Written from Tempo's public documentation
(https://grafana.com/docs/tempo/latest/traceql/), on the tree of Grafana's grammar. What it has not got raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stack.traceql import fields, metrics
from tests.stack.traceql.fields import UnsupportedError, compared, field_name, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.stack.traceql.grammar import Node
    from tests.stack.traceql.spans import Span, Trace


@dataclass
class Spanset:
    """Spans of one trace that an expression selects."""

    trace: Trace
    spans: list[Span]
    group: tuple[Any, ...] = ()


@dataclass
class Result:
    """What an expression returns: spansets for a search, series for metrics."""

    spansets: list[Spanset]
    selected: dict[str, list[Any]] = field(default_factory=dict)
    """Values of each field under `select`, of the spans that have it."""
    series: dict[tuple[str, ...], float] | None = None
    """Of metrics: a value for the whole time, by the values of `by`."""

    @property
    def empty(self) -> bool:
        """Whether nothing came back."""
        return not (self.spansets if self.series is None else self.series)


def evaluate(tree: Node, traces: Sequence[Trace], seconds: float = 3600.0) -> Result:
    """Return what an expression selects of the traces.

    Args:
        tree: Of the whole expression.
        traces: What there is.
        seconds: The time that rates are taken over.

    Raises:
        UnsupportedError: the expression has something that this evaluator has not.
    """
    result = Result([Spanset(trace, list(trace.spans)) for trace in traces])
    for stage in stages(tree.only):
        result = _apply(stage, result, seconds)
    return result


def stages(node: Node) -> list[Node]:
    """Return the steps of a pipeline, from left to right."""
    if len(node.children) == 3 and node.children[1].name == "Pipe":
        return [*stages(node.children[0]), *stages(node.children[2])]
    return [node]


def _apply(node: Node, result: Result, seconds: float) -> Result:
    if node.name in {"SpansetPipelineExpression", "SpansetPipeline", "WrappedSpansetPipeline", "SpansetExpression"}:
        if len(node.children) == 1:
            return _apply(node.only, result, seconds)
        return Result([found for spanset in result.spansets if (found := _related(node, spanset, seconds)).spans])
    steps: Mapping[str, Callable[[Node, Result], Result]] = {
        "SpansetFilter": _filter,
        "ScalarFilter": _scalar_filter,
        "GroupOperation": _group,
        "SelectOperation": _select,
        "MetricsAggregatorFunctions": metrics.best,
    }
    if node.name == "MetricsOperation":
        return metrics.operation(node.only, result, seconds)
    if node.name not in steps:
        raise UnsupportedError(f"{node.name}: {node.text}")
    return steps[node.name](node, result)


def _filter(node: Node, result: Result) -> Result:
    if not node.children:
        return result
    found = []
    for spanset in result.spansets:
        spans = [span for span in spanset.spans if fields.evaluate(node.only, span, spanset.trace) is True]
        if spans:
            found.append(Spanset(spanset.trace, spans, spanset.group))
    return Result(found)


def _related(node: Node, spanset: Spanset, seconds: float) -> Spanset:
    """Two spansets of one trace, by a logical or structural operator: the latter return the right side's."""
    if len(node.children) != 3:
        raise UnsupportedError(f"operator in {node.text}")
    left_node, how, right_node = node.children

    def spans(of: Node) -> list[Span]:
        return [span for one in _apply(of, Result([spanset]), seconds).spansets for span in one.spans]

    left, right = spans(left_node), spans(right_node)
    ids = {span.span_id for span in left}
    if how.name in {"And", "Or"}:
        both = left + [span for span in right if span.span_id not in ids]
        found = both if how.name == "Or" or (left and right) else []
    elif how.name == "Desc":
        found = [span for span in right if ids & {above.span_id for above in spanset.trace.ancestors(span)}]
    elif how.name == "Gt":
        found = [span for span in right if span.parent_id in ids]
    else:
        raise UnsupportedError(f"operator {how.text}")
    return Spanset(spanset.trace, found, spanset.group)


def _scalar_filter(node: Node, result: Result) -> Result:
    left, how, right = node.children
    found = [s for s in result.spansets if compared(how.text, _scalar(left, s), _scalar(right, s))]
    return Result(found, result.selected)


def _scalar(node: Node, spanset: Spanset) -> Any:
    if node.name == "ScalarExpression":
        if len(node.children) == 1:
            return _scalar(node.only, spanset)
        if not node.children:
            return literal(node.text)
        raise UnsupportedError(f"arithmetic on aggregates: {node.text}")
    if node.name != "Aggregate":
        return literal(node.text)
    if not node.children:
        return len(spanset.spans)
    how, of = node.children
    values = [v for span in spanset.spans if (v := fields.evaluate(of, span, spanset.trace)) is not None]
    if not values:
        return None
    return {"sum": sum(values), "avg": sum(values) / len(values), "max": max(values), "min": min(values)}[how.text]


def _group(node: Node, result: Result) -> Result:
    found = []
    for spanset in result.spansets:
        groups: dict[Any, list[Span]] = {}
        for span in spanset.spans:
            groups.setdefault(fields.evaluate(node.only, span, spanset.trace), []).append(span)
        found += [Spanset(spanset.trace, spans, (*spanset.group, key)) for key, spans in groups.items()]
    return Result(found)


def _select(node: Node, result: Result) -> Result:
    selected: dict[str, list[Any]] = {}
    for one in (one for one in node.walk() if one.name in {"AttributeField", "IntrinsicField"}):
        values = [fields.evaluate(one, span, spanset.trace) for spanset in result.spansets for span in spanset.spans]
        selected[field_name(one)] = [value for value in values if value is not None]
    return Result(result.spansets, selected)
