# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Trace backend: carbon by flag and cohort from the traces themselves in TraceQL, and the dirtiest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import look, promql, trace_panels, variables
from dashboards.board import TRACES, Layout, board
from dashboards.look import SPANS_OF_REQUESTS

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.look import AnyPanel

_REQUESTS = f"{SPANS_OF_REQUESTS} && ($where)"
_FLAG = 'span."$flag_attribute"'
_COHORT = 'span."$cohort_attribute"'
_GRAMS = "span.carbon.emissions.grams"
_SAMPLED = "Spans that were not sampled are missing: for totals see the carbon overview, whose metrics are not sampled."


def dashboard() -> Dashboard:
    """Return the dashboard."""
    made = board(
        TRACES,
        "Carbon in traces",
        "Carbon by flag and cohort from the spans themselves (TraceQL, Tempo 2.8 or newer), and the traces of the "
        "dirtiest requests and tasks. Estimates, and only for the traces that sampling kept.",
        [
            variables.data_source("tempo", "Tempo data source"),
            variables.data_source("prometheus", "Prometheus data source"),
            variables.service(),
            variables.environment(),
            variables.basis(),
            variables.flag_attribute(),
        ],
    )
    made.time("now-1h", "now")  # Tempo refuses TraceQL metrics over more than three hours, unless configured otherwise
    made.with_variable(variables.cohort_attribute())
    made.with_variable(variables.where())
    made.with_variable(variables.dirty_from(f'{promql.PROCESS}, carbon_intensity_basis="$basis"'))
    layout = Layout(made)
    layout.row("By feature flag: $flag_attribute", _by(_FLAG, "variant"))
    layout.row("By cohort: $cohort_attribute", _by(_COHORT, "cohort"))
    layout.row("Requests and tasks", _dirtiest())
    layout.row("When a figure is in doubt", _doubted())
    return made


def _by(attribute: str, word: str) -> list[AnyPanel]:
    requests = f"{{ {_REQUESTS} }}"
    return [
        trace_panels.trace_curves(
            f"Carbon of the traced requests by {word}",
            f"Grams of CO2e (estimate) of the kept spans in each step, by {word}. The {word} on top emits the most: "
            f"look at its requests below. {_SAMPLED}",
            look.GRAMS,
            f"{requests} | sum_over_time({_GRAMS}) by ({attribute})",
            width=8,
        ),
        trace_panels.trace_curves(
            f"Mean carbon of a traced request by {word}",
            f"Grams of CO2e per request (estimate), by {word}: the lower curve is the cleaner design, for the same "
            "work. Tail sampling that prefers dirty traces raises it: compare only what is sampled in the same way.",
            look.GRAMS,
            f"{requests} | avg_over_time({_GRAMS}) by ({attribute})",
            width=8,
        ),
        trace_panels.trace_curves(
            f"p95 carbon of a traced request by {word}",
            f"95 % of the requests of each {word} emit no more (estimate, grams of CO2e). Far above the mean: a few "
            "requests are much heavier than the rest; look at their traces.",
            look.GRAMS,
            f"{requests} | quantile_over_time({_GRAMS}, 0.95) by ({attribute})",
            width=8,
        ),
    ]


def _dirtiest() -> list[AnyPanel]:
    what = f"{_GRAMS}, span.gen_ai.request.model, span.carbon.region.name, span.gen_ai.usage.output_tokens"
    return [
        trace_panels.traces(
            "The dirtiest requests",
            "Spans with at least the grams selected above (Dirty from: the 95th percentile, or a number you type), "
            "with model, region and output: open one for its prompt and its retries. Tempo returns the first 50 that "
            "it finds: raise the limit until there are fewer.",
            f"{{ {_REQUESTS} && {_GRAMS} >= $dirty_from }} | select({what}, {_FLAG}, {_COHORT})",
            sort_by="carbon.emissions.grams",
        ),
        trace_panels.traces(
            "Tasks, by the emissions of all their requests",
            "Local roots with the sum over all their requests (carbon.task.emissions.grams, for display: never add "
            "it to that of requests). Many inferences for one task: a loop, retries, or an agent that makes too many "
            "calls.",
            '{ resource.service.name =~ "$service" && resource.deployment.environment.name =~ "$environment"'
            " && span.carbon.task.emissions.grams > 0 && ($where) }"
            " | select(span.carbon.task.emissions.grams, span.carbon.task.energy.wh, span.carbon.task.inferences)",
            sort_by="carbon.task.emissions.grams",
        ),
    ]


def _doubted() -> list[AnyPanel]:
    return [
        trace_panels.traces(
            "Requests to unknown models",
            "Spans that got the default of a class (evidence grade E), with the model they named. Add the model's "
            "coefficients yourself, or update carbonspan: until then their bounds are wide.",
            f'{{ {_REQUESTS} && span.carbon.model.evidence = "E" }}'
            f" | select({_GRAMS}, span.carbon.emissions.high_grams, span.gen_ai.request.model, span.carbon.model.id)",
            width=12,
            sort_by="carbon.emissions.grams",
        ),
        trace_panels.traces(
            "Spans that are not counted, and why",
            "Agents and chains (container) that repeat what their children report, second spans of one call "
            "(duplicate), answers from a response cache (cached): they carry no grams, so that sums over spans are "
            "right.",
            '{ resource.service.name =~ "$service" && span.carbon.role != "" } '
            "| select(span.carbon.role, span.carbon.task.emissions.grams)",
            width=12,
        ),
    ]
