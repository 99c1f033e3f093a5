# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What stands between the braces of TraceQL: fields, literals, comparisons, arithmetic, of one span.

As Tempo documents it (https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/): comparisons with a
field that is not there, or of another type, are false; regular expressions are anchored at both ends; of an array any
element may match.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

from tests.stack.traceql.spans import KINDS, STATUSES, Span, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.stack.traceql.grammar import Node

NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


class Keyword(str):
    """A status or a kind: equal to a keyword, never to a text."""

    __slots__ = ()


INTRINSICS: Mapping[str, Callable[[Span, Trace], Any]] = {
    "name": lambda span, _: span.name,
    "span:name": lambda span, _: span.name,
    "duration": lambda span, _: span.duration_ns,
    "span:duration": lambda span, _: span.duration_ns,
    "kind": lambda span, _: Keyword(span.kind),
    "span:kind": lambda span, _: Keyword(span.kind),
    "status": lambda span, _: Keyword(span.status),
    "span:status": lambda span, _: Keyword(span.status),
    "span:id": lambda span, _: span.span_id,
    "span:parentID": lambda span, _: span.parent_id,
    "trace:id": lambda _, trace: trace.trace_id,
    "trace:duration": lambda _, trace: trace.duration_ns,
    "traceDuration": lambda _, trace: trace.duration_ns,
    "trace:rootName": lambda _, trace: trace.root.name if trace.root else None,
    "rootName": lambda _, trace: trace.root.name if trace.root else None,
    "trace:rootService": lambda _, trace: trace.root.resource.get("service.name") if trace.root else None,
    "rootServiceName": lambda _, trace: trace.root.resource.get("service.name") if trace.root else None,
    "nestedSetParent": lambda span, _: 1 if span.parent_id else -1,
    "instrumentation:name": lambda span, _: span.scope,
}

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": operator.pow,
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=~": lambda left, right: re.fullmatch(right, left) is not None,
    "!~": lambda left, right: re.fullmatch(right, left) is None,
}
# The grammar has one rank for all of these; what Tempo's has is the usual: powers, products, sums, then comparisons.
_RANKS: Mapping[str, int] = {"^": 3, "*": 2, "/": 2, "%": 2, "+": 1, "-": 1}


class UnsupportedError(NotImplementedError):
    """Something of TraceQL that this evaluator has not got: add it, or do not use it."""


def literal(text: str) -> Any:
    """Return the value of a literal: text, number, duration in nanoseconds, truth, nil as None, or a keyword.

    Raises:
        UnsupportedError: no literal that is known here.
    """
    if text[0] in '"`':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1]) if text[0] == '"' else text[1:-1]
    named: Mapping[str, Any] = {"true": True, "false": False, "nil": None}
    if text in named:
        return named[text]
    if text in KINDS or text in STATUSES:
        return Keyword(text)
    if duration := re.fullmatch(r"(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text):
        return float(duration[1]) * NS[duration[2]]
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d*\.\d+", text):
        return float(text)
    raise UnsupportedError(f"literal {text!r}")


def field_name(node: Node) -> str:
    """Return a field as Tempo shows it: its scope and its name, without quotes."""
    return re.sub(r'"((?:[^"\\]|\\.)*)"', r"\1", node.text)


def attribute(node: Node, span: Span) -> Any:
    """Return the value of an attribute field of a span, None where it has none.

    Raises:
        UnsupportedError: a scope that is not known here.
    """
    scope, _, name = field_name(node).partition(".")
    if scope == "span":
        return span.attributes.get(name)
    if scope == "resource":
        return span.resource.get(name)
    if scope == "":
        return span.attributes.get(name, span.resource.get(name))
    raise UnsupportedError(f"scope {scope!r} of {node.text}")


def evaluate(node: Node, span: Span, trace: Trace) -> Any:
    """Return the value of a field expression for one span.

    Raises:
        UnsupportedError: something of TraceQL that is not known here.
    """
    if node.name == "FieldExpression":
        if len(node.children) == 1:
            return _single(node, span, trace)
        return (_chain if node.children[1].name == "FieldOp" else _logical)(node, span, trace)
    if node.name == "Static":
        return literal(node.text)
    if node.name == "AttributeField":
        return attribute(node, span)
    if node.name == "IntrinsicField" and node.text in INTRINSICS:
        return INTRINSICS[node.text](span, trace)
    raise UnsupportedError(f"{node.name} {node.text!r}")


def _single(node: Node, span: Span, trace: Trace) -> Any:
    """A field or a literal, or something in brackets or behind a sign."""
    inner = node.only
    sign = node.text[0] if inner.name == "FieldExpression" else ""
    if sign and sign in "-!" and len(inner.children) == 3:
        # The grammar lets a sign reach over all that follows, which Tempo does not.
        raise UnsupportedError(f"a sign before an operator, without brackets: {node.text}")
    value = evaluate(inner, span, trace)
    if sign == "!":
        return value is not True
    return -value if sign == "-" and value is not None else value


def _logical(node: Node, span: Span, trace: Trace) -> bool:
    left, how, right = node.children
    first = evaluate(left, span, trace) is True
    if first is (how.name == "Or"):
        return first
    return evaluate(right, span, trace) is True


def _chain(node: Node, span: Span, trace: Trace) -> Any:
    """Of operators that the grammar has in one row, from left to right: the usual ranks, then the comparison."""
    values: list[Any] = []
    operators: list[str] = []
    while len(node.children) == 3 and node.children[1].name == "FieldOp":
        left, how, right = node.children
        values.insert(0, evaluate(right, span, trace))
        operators.insert(0, how.text)
        node = left
    values.insert(0, evaluate(node, span, trace))
    for rank in (3, 2, 1):
        at = 0
        while at < len(operators):
            if _RANKS.get(operators[at], 0) == rank:
                values[at : at + 2] = [_calculated(operators.pop(at), *values[at : at + 2])]
            else:
                at += 1
    if not operators:
        return values[0]
    if len(operators) > 1:
        raise UnsupportedError(f"comparisons of comparisons: {operators}")
    return compared(operators[0], *values)


def _calculated(how: str, left: Any, right: Any) -> Any:
    if not (_is_number(left) and _is_number(right)):
        return None
    return _ARITHMETIC[how](left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    return (_is_number(left) and _is_number(right)) or type(left) is type(right)


def compared(how: str, left: Any, right: Any) -> bool:
    """Return what a comparison says: any element of an array may match, and none where it is negated."""
    if right is None:
        return {"=": left is None, "!=": left is not None}.get(how, False)
    if isinstance(left, list):
        if how in {"!=", "!~"}:
            return not any(compared({"!=": "=", "!~": "=~"}[how], one, right) for one in left)
        return any(compared(how, one, right) for one in left)
    return _comparable(left, right) and _COMPARISONS[how](left, right)
