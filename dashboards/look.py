# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What panels look like: units, colours, names of labels, and what single panels have beside that."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from grafana_foundation_sdk.builders import (
    bargauge,
    common as common_builders,
    dashboard as dashboard_builders,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common, dashboard

GRAMS = "massg"
WATT_HOURS = "watth"
LITRES = "litre"
SECONDS = "s"
DOLLARS = "currencyUSD"
SHARE = "percentunit"
PER_SECOND = "reqps"
SPANS_PER_SECOND = "suffix:spans/s"
COUNT = "short"
TOKENS = "suffix:tokens"
INTENSITY = "suffix:g/kWh"
DURATION = "dtdurations"
TIMES = "suffix:×"

LABELS = {
    "carbon_agent_name": "Agent",
    "carbon_intensity_quality": "Quality",
    "carbon_intensity_source": "Source",
    "carbon_intensity_zone": "Zone",
    "carbon_region_name": "Region",
    "deployment_environment_name": "Environment",
    "gen_ai_request_model": "Model",
    "service_name": "Service",
}
"""What labels are called above a column; flags and cohorts keep their own names."""

PROMETHEUS = dashboard.DataSourceRef(type_val="prometheus", uid="${prometheus_datasource}")
TEMPO = dashboard.DataSourceRef(type_val="tempo", uid="${tempo_datasource}")

GREEN, BLUE, GREY = "green", "blue", "text"

JUDGEMENT = [
    dashboard.Threshold(value=None, color=GREEN),
    dashboard.Threshold(value=0.95, color=GREY),
    dashboard.Threshold(value=1.1, color="red"),
]
"""Of a ratio: what is 5 % less is better, what is 10 % more is worse, and in between it may only be traffic."""

SPANS_OF_REQUESTS = (
    'resource.service.name =~ "$service" && resource.deployment.environment.name =~ "$environment"'
    ' && span.carbon.intensity.basis = "$basis"'
)
"""TraceQL conditions of the spans that carry grams, for the choice at the top of a dashboard."""

AnyPanel = timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query of a panel: its expression, and the name of what it returns."""

    expr: str
    legend: str = ""
    exemplar: bool = False
    """Ask for exemplars too: dots that lead to traces. Only series of a histogram's buckets have any."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its PromQL, its title and its unit."""

    expr: str
    title: str
    unit: str
    bar: bool = False
    """Draw the value as a bar too, so that the eye finds the largest."""
    judged: bool = False
    """A ratio: colour it as `judge` does."""


def lead_to_traces(panel: table.Panel, column: str, attribute: str, uid: str) -> None:
    """Let each cell of a column lead to the dashboard `uid`, for the spans that have its text as an attribute."""
    where = quote(f'span.{attribute} = "') + "${__value.text}" + quote('"')
    kept = "${service:queryparam}&${environment:queryparam}&${basis:queryparam}&${__url_time_range}"
    link = {"title": "Traces of these requests", "url": f"/d/{uid}?var-where={where}&{kept}"}
    panel.override_by_name(column, [dashboard.DynamicConfigValue(id_val="links", value=[link])])


def judge(panel: stat.Panel) -> None:
    """Colour a ratio: green below 0.95, red from 1.1 on, plain between."""
    panel.color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    panel.thresholds(dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(JUDGEMENT))
    panel.decimals(2)


def band(panel: timeseries.Panel, *, low: str, high: str) -> None:
    """Draw the curves named `low` and `high` as a band, on a logarithmic axis: it spans an order of magnitude."""
    # A logarithmic axis has a line for each 1 to 9: more lines than curves.
    panel.axis_grid_show(False)  # noqa: FBT003
    panel.scale_distribution(common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10))
    for name in (low, high):
        properties = {
            "custom.lineWidth": 1,
            "custom.lineStyle": {"fill": "dash", "dash": [6, 6]},
            "color": {"mode": "fixed", "fixedColor": BLUE},
        }
        if name == high:
            properties |= {"custom.fillBelowTo": low, "custom.fillOpacity": 12}
        panel.override_by_name(
            name, [dashboard.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()]
        )


def dress(panel: AnyPanel, *, title: str, description: str, unit: str, empty: str, width: int, height: int) -> None:
    """Give a panel what every one has: title, description, unit, the text it has when empty, and its size."""
    panel.title(title)
    panel.description(description)
    panel.unit(unit)
    panel.no_value(empty)
    panel.span(width)
    panel.height(height)
