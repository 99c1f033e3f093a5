# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Carbon overview: grams per request beside p95 and cost, by what can be changed, and how sure the figures are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import look, overview_details, panels, promql, side_by_side, variables
from dashboards.board import OVERVIEW, Layout, board
from dashboards.look import Query
from dashboards.promql import RANGE, REQUESTS_SHOWN as REQUESTS, growth, per_request, quantile, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.look import AnyPanel


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = board(
        OVERVIEW,
        "Carbon overview",
        "Grams of CO2e per LLM request beside p95 and cost. Estimates with bounds, never measurements: compare, do not "
        "certify.",
        [
            variables.data_source("prometheus", "Prometheus data source"),
            variables.data_source("tempo", "Tempo data source"),
            variables.service(),
            variables.environment(),
            variables.basis(),
            variables.model(),
            variables.flag(),
            variables.variant(),
            variables.cohort(),
            variables.group(),
        ],
    )
    made.with_variable(variables.filters(look.PROMETHEUS))
    made.with_variable(variables.export_interval())
    made.with_variable(variables.dirty_from(REQUESTS))
    layout = Layout(made)
    layout.row("The selected range", _figures())
    layout.row("Carbon beside latency and cost", _curves())
    layout.row("By model", _by("carbon_model_tier", "tier", "gen_ai_request_model", "model"))
    layout.row("By feature flag: $flag", _by("$flag", "variant", "$flag", "variant"))
    layout.row("By cohort: $cohort", _by("$cohort", "cohort", "$cohort", "cohort"))
    layout.row("By region", _by("carbon_region_name", "region", "carbon_region_name", "region"))
    layout.row("The grid", overview_details.grid())
    layout.row("Tokens and caching", overview_details.caching())
    layout.row("How sure, and what is not counted", overview_details.sure())
    layout.row("Totals", overview_details.totals())
    layout.row("The dirtiest requests", overview_details.dirtiest())
    return made


def _figures() -> list[AnyPanel]:
    def each(metric: str) -> str:
        return per_request(metric, REQUESTS, window=RANGE)

    band = [Query(each(promql.LOW), "lower"), Query(each(promql.HIGH), "upper")]
    return [
        panels.figure(
            "Carbon per request",
            "Grams of CO2e per request over the selected range: operational and embodied, central estimate. When it "
            "rises, see below in which model, variant, cohort or region.",
            look.GRAMS,
            [Query(each(promql.EMISSIONS_SUM))],
            colour=look.GREEN,
        ),
        panels.figure(
            "Its bounds",
            "Lower and upper bound of the carbon per request. They are wide because size and serving of closed models "
            "are undisclosed; a model you have measured narrows them. Never quote the central value without them.",
            look.GRAMS,
            band,
        ),
        panels.figure(
            "p95 duration",
            "95 % of the requests took no longer. A change that raises this and carbon is a heavier model or longer "
            "answers.",
            look.SECONDS,
            [Query(quantile(0.95, promql.DURATION, REQUESTS, window=RANGE))],
        ),
        panels.figure(
            "Cost per request",
            "US dollars per request: the span's own figure, else the list price. Too low where a model has no price: "
            "compare with the tokens.",
            look.DOLLARS,
            [Query(each(promql.COST))],
            empty="no priced traffic",
        ),
        panels.figure(
            "Requests",
            "Inferences that were counted, in the selected basis. With few requests every other figure here is noisy.",
            look.COUNT,
            [Query(growth(promql.REQUESTS, REQUESTS))],
        ),
        panels.figure(
            "Total carbon",
            "Grams of CO2e of all requests in the selected range (central estimate). It rises with traffic: judge a "
            "design by the carbon per request.",
            look.GRAMS,
            [Query(growth(promql.EMISSIONS_SUM, REQUESTS))],
        ),
    ]


def _curves() -> list[AnyPanel]:
    carbon = panels.curves(
        "Carbon per request, with its bounds",
        "Grams of CO2e per request: central value of the estimate, lower and upper bound, on a logarithmic axis. "
        "When all three move together, something changed (model, tokens, grid); when only the band widens, less is "
        "known (an unknown model or region).",
        look.GRAMS,
        [
            Query(per_request(promql.EMISSIONS_SUM, REQUESTS), "carbon per request"),
            Query(per_request(promql.LOW, REQUESTS), "lower bound"),
            Query(per_request(promql.HIGH, REQUESTS), "upper bound"),
        ],
    )
    look.band(carbon, low="lower bound", high="upper bound")
    return [
        carbon,
        panels.curves(
            "Request duration",
            "How long requests took: median and 95th percentile. When it rises together with carbon, check the model "
            "and the length of its answers; when only it rises, check the provider.",
            look.SECONDS,
            [
                Query(quantile(0.95, promql.DURATION, REQUESTS), "p95", exemplar=True),
                Query(quantile(0.5, promql.DURATION, REQUESTS), "p50"),
            ],
        ),
        panels.curves(
            "Cost per request, by model",
            "US dollars per request, by model. A model that falls to zero has no price: its cost is missing, not free.",
            look.DOLLARS,
            [Query(per_request(promql.COST, REQUESTS, "gen_ai_request_model"), "{{gen_ai_request_model}}")],
            empty="No traffic of models that have a price in this range",
        ),
        panels.curves(
            "Request rate, by model",
            "Counted inferences a second, by model. When one model's share grows, the overall carbon per request "
            "moves towards that model's.",
            look.PER_SECOND,
            [Query(total(promql.REQUESTS, REQUESTS, "gen_ai_request_model"), "{{gen_ai_request_model}}")],
            stacked=True,
        ),
    ]


ADVICE = {
    "tier": "When one tier's curve rises, its requests got longer or its grid dirtier; when only the overall figure "
    "rises, traffic moved to a larger tier: check whether each task needs it.",
    "variant": "The lower curve is the cleaner design, for the same work: check that tokens and requests are "
    "comparable before you roll it out.",
    "cohort": "A cohort that is higher sends longer requests, or is routed to larger models: there a smaller model or "
    "a cache saves most.",
    "region": "The same model in two regions differs by the grid. Where latency and law allow it, move work to the "
    "lower curve. A geography (US, EU) in place of a region means that spans do not say where they ran.",
}


def _by(curve_label: str, curve_word: str, label: str, word: str) -> list[AnyPanel]:
    return [
        side_by_side.curve(curve_label, curve_word, REQUESTS, ADVICE[curve_word]),
        side_by_side.overview(label, word, f"{word}s", REQUESTS),
    ]
