# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The panels that query the trace backend in TraceQL: tables of spans, and curves over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common as common_builders, table, tempo
from grafana_foundation_sdk.models import dashboard, tempo as tempo_models

from dashboards import look, panels

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import timeseries

_UNITS = {
    "/grams$/": look.GRAMS,
    "/energy[.]wh$/": look.WATT_HOURS,
    "/ml$/": "mlitre",
    "/_tokens$/": look.COUNT,
}
"""Of the attributes that a search selects, by their names, as regular expressions."""


def traces(
    title: str, description: str, query: str, *, sort_by: str = "", width: int = 24, height: int = 9
) -> table.Panel:
    """Return a table of what a TraceQL search finds: each row leads to its trace."""
    panel = table.Panel()
    look.dress(
        panel,
        title=title,
        description=description,
        unit=look.COUNT,
        empty="No such trace in this range",
        width=width,
        height=height,
    )
    panel.datasource(look.TEMPO)
    panel.show_header(True)  # noqa: FBT003
    target = tempo.TempoQuery().ref_id("A").datasource(look.TEMPO).query_type("traceql").query(query)
    target.limit(50)
    target.spss(3)
    target.filters([])
    target.table_type(tempo_models.SearchTableType.SPANS)
    if sort_by:
        panel.sort_by([common_builders.TableSortByFieldState().display_name(sort_by).desc(True)])  # noqa: FBT003
    panel.targets([target])
    for pattern, unit in _UNITS.items():
        panel.override_by_regexp(pattern, [dashboard.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def trace_curves(
    title: str, description: str, unit: str, query: str, *, width: int = 12, height: int = 8
) -> timeseries.Panel:
    """Return curves that the trace backend computes from spans: TraceQL metrics."""
    panel = panels.curves(
        title, description, unit, [], width=width, height=height, empty="No spans, or no TraceQL metrics"
    )
    panel.datasource(look.TEMPO)
    target = tempo.TempoQuery().ref_id("A").datasource(look.TEMPO).query_type("traceql").query(query)
    target.filters([])
    target.metrics_query_type(tempo_models.MetricsQueryType.RANGE)
    panel.targets([target])
    return panel
