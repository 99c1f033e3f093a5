# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluator of TraceQL on spans whose answer is known, and the grammar on what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.stack.traceql.evaluate import evaluate
from tests.stack.traceql.fields import UnsupportedError
from tests.stack.traceql.grammar import NotTraceQLError
from tests.stack.traceql.spans import Span, by_trace, from_otlp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.stack.traceql.grammar import Grammar

MS = 10**6


def span(
    trace: str, name: str, parent: str = "", more: Mapping[str, Any] | None = None, *, ms: int = 100, **attributes: Any
) -> Span:
    return Span(
        trace_id=trace,
        span_id=f"{trace}-{name}",
        parent_id=f"{trace}-{parent}" if parent else "",
        name=name,
        kind="client" if "g" in attributes else "internal",
        status="unset",
        start_ns=0,
        duration_ns=ms * MS,
        attributes={f"carbon.{key}" if key in {"g", "task"} else key: value for key, value in attributes.items()}
        | dict(more or {}),
        resource={"service.name": "agent", "service.version": "1" if trace == "a" else "2"},
    )


# Trace a: an agent over calls of 1 and 2 g; b: over one of 4 g; c: no carbon at all.
TRACES = by_trace(
    [
        span("a", "agent", task=3.0),
        span("a", "one", "agent", {"flag.a-b": "on", "tags": ["x", "y"]}, g=1.0, model="small"),
        span("a", "two", "agent", {"flag.a-b": "off"}, ms=300, g=2.0, model="large"),
        span("b", "agent", task=4.0),
        span("b", "step", "agent"),
        span("b", "one", "step", ms=200, g=4, model="large", cached=True),
        span("c", "agent"),
    ]
)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("{}", ["a-agent", "a-one", "a-two", "b-agent", "b-one", "b-step", "c-agent"]),
        ("{ span.carbon.g > 1 }", ["a-two", "b-one"]),
        ("{ span.carbon.g >= 1.0 && span.model = `small` }", ["a-one"]),
        ('{ span.model != "small" }', ["a-two", "b-one"]),  # a span without the field matches nothing
        ("{ span.model = nil && span.carbon.task != nil }", ["a-agent", "b-agent"]),
        ('{ span.model =~ "small|lar" }', ["a-one"]),  # anchored at both ends
        ('{ span.model !~ "lar.*" }', ["a-one"]),
        ('{ span."flag.a-b" = "on" }', ["a-one"]),
        ('{ span.flag."a-b" = "off" }', ["a-two"]),
        ('{ span.tags = "y" }', ["a-one"]),
        ('{ span.carbon.g = "1" }', []),  # a number is no text
        ("{ span.cached = true }", ["b-one"]),
        ("{ (!(span.cached = true)) && span.carbon.g > 1 }", ["a-two"]),
        ("{ span.carbon.g * 1000 > 500 * 2 + 500 }", ["a-two", "b-one"]),
        ("{ span.carbon.g + 1 * 2 = 3 || (-span.carbon.g) = -4 }", ["a-one", "b-one"]),
        ("{ span:duration > 150ms && kind = client }", ["a-two", "b-one"]),
        ("{ status = unset && duration >= 0.2s }", ["a-two", "b-one"]),
        ('{ resource.service.version = "2" && .carbon.g > 0 }', ["b-one"]),
        ('{ trace:rootName = "agent" && span.carbon.g = 4 }', ["b-one"]),
        ("{ span.carbon.task > 0 } > { span.carbon.g > 0 }", ["a-one", "a-two"]),
        ("{ span.carbon.task > 0 } >> { span.carbon.g > 0 }", ["a-one", "a-two", "b-one"]),
        ("{ span.carbon.g = 1 } && { span.carbon.g = 2 }", ["a-one", "a-two"]),
        ("{ span.carbon.g = 1 } || { span.carbon.g = 4 }", ["a-one", "b-one"]),
        ("{ span.carbon.g > 0 } | sum(span.carbon.g) > 3", ["b-one"]),
        ("{ span.carbon.g > 0 } | avg(span.carbon.g) <= 1.5", ["a-one", "a-two"]),
        ("{ span.carbon.g > 0 } | max(span.carbon.g) = 2 | count() = 2", ["a-one", "a-two"]),
        ("{ span.carbon.g > 0 } | by(span.model) | min(span.carbon.g) >= 2", ["a-two", "b-one"]),
    ],
)
def test_a_search_selects(grammar: Grammar, expression: str, names: list[str]) -> None:
    result = evaluate(grammar.parse_one(expression), TRACES)
    assert sorted(one.span_id for spanset in result.spansets for one in spanset.spans) == names
    assert result.empty is not bool(names)


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        ("{ span.carbon.g > 0 } | rate()", {(): 3 / 60}),
        ("{ span.carbon.g > 0 } | count_over_time() by (span.model)", {("small",): 1, ("large",): 2}),
        ("{} | sum_over_time(span.carbon.g) by (resource.service.version)", {("1",): 3, ("2",): 4}),
        ("{ span.carbon.g > 0 } | avg_over_time(span.carbon.g)", {(): 7 / 3}),
        ("{} | max_over_time(span:duration)", {(): 0.3}),
        ("{} | min_over_time(span.carbon.g) by (span.model, span.cached)", {("small", "nil"): 1, ("large", "nil"): 2}),
        ("{} | quantile_over_time(span.carbon.g, 0.5, 0.99)", {("0.5",): 2, ("0.99",): 4}),
        ("{} | sum_over_time(span.carbon.g) by (span.model) | topk(1)", {("large",): 6}),
        ("{ span.carbon.g > 0 } | count_over_time() by (span.model) | bottomk(1)", {("small",): 1}),
        ("{ span.nothing > 0 } | rate()", {}),
    ],
)
def test_metrics_come_to(grammar: Grammar, expression: str, series: dict[tuple[str, ...], float]) -> None:
    result = evaluate(grammar.parse_one(expression), TRACES, seconds=60)
    assert result.series is not None
    expected = {**series, ("large", "True"): 4} if "span.cached" in expression else series
    assert result.series == pytest.approx(expected)


def test_select_says_which_fields_are_there(grammar: Grammar) -> None:
    result = evaluate(grammar.parse_one("{ span.carbon.g > 1 } | select(span.model, span.modle, span:name)"), TRACES)
    assert result.selected == {"span.model": ["large", "large"], "span.modle": [], "span:name": ["two", "one"]}


@pytest.mark.parametrize(
    "wrong",
    [
        "{ span.carbon.g > }",
        "{ span.carbon.flag = on }",
        '{ span.model = "small }',
        "{ } | sum(span.carbon.g)",
        "{ } | average(span.carbon.g) > 1",
        "sum by (model) (carbon_g)",
        "{ } | rate( by (span.model)",
    ],
)
def test_the_grammar_refuses(grammar: Grammar, wrong: str) -> None:
    with pytest.raises(NotTraceQLError):
        grammar.parse_one(wrong)


def test_what_the_evaluator_has_not_got_is_no_silent_answer(grammar: Grammar) -> None:
    for expression in (
        "{ event:name = `x` }",
        "{} ~ {}",
        "{} | histogram_over_time(span.carbon.g)",
        "{ parent.a = 1 }",
        "{ !span.cached && span.carbon.g > 1 }",
    ):
        with pytest.raises(UnsupportedError):
            evaluate(grammar.parse_one(expression), TRACES)


def test_otlp_keeps_its_types() -> None:
    attributes = [
        {"key": "i", "value": {"intValue": "7"}},
        {"key": "d", "value": {"doubleValue": 2}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
    ]
    raw = {"traceId": "t", "spanId": "s", "name": "n", "startTimeUnixNano": "5", "endTimeUnixNano": "9", "kind": 3}
    scopes = [{"scope": {"name": "lib"}, "spans": [raw | {"attributes": attributes, "status": {"code": 2}}]}]
    (one,) = from_otlp([{"resource": {"attributes": []}, "scopeSpans": scopes}])
    assert one.attributes == {"i": 7, "d": 2.0, "b": True, "l": ["x"]}
    assert [type(value) for value in one.attributes.values()] == [int, float, bool, list]
    assert (one.kind, one.status, one.duration_ns, one.scope) == ("client", "error", 4, "lib")
