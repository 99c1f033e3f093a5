# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""One label's values side by side: a curve of grams per request, and a table with latency and cost beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import look, panels, promql
from dashboards.board import TRACES
from dashboards.look import Column, Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders import table

    from dashboards.look import AnyPanel

ADVICE = (
    "Compare rows, and do not quote a single one: the bounds of one figure are wide, but all rows share the same "
    "unknowns. A row with few requests says little. Cost is too low where a model has no price."
)

_ATTRIBUTES = {"gen_ai_request_model": "gen_ai.request.model", "carbon_region_name": "carbon.region.name"}
"""The attribute on a span behind a label."""


def curve(label: str, word: str, select: str, advice: str, *, width: int = 8) -> AnyPanel:
    """Return grams per request over time, one curve for each value of `label`."""
    expr = promql.per_request(promql.EMISSIONS_SUM, select, label)
    return panels.curves(
        f"Carbon per request by {word}",
        f"Grams of CO2e per request (estimate, central value) for each {word}. {advice}",
        look.GRAMS,
        [Query(expr, f"{{{{{label}}}}}")],
        width=width,
        height=9,
    )


def overview(label: str, word: str, plural: str, select: str, *, width: int = 16) -> AnyPanel:
    """Return one row for each value of `label`: carbon with its bounds, p95, cost and tokens per request."""
    panel = panels.rows(
        f"{plural.capitalize()} side by side",
        f"Each {word} over the selected range: requests and their carbon in total; then for each request carbon "
        f"(estimate) with its lower and upper bound, p95 duration, cost and tokens. {ADVICE}",
        columns(label, select),
        sort_by="Total",
        width=width,
        height=9,
    )
    lead_to_traces(panel, label)
    return panel


def lead_to_traces(panel: table.Panel, label: str) -> None:
    """Let the rows of a table by `label` lead to their traces, where the label is an attribute of spans."""
    if label in _ATTRIBUTES:
        look.lead_to_traces(panel, look.LABELS[label], _ATTRIBUTES[label], TRACES)


def columns(label: str, select: str) -> Sequence[Column]:
    """Return the columns of `overview`, in their order."""

    def each(metric: str) -> str:
        return promql.per_request(metric, select, label, promql.RANGE)

    p95 = promql.quantile(0.95, promql.DURATION, select, label, promql.RANGE)
    return (
        Column(promql.growth(promql.REQUESTS, select, label), "Requests", look.COUNT),
        Column(promql.growth(promql.EMISSIONS_SUM, select, label), "Total", look.GRAMS),
        Column(each(promql.EMISSIONS_SUM), "Carbon", look.GRAMS, bar=True),
        Column(each(promql.LOW), "lower", look.GRAMS),
        Column(each(promql.HIGH), "upper", look.GRAMS),
        Column(p95, "p95", look.SECONDS),
        Column(each(promql.COST), "Cost", look.DOLLARS),
        Column(each(promql.TOKENS), "Tokens", look.COUNT),
    )
