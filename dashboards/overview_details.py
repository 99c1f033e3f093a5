# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The lower half of the carbon overview: grid, caching, certainty, totals, and the dirtiest requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import look, panels, promql, trace_panels
from dashboards.look import Column, Query
from dashboards.promql import (
    PROCESS,
    RANGE,
    REQUESTS_SHOWN as REQUESTS,
    growth,
    per_request,
    quantile,
    ratio,
    share,
    total,
)

if TYPE_CHECKING:
    from dashboards.look import AnyPanel

_COUNTED = 'carbonspan_outcome=~"enriched|unknown_model|partial_usage|container_usage"'
"""The outcomes of spans that represent one inference and carry grams."""


def grid() -> list[AnyPanel]:
    """Return what the grid was: what requests met, and how well the sources answer."""
    operational = f"({total(promql.EMISSIONS_SUM, REQUESTS, 'carbon_region_name')} - "
    operational += f"{total(promql.EMBODIED, REQUESTS, 'carbon_region_name')})"
    energy_kwh = f"({total(promql.ENERGY, REQUESTS, 'carbon_region_name')} / 3.6e6)"
    labels = "carbon_intensity_zone, carbon_intensity_source, carbon_intensity_quality"
    in_use = f'max by ({labels}) ({promql.GRID}{{{PROCESS}, carbon_intensity_basis="$basis"}})'
    age = f"max by (carbon_intensity_zone, carbon_intensity_source) ({promql.GRID_AGE}{{{PROCESS}}})"
    met = panels.curves(
        "Grid intensity that requests met",
        "The last 24 hours: grams of CO2e per kWh by region, weighted by the energy of the requests (operational "
        "grams over energy). How it varies over the day comes from the grid: move work that can wait into the low "
        "hours. A flat line is a yearly figure.",
        look.INTENSITY,
        [Query(ratio(operational, energy_kwh), "{{carbon_region_name}}")],
    )
    used = panels.curves(
        "Grid intensity in use, by zone, source and quality",
        "The last 24 hours: the intensity that a span ending now gets, of each zone that spans needed in the last "
        "hours. A change of quality to stale, profile or annual means that the live source fails: run carbonspan "
        "doctor. Empty without a live source.",
        look.INTENSITY,
        [Query(in_use, "{{carbon_intensity_zone}}: {{carbon_intensity_source}}, {{carbon_intensity_quality}}")],
        empty="No live grid source is configured: spans get the yearly tables",
    )
    for panel in (met, used):
        panel.time_from("24h")  # how the day varies, whatever range is selected
    return [
        met,
        used,
        panels.rows(
            "Sources and quality now",
            "Each zone's intensity, where it comes from and how well it is known, and how long ago it was fetched. "
            "Older than two hours: the source is failing. No age: a table is used.",
            [Column(in_use, "g/kWh", look.INTENSITY), Column(age, "Age", look.DURATION)],
            sort_by="g/kWh",
            width=12,
            height=7,
            empty="No live grid source is configured: spans get the yearly tables",
        ),
        panels.curves(
            "Requests to live sources, by outcome",
            "One per hour and zone for all processes of a host. Anything but ok for long means that figures get "
            "stale: carbonspan doctor shows which source fails, and why.",
            look.COUNT,
            [
                Query(
                    growth(promql.REFRESHES, PROCESS, "carbon_intensity_source, carbonspan_outcome", promql.STEP),
                    "{{carbon_intensity_source}}: {{carbonspan_outcome}}",
                )
            ],
            height=7,
            empty="No live grid source is configured",
        ),
    ]


def caching() -> list[AnyPanel]:
    """Return what caching avoids, and the tokens that requests consist of."""
    saved = total(promql.CACHE_SAVINGS, REQUESTS)
    would_be = f"({total(promql.EMISSIONS_SUM, REQUESTS)} + {saved})"
    return [
        panels.figure(
            "Avoided by caching",
            "Grams of CO2e not emitted thanks to cached input and answers from response caches, in the selected range. "
            "An estimate of what did not happen: report it beside the total, never subtract it.",
            look.GRAMS,
            [Query(growth(promql.CACHE_SAVINGS, REQUESTS))],
            height=9,
            colour=look.GREEN,
        ),
        panels.curves(
            "Share that caching avoids",
            "Avoided grams over what would have been emitted without a cache. When it falls, prompts changed at their "
            "beginning, or the cache's time to live is shorter than the pause between calls.",
            look.SHARE,
            [Query(ratio(saved, would_be), "saved")],
            width=10,
            height=9,
        ),
        panels.curves(
            "Tokens per request, by type",
            "What a request consumes: fresh and cached input, output, reasoning. Output and reasoning emit most: "
            "shorter answers and less reasoning help first; cached input emits far less.",
            look.TOKENS,
            [
                Query(
                    share(total(promql.TOKENS, REQUESTS, "carbon_token_type"), total(promql.REQUESTS, REQUESTS)),
                    "{{carbon_token_type}}",
                )
            ],
            width=10,
            height=9,
            stacked=True,
        ),
    ]


def sure() -> list[AnyPanel]:
    """Return how good the evidence is, and what is not counted."""
    requests = total(promql.REQUESTS, REQUESTS, window=RANGE)
    weak = total(promql.REQUESTS, f'{REQUESTS}, carbon_model_evidence=~"D|E|F"', window=RANGE)
    unknown = total(promql.SPANS, f'{PROCESS}, carbonspan_outcome="unknown_model"', window=RANGE)
    counted = total(promql.SPANS, f"{PROCESS}, {_COUNTED}", window=RANGE)
    return [
        panels.figure(
            "Weak evidence",
            "Share of requests whose energy figure has grade D (closed model of guessed size), E (default of a class) "
            "or F (part of the counts only). To lower it, measure your own deployments, or use models with open "
            "weights.",
            look.SHARE,
            # No series of these grades is a true zero as long as there are requests at all.
            [Query(ratio(f"({weak} or vector(0))", requests))],
            height=9,
        ),
        panels.figure(
            "Unknown models",
            "Share of counted spans whose model carbonspan does not know: they got the default of a class, with wide "
            "bounds. Above zero: update carbonspan, or add the model's coefficients yourself.",
            look.SHARE,
            [Query(ratio(f"({unknown} or vector(0))", counted))],
            height=9,
        ),
        panels.curves(
            "Requests by evidence grade",
            "A measured by you, B measured on open weights, C from the scaling law fitted on open weights, D a "
            "closed model of guessed size, E the default of a class. A growing E is a new model that carbonspan does "
            "not know yet.",
            look.SHARE,
            [
                Query(
                    share(total(promql.REQUESTS, REQUESTS, "carbon_model_evidence"), total(promql.REQUESTS, REQUESTS)),
                    "grade {{carbon_model_evidence}}",
                )
            ],
            width=8,
            height=9,
            stacked=True,
        ),
        panels.curves(
            "Spans by outcome",
            "LLM spans a second by their outcome. Only enriched, unknown_model, partial_usage and container_usage "
            "carry grams; container, duplicate and cached are not counted, so that nothing is counted twice. no_usage "
            "or invalid_usage: the instrumentation writes no usable token counts. error: see the log.",
            look.SPANS_PER_SECOND,
            [Query(total(promql.SPANS, PROCESS, "carbonspan_outcome"), "{{carbonspan_outcome}}")],
            width=8,
            height=9,
        ),
        panels.bars(
            "Requests by basis",
            "Counted requests by what their grid intensity includes. More than one bar: this dashboard shows only "
            "the selected basis, and the rest is not in its totals. docs/reference/grid-intensity.md explains how to "
            "have one basis.",
            look.COUNT,
            [Query(growth(promql.REQUESTS, promql.ANY_BASIS, "carbon_intensity_basis"), "{{carbon_intensity_basis}}")],
            width=24,
            height=4,
        ),
    ]


def totals() -> list[AnyPanel]:
    """Return totals by environment and service, and energy and water per request."""
    env = "deployment_environment_name, service_name"
    embodied = ratio(total(promql.EMBODIED, REQUESTS, env, RANGE), total(promql.EMISSIONS_SUM, REQUESTS, env, RANGE))
    return [
        panels.rows(
            "Totals by environment and service",
            "All that each environment and service used in the selected range, in the selected basis: carbon "
            "(estimate) with its bounds, energy at the facility, water, the share of making the hardware, cost. The "
            "bounds are simply added up, which makes them as wide as they can be.",
            [
                Column(growth(promql.REQUESTS, REQUESTS, env), "Requests", look.COUNT),
                Column(growth(promql.EMISSIONS_SUM, REQUESTS, env), "Carbon", look.GRAMS, bar=True),
                Column(growth(promql.LOW, REQUESTS, env), "lower", look.GRAMS),
                Column(growth(promql.HIGH, REQUESTS, env), "upper", look.GRAMS),
                Column(f"{growth(promql.ENERGY, REQUESTS, env)} / 3600", "Energy", look.WATT_HOURS),
                Column(growth(promql.WATER, REQUESTS, env), "Water", look.LITRES),
                Column(embodied, "Embodied share", look.SHARE),
                Column(growth(promql.CACHE_SAVINGS, REQUESTS, env), "Avoided", look.GRAMS),
                Column(growth(promql.COST, REQUESTS, env), "Cost", look.DOLLARS),
            ],
            sort_by="Carbon",
            width=24,
            height=6,
        ),
        panels.curves(
            "Energy per request",
            "Watt-hours at the facility (IT times PUE) per request, by model: independent of the grid. When carbon "
            "moves and this does not, the cause is the grid.",
            look.WATT_HOURS,
            [
                Query(
                    f"{per_request(promql.ENERGY, REQUESTS, 'gen_ai_request_model')} / 3600",
                    "{{gen_ai_request_model}}",
                )
            ],
        ),
        panels.curves(
            "Water per request",
            "Litres consumed per request, on the site and at the power stations, by region (estimate). Regions with "
            "evaporative cooling or thermal power are higher.",
            look.LITRES,
            [Query(per_request(promql.WATER, REQUESTS, "carbon_region_name"), "{{carbon_region_name}}")],
        ),
    ]


def dirtiest() -> list[AnyPanel]:
    """Return where the dirtiest single requests and their traces are."""
    return [
        panels.curves(
            "Carbon of single requests, with exemplars",
            "Median, 95th and 99th percentile of the grams of CO2e of single requests; each point is one request: "
            "click it for its trace. A 99th percentile far above the median: a few requests emit much of the total; "
            "their traces show why. Points need stored exemplars, and the link in the data source.",
            look.GRAMS,
            [
                Query(quantile(0.99, promql.EMISSIONS, REQUESTS), "p99", exemplar=True),
                Query(quantile(0.95, promql.EMISSIONS, REQUESTS), "p95"),
                Query(quantile(0.5, promql.EMISSIONS, REQUESTS), "p50"),
            ],
            height=10,
        ),
        trace_panels.traces(
            "Traces of the dirtiest requests",
            "Spans with at least the grams selected above (Dirty from: the 95th percentile, or a number you type): "
            "open one for its prompt, its agent and its retries. Tempo returns the first 50 that it finds: raise the "
            "limit until there are fewer.",
            "{ " + look.SPANS_OF_REQUESTS + " && span.carbon.emissions.grams >= $dirty_from }"
            " | select(span.carbon.emissions.grams, span.gen_ai.request.model, span.carbon.region.name)",
            sort_by="carbon.emissions.grams",
            width=12,
            height=10,
        ),
    ]
