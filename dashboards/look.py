# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How every panel looks: units, legends, the text of an empty panel, and the queries behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from grafana_foundation_sdk.builders import (
    bargauge,
    common as common_builders,
    dashboard as dashboard_builders,
    prometheus,
    stat,
    table,
    tempo,
    timeseries,
)
from grafana_foundation_sdk.models import common, dashboard, prometheus as prometheus_models, tempo as tempo_models

if TYPE_CHECKING:
    from collections.abc import Sequence

GRAMS = "massg"
JOULES = "joule"
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
TEXT = "string"

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

SPANS_OF_REQUESTS = (
    'resource.service.name =~ "$service" && resource.deployment.environment.name =~ "$environment"'
    ' && span.carbon.intensity.basis = "$basis"'
)
"""TraceQL conditions of the spans that carry grams, for the choice at the top of a dashboard."""


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


def curves(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 12,
    height: int = 8,
    stacked: bool = False,
    empty: str = "No traffic in this range",
) -> timeseries.Panel:
    """Return a panel of curves over time, with a legend table of the last and the mean value."""
    panel = timeseries.Panel()
    _dress(panel, title=title, description=description, unit=unit, empty=empty, width=width, height=height)
    panel.datasource(PROMETHEUS)
    panel.targets([_ranged(query, index) for index, query in enumerate(queries)])
    panel.line_width(2)
    panel.fill_opacity(70 if stacked else 0)
    panel.show_points(common.VisibilityMode.AUTO)
    panel.axis_soft_min(0)
    if stacked:
        panel.line_width(0)
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    legend = common_builders.VizLegendOptions()
    legend.show_legend(True)  # noqa: FBT003  # the builder's own signature
    legend.display_mode(common.LegendDisplayMode.TABLE)
    beside = width >= _WIDE
    legend.placement(common.LegendPlacement.RIGHT if beside else common.LegendPlacement.BOTTOM)
    legend.calcs(["mean", "lastNotNull"])
    panel.legend(legend)
    tooltip = common_builders.VizTooltipOptions()
    panel.tooltip(tooltip.mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 4,
    height: int = 4,
    colour: str = GREY,
    empty: str = "no traffic",
) -> stat.Panel:
    """Return a panel of single figures over the whole selected range."""
    panel = stat.Panel()
    _dress(panel, title=title, description=description, unit=unit, empty=empty, width=width, height=height)
    panel.datasource(PROMETHEUS)
    panel.targets([_instant(query, index) for index, query in enumerate(queries)])
    panel.graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE)
    panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME if len(queries) > 1 else common.BigValueTextMode.VALUE)
    panel.color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(colour))
    panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False))  # noqa: FBT003
    return panel


def bars(
    title: str, description: str, unit: str, queries: Sequence[Query], *, width: int = 8, height: int = 8
) -> bargauge.Panel:
    """Return a panel of one bar for each value of a label, over the whole selected range."""
    panel = bargauge.Panel()
    _dress(
        panel,
        title=title,
        description=description,
        unit=unit,
        empty="No traffic in this range",
        width=width,
        height=height,
    )
    panel.datasource(PROMETHEUS)
    panel.targets([_instant(query, index) for index, query in enumerate(queries)])
    panel.orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC)
    panel.value_mode(common.BarGaugeValueMode.TEXT)
    panel.sizing(common.BarGaugeSizing.MANUAL)
    panel.max_viz_height(_BAR_PX)
    panel.name_placement(common.BarGaugeNamePlacement.LEFT)
    panel.min(0)
    panel.color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(BLUE))
    panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False))  # noqa: FBT003
    return panel


def rows(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    sort_by: str,
    width: int = 16,
    height: int = 8,
    empty: str = "No traffic in this range",
) -> table.Panel:
    """Return a table: one row for each value of the labels that all the columns' expressions are made by."""
    panel = table.Panel()
    _dress(panel, title=title, description=description, unit=COUNT, empty=empty, width=width, height=height)
    panel.datasource(PROMETHEUS)
    targets = [_instant(Query(column.expr), index) for index, column in enumerate(columns)]
    panel.targets([target.format(prometheus_models.PromQueryFormat.TABLE) for target in targets])
    values = [_value_field(index, len(columns)) for index in range(len(columns))]
    panel.transformations(
        [
            dashboard.DataTransformerConfig(id_val="merge", options={}),
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {},
                    "renameByName": LABELS
                    | {value: column.title for value, column in zip(values, columns, strict=True)},
                },
            ),
        ]
    )
    panel.min_width(_NARROW_PX)
    panel.override_by_field_type("string", [dashboard.DynamicConfigValue(id_val="custom.width", value=_NAME_PX)])
    for column in columns:
        properties = [
            dashboard.DynamicConfigValue(id_val="unit", value=column.unit),
            # The text of an empty panel is too long for a cell.
            dashboard.DynamicConfigValue(id_val="noValue", value="–"),
        ]
        if column.bar:
            cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            properties.append(dashboard.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
            colour = {"mode": "fixed", "fixedColor": BLUE}
            properties.append(dashboard.DynamicConfigValue(id_val="color", value=colour))
            properties.append(dashboard.DynamicConfigValue(id_val="min", value=0))
            # Else the longest bar is the largest number of the whole table.
            properties.append(dashboard.DynamicConfigValue(id_val="fieldMinMax", value=True))
        panel.override_by_name(column.title, properties)
    panel.mappings(
        [
            dashboard.SpecialValueMap(
                options=dashboard.DashboardSpecialValueMapOptions(
                    match=dashboard.SpecialValueMatch.EMPTY, result=dashboard.ValueMappingResult(text="not set")
                )
            )
        ]
    )
    panel.sort_by([common_builders.TableSortByFieldState().display_name(sort_by).desc(True)])  # noqa: FBT003
    return panel


def traces(
    title: str, description: str, query: str, *, sort_by: str = "", width: int = 24, height: int = 9
) -> table.Panel:
    """Return a table of what a TraceQL search finds: each row leads to its trace."""
    panel = table.Panel()
    _dress(
        panel,
        title=title,
        description=description,
        unit=COUNT,
        empty="No such trace in this range",
        width=width,
        height=height,
    )
    panel.datasource(TEMPO)
    panel.show_header(True)  # noqa: FBT003
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(query)
    target.limit(50)
    target.spss(3)
    target.filters([])
    target.table_type(tempo_models.SearchTableType.SPANS)
    if sort_by:
        panel.sort_by([common_builders.TableSortByFieldState().display_name(sort_by).desc(True)])  # noqa: FBT003
    panel.targets([target])
    for name, unit in (("grams", GRAMS), ("energy.wh", WATT_HOURS), ("ml", "mlitre"), ("_tokens", COUNT)):
        pattern = f"/{name.replace('.', '[.]')}$/"
        panel.override_by_regexp(pattern, [dashboard.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def trace_curves(
    title: str, description: str, unit: str, query: str, *, width: int = 12, height: int = 8
) -> timeseries.Panel:
    """Return curves that the trace backend computes from spans: TraceQL metrics."""
    panel = curves(title, description, unit, [], width=width, height=height, empty="No spans, or no TraceQL metrics")
    panel.datasource(TEMPO)
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(query)
    target.filters([])
    target.metrics_query_type(tempo_models.MetricsQueryType.RANGE)
    panel.targets([target])
    return panel


def lead_to_traces(panel: table.Panel, column: str, attribute: str, uid: str) -> None:
    """Let each cell of a column lead to the dashboard `uid`, for the spans that have its text as an attribute."""
    where = quote(f'span.{attribute} = "') + "${__value.text}" + quote('"')
    kept = "${service:queryparam}&${environment:queryparam}&${basis:queryparam}&${__url_time_range}"
    link = {"title": "Traces of these requests", "url": f"/d/{uid}?var-where={where}&{kept}"}
    panel.override_by_name(column, [dashboard.DynamicConfigValue(id_val="links", value=[link])])


def judge(panel: stat.Panel, *, better_below: float, worse_above: float) -> None:
    """Colour a ratio: green below the one, red from the other on, plain between."""
    panel.color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    steps = [
        dashboard.Threshold(value=None, color=GREEN),
        dashboard.Threshold(value=better_below, color=GREY),
        dashboard.Threshold(value=worse_above, color="red"),
    ]
    panel.thresholds(dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
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


_BAR_PX = 40
"""Height of a bar at most: one alone would fill its panel."""
_NARROW_PX = 80
"""Of a table's columns: enough for a figure with its unit, and half of what Grafana takes by default."""
_NAME_PX = 160
"""Of the columns that say which row it is."""
_WIDE = 12
"""From this width on the legend stands beside the curves: below them it is cut off after three names."""

AnyPanel = timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel


def _dress(panel: AnyPanel, *, title: str, description: str, unit: str, empty: str, width: int, height: int) -> None:
    panel.title(title)
    panel.description(description)
    panel.unit(unit)
    panel.no_value(empty)
    panel.span(width)
    panel.height(height)


def _target(query: Query, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery()
    target.ref_id(_ref_id(index))
    target.datasource(PROMETHEUS)
    target.editor_mode(prometheus_models.QueryEditorMode.CODE)
    target.expr(query.expr)
    target.exemplar(query.exemplar)
    if query.legend:
        target.legend_format(query.legend)
    return target


def _ranged(query: Query, index: int) -> prometheus.Dataquery:
    # Not the data source's interval, which is that of a scrape: these metrics come as often as they are exported.
    return _target(query, index).range().interval("$export_interval")


def _instant(query: Query, index: int) -> prometheus.Dataquery:
    return _target(query, index).instant()


def _ref_id(index: int) -> str:
    return chr(ord("A") + index)


def _value_field(index: int, count: int) -> str:
    # Grafana names a single query's values "Value", and those of several after their refIds.
    return "Value" if count == 1 else f"Value #{_ref_id(index)}"
