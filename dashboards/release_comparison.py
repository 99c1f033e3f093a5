# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Release comparison: two versions, or two variants of a flag, side by side, and by what factor they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards import look, panels, promql, side_by_side, variables
from dashboards.board import RELEASES, Layout, board
from dashboards.look import Column, Query
from dashboards.promql import PROCESS, RANGE, STEP, growth, per_request, quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.look import AnyPanel

_SHOWN = f'{PROCESS}, gen_ai_request_model=~"$model", carbon_intensity_basis="$basis"'
_SIDES = {"A": f'{_SHOWN}, $by="$a"', "B": f'{_SHOWN}, $by="$b"'}
"""Matchers of the two sides."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """One figure per request that the two sides are compared by."""

    name: str
    unit: str
    description: str
    expr: Callable[[str, str, str], str]
    """From matchers, labels to split by, and window."""
    needs: str = "traffic"
    """What a side must have for the figure to exist."""


def _ratio_of(metric: str) -> Callable[[str, str, str], str]:
    return lambda select, by, window: per_request(metric, select, by, window)


_MEASURES = (
    _Measure(
        "Carbon per request",
        look.GRAMS,
        "Grams of CO2e per request (estimate, central value)",
        _ratio_of(promql.EMISSIONS_SUM),
    ),
    _Measure(
        "Energy per request",
        look.WATT_HOURS,
        "Watt-hours at the facility per request (estimate), whatever the grid was",
        lambda select, by, window: f"{per_request(promql.ENERGY, select, by, window)} / 3600",
    ),
    _Measure(
        "p95 duration",
        look.SECONDS,
        "The duration that 95 % of the requests do not exceed",
        lambda select, by, window: quantile(0.95, promql.DURATION, select, by, window),
    ),
    _Measure(
        "Cost per request",
        look.DOLLARS,
        "US dollars per request, too low where a model has no price",
        _ratio_of(promql.COST),
        needs="priced traffic",
    ),
    _Measure(
        "Tokens per request",
        look.TOKENS,
        "All tokens per request, input and output",
        _ratio_of(promql.TOKENS),
    ),
)
_WIDTHS = (5, 5, 5, 5, 4)
"""Of the panels of single figures, one a measure, in a row."""


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = board(
        RELEASES,
        "Release comparison",
        "Two versions or two variants of a feature flag side by side: carbon, p95, cost and tokens per request, and "
        "B over A. Both sides share the unknowns of the estimate: the ratio is far more certain than either figure.",
        [
            variables.data_source("prometheus", "Prometheus data source"),
            variables.service(),
            variables.environment(),
            variables.basis(),
            variables.model(),
            variables.compared_by(),
            variables.side("a", "A", last=False),
            variables.side("b", "B", last=True),
        ],
    )
    made.with_variable(variables.filters(look.PROMETHEUS))
    made.with_variable(variables.export_interval())
    layout = Layout(made)
    layout.row("B over A: below 1 is less", [_ratio(*each) for each in zip(_MEASURES, _WIDTHS, strict=True)])
    layout.row("Both over the selected range", [_both(*each) for each in zip(_MEASURES, _WIDTHS, strict=True)])
    layout.row("Over time", [_curves(measure) for measure in _MEASURES[:4]])
    layout.row("Where it comes from", [_table("gen_ai_request_model", "model"), _table("carbon_agent_name", "agent")])
    layout.row("Is the comparison fair?", _fair())
    return made


def _over(upper: str, lower: str) -> str:
    # Both are per request already; where one side had no traffic there is no ratio.
    return f"({upper}) / (({lower}) > 0)"


def _ratio(measure: _Measure, width: int) -> AnyPanel:
    b_over_a = _over(measure.expr(_SIDES["B"], "", RANGE), measure.expr(_SIDES["A"], "", RANGE))
    panel = panels.figure(
        f"{measure.name}, B over A",
        f"{measure.description}: $b over $a, over the selected range. 1 is no change, 1.2 is 20 % more. Above 1.1: "
        "see below which model or agent it comes from before you continue the release.",
        look.TIMES,
        [Query(b_over_a)],
        width=width,
        empty=f"needs {measure.needs} of both",
    )
    look.judge(panel)
    return panel


def _both(measure: _Measure, width: int) -> AnyPanel:
    sides = {"A": "$a", "B": "$b"}
    return panels.figure(
        f"{measure.name}, A and B",
        f"{measure.description}, of each side, over the selected range. Look at the bounds on the carbon overview "
        "before you quote either; the ratio above is more certain.",
        measure.unit,
        [Query(measure.expr(_SIDES[side], "", RANGE), f"{side}: {name}") for side, name in sides.items()],
        width=width,
        empty=f"no {measure.needs}",
    )


def _curves(measure: _Measure) -> AnyPanel:
    return panels.curves(
        f"{measure.name} over time",
        f"{measure.description}, of both sides. A lasting gap between the curves comes from the design; one that "
        "opens at a certain hour comes from traffic, the grid or the provider.",
        measure.unit,
        [Query(measure.expr(_SIDES[side], "", STEP), f"{side}: ${side.lower()}") for side in ("A", "B")],
    )


def _table(label: str, word: str) -> AnyPanel:
    columns = [Column(growth(promql.REQUESTS, _SIDES[side], label), f"Requests {side}", look.COUNT) for side in "AB"]
    shown = {"Carbon per request": "Carbon", "p95 duration": "p95", "Cost per request": "Cost"}
    for measure, short in ((measure, shown[measure.name]) for measure in _MEASURES if measure.name in shown):
        a, b = (measure.expr(_SIDES[side], label, RANGE) for side in "AB")
        columns += [
            Column(a, f"{short} A", measure.unit),
            Column(b, f"{short} B", measure.unit),
            Column(_over(b, a), f"{short} B/A", look.TIMES, judged=True),
        ]
    panel = panels.rows(
        f"By {word}: A, B and the ratio",
        f"Requests, and carbon, p95 and cost per request of each {word} on both sides. When the ratios of the rows "
        "are near 1 but the total is not, traffic moved between rows; otherwise the rows with a high ratio are what "
        "changed.",
        columns,
        sort_by="Requests B",
        width=24,
        height=7,
        empty="needs traffic of both",
    )
    side_by_side.lead_to_traces(panel, label)
    return panel


def _fair() -> list[AnyPanel]:
    rate = [Query(promql.total(promql.REQUESTS, _SIDES[side]), f"{side}: ${side.lower()}") for side in ("A", "B")]
    grid = []
    for side, select in _SIDES.items():
        grams = f"({promql.total(promql.EMISSIONS_SUM, select)} - {promql.total(promql.EMBODIED, select)})"
        grid.append(
            Query(promql.ratio(grams, f"({promql.total(promql.ENERGY, select)} / 3.6e6)"), f"{side}: ${side.lower()}")
        )
    tokens = [
        Query(
            promql.share(
                promql.total(promql.TOKENS, select, "carbon_token_type", RANGE),
                promql.total(promql.REQUESTS, select, window=RANGE),
            ),
            f"{side}: {{{{carbon_token_type}}}}",
        )
        for side, select in _SIDES.items()
    ]
    return [
        panels.curves(
            "Requests per second, A and B",
            "Traffic of both sides. A side with few requests, or one that took over at another hour of the day, is "
            "not a fair comparison: select a range in which both ran.",
            look.PER_SECOND,
            rate,
            width=8,
        ),
        panels.curves(
            "Grid intensity met, A and B",
            "Grams of CO2e per kWh that each side's requests met. When these differ, part of the difference in "
            "carbon comes from the grid, not from the design: compare the energy per request, or a range with both.",
            look.INTENSITY,
            grid,
            width=8,
        ),
        panels.bars(
            "Tokens per request by type, A and B",
            "Fresh and cached input, output and reasoning per request on both sides. Output and reasoning emit most: "
            "a side with more of them has longer answers; a side with more fresh input lost its cache.",
            look.TOKENS,
            tokens,
            width=8,
        ),
    ]
