# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The panels that query Prometheus: curves, single figures, bars and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import (
    bargauge,
    common as common_builders,
    dashboard as dashboard_builders,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common, dashboard, prometheus as prometheus_models

from dashboards import look
from dashboards.look import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.look import Column

_BAR_PX = 40
"""The largest height of a bar: a single one would fill its panel."""
_NARROW_PX = 80
"""Of a table's columns: enough for a figure with its unit, and half of what Grafana takes by default."""
_NAME_PX = 160
"""Of the columns that say which row it is."""
_WIDE = 12
"""From this width on the legend stands beside the curves: below them it is cut off after three names."""


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
    look.dress(panel, title=title, description=description, unit=unit, empty=empty, width=width, height=height)
    panel.datasource(look.PROMETHEUS)
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
    colour: str = look.GREY,
    empty: str = "no traffic",
) -> stat.Panel:
    """Return a panel of single figures over the whole selected range."""
    panel = stat.Panel()
    look.dress(panel, title=title, description=description, unit=unit, empty=empty, width=width, height=height)
    panel.datasource(look.PROMETHEUS)
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
    look.dress(
        panel,
        title=title,
        description=description,
        unit=unit,
        empty="No traffic in this range",
        width=width,
        height=height,
    )
    panel.datasource(look.PROMETHEUS)
    panel.targets([_instant(query, index) for index, query in enumerate(queries)])
    panel.orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC)
    panel.value_mode(common.BarGaugeValueMode.TEXT)
    panel.sizing(common.BarGaugeSizing.MANUAL)
    panel.max_viz_height(_BAR_PX)
    panel.name_placement(common.BarGaugeNamePlacement.LEFT)
    panel.min(0)
    panel.color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(look.BLUE))
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
    look.dress(panel, title=title, description=description, unit=look.COUNT, empty=empty, width=width, height=height)
    panel.datasource(look.PROMETHEUS)
    targets = [_instant(Query(column.expr), index) for index, column in enumerate(columns)]
    panel.targets([target.format(prometheus_models.PromQueryFormat.TABLE) for target in targets])
    # Grafana names values after their queries' refIds, but "Value" where only one query has any.
    titles = {f"Value #{_ref_id(index)}": column.title for index, column in enumerate(columns)}
    titles["Value"] = columns[0].title
    panel.transformations(
        [
            dashboard.DataTransformerConfig(id_val="merge", options={}),
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {},
                    "renameByName": look.LABELS | titles,
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
            colour = {"mode": "fixed", "fixedColor": look.BLUE}
            properties.append(dashboard.DynamicConfigValue(id_val="color", value=colour))
            properties.append(dashboard.DynamicConfigValue(id_val="min", value=0))
            # Else the longest bar is the largest number of the whole table.
            properties.append(dashboard.DynamicConfigValue(id_val="fieldMinMax", value=True))
        if column.judged:
            thresholds = {"mode": "absolute", "steps": [step.to_json() for step in look.JUDGEMENT]}
            properties += [
                dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
                dashboard.DynamicConfigValue(id_val="color", value={"mode": "thresholds"}),
                dashboard.DynamicConfigValue(id_val="thresholds", value=thresholds),
                dashboard.DynamicConfigValue(id_val="decimals", value=2),
            ]
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


def _target(query: Query, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery()
    target.ref_id(_ref_id(index))
    target.datasource(look.PROMETHEUS)
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
