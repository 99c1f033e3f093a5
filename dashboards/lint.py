# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of Grafana's dashboard-linter that apply here, and some of our own, over a dashboard's JSON.

Rules named as in https://github.com/grafana/dashboard-linter say the same as theirs, with the service in place of
`job` and `instance`, for these metrics come from applications by OTLP and not from scraped targets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dashboards.queries import LANGUAGES, panels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Board = Mapping[str, Any]

UNITS = frozenset(
    {"massg", "watth", "litre", "mlitre", "s", "currencyUSD", "percentunit", "reqps", "short", "dtdurations"}
)
"""Ids of Grafana's units that are in use, beside own ones that begin with `suffix:`."""

_SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
_RANGE = re.compile(r"\[([^\]]+)\]")
_WIDTH = 24


def problems(board: Board) -> list[str]:
    """Return what breaks a rule, each as `rule: panel: what`; nothing where all is well."""
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(board)]


def template_datasource_rule(board: Board) -> Iterator[str]:
    """Data sources are selected by a variable named after their type, with a label that says so."""
    found = [v for v in board["templating"]["list"] if v["type"] == "datasource"]
    if not found:
        yield "no data source variable"
    for variable in found:
        if variable["name"] != f"{variable['query']}_datasource":
            yield f"{variable['name']} should be named {variable['query']}_datasource"
        if variable.get("label") != f"{variable['query'].capitalize()} data source":
            yield f"{variable['name']} has the label {variable.get('label')}"


def template_on_time_change_reload_rule(board: Board) -> Iterator[str]:
    """Variables that ask a data source do so again when the time range changes."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and variable.get("refresh") != 2:  # noqa: PLR2004  # "on time range change"
            yield variable["name"]


def template_label_promql_rule(board: Board) -> Iterator[str]:
    """Variables ask Prometheus in one of the forms that Grafana knows, and have a description."""
    known = re.compile(r"(label_names|label_values|query_result)\(.+\)$")
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and not variable.get("description"):
            yield f"{variable['name']} has no description"
        if variable["type"] == "query" and isinstance(variable["query"], str) and not known.match(variable["query"]):
            yield f"{variable['name']} asks {variable['query']}"


def uneditable_dashboard_rule(board: Board) -> Iterator[str]:
    """The dashboard is read-only: it comes from code, and a change in the browser would be lost."""
    if board["editable"]:
        yield "editable"


def panel_title_description_rule(board: Board) -> Iterator[str]:
    """Each panel has a title of its own and a description of more than a few words."""
    titles = [panel.get("title") for panel in panels(board)]
    for panel in panels(board):
        if not panel.get("title") or titles.count(panel["title"]) > 1:
            yield f"title {panel.get('title')!r}"
        if len(panel.get("description", "").split()) < 12:  # noqa: PLR2004  # what it shows, and what to do
            yield f"{panel.get('title')}: description"


def panel_datasource_rule(board: Board) -> Iterator[str]:
    """Panels and their queries name a data source by its variable, and none by its uid."""
    for panel in panels(board):
        for owner in (panel, *panel.get("targets", [])):
            source = owner.get("datasource", {})
            if source.get("uid") != f"${{{source.get('type')}_datasource}}":
                yield f"{panel['title']}: {source}"


def panel_no_targets_rule(board: Board) -> Iterator[str]:
    """Each panel has a query, and its queries have different names."""
    for panel in panels(board):
        ids = [target.get("refId") for target in panel.get("targets", [])]
        if not ids or len(set(ids)) != len(ids):
            yield f"{panel['title']}: {ids}"


def panel_units_rule(board: Board) -> Iterator[str]:
    """Each panel, and each column that differs, has a unit that Grafana knows, or a suffix of its own."""
    for panel in panels(board):
        config = panel["fieldConfig"]
        units = [config["defaults"].get("unit")]
        units += [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
        for unit in units:
            if unit not in UNITS and not str(unit).startswith("suffix:"):
                yield f"{panel['title']}: {unit}"


def target_rate_interval_rule(board: Board) -> Iterator[str]:
    """Curves take `$__rate_interval` and single figures `$__range`: never a fixed window, nor that of a scrape."""
    for panel, target in _targets(board, "promql"):
        wanted = "$__range" if target.get("instant") else "$__rate_interval"
        for window in _RANGE.findall(target["expr"]):
            if window != wanted:
                yield f"{panel['title']}: {window}"
        if not target.get("instant") and target.get("interval") != "$export_interval":
            yield f"{panel['title']}: step {target.get('interval')}"


def target_counter_agg_rule(board: Board) -> Iterator[str]:
    """Counters and the parts of histograms are only read by `rate` or `increase`."""
    for panel, target in _targets(board, "promql"):
        for found in re.finditer(r"\w+_(?:total|sum|count|bucket)\{", target["expr"]):
            if not re.search(r"(?:rate|increase)\($", target["expr"][: found.start()]):
                yield f"{panel['title']}: {found.group()[:-1]}"


def target_service_rule(board: Board) -> Iterator[str]:
    """Every selector follows the choice of service and environment (target-job-rule, target-instance-rule)."""
    for panel, target in _targets(board, "promql"):
        selectors = _SELECTOR.findall(target["expr"])
        if not selectors:
            yield f"{panel['title']}: no selector"
        for metric, matchers in selectors:
            for wanted in ('service_name=~"$service"', 'deployment_environment_name=~"$environment"'):
                if wanted not in matchers:
                    yield f"{panel['title']}: {metric} without {wanted}"
    for panel, target in _targets(board, "traceql"):
        if 'resource.service.name =~ "$service"' not in target["query"]:
            yield f"{panel['title']}: without the service"


def one_basis_rule(board: Board) -> Iterator[str]:
    """No sum adds two bases: figures are for the selected basis, or split by it."""
    for panel, target in _targets(board, "promql"):
        for metric, matchers in _SELECTOR.findall(target["expr"]):
            about_spans = metric.startswith(("carbonspan_spans", "carbonspan_grid_refreshes", "carbonspan_grid_age"))
            split = re.search(r"by \([^)]*carbon_intensity_basis", target["expr"])
            if not about_spans and not split and 'carbon_intensity_basis="$basis"' not in matchers:
                yield f"{panel['title']}: {metric}"


def no_nan_rule(board: Board) -> Iterator[str]:
    """Where there was no traffic a query returns nothing: no quantile and no quotient of NaN."""
    for panel, target in _targets(board, "promql"):
        for found in re.finditer(r" / (.*)", target["expr"]):
            divisor = found.group(1)
            if not re.match(r"[\d.e]+", divisor) and "> 0" not in divisor:
                yield f"{panel['title']}: / {divisor[:40]}"
        quantiles = target["expr"].count("histogram_quantile(")
        if quantiles > target["expr"].count(">= 0"):
            yield f"{panel['title']}: quantile"


def exemplar_rule(board: Board) -> Iterator[str]:
    """Exemplars are asked of buckets, which have them, over time, and somewhere in a dashboard of requests."""
    for panel, target in _targets(board, "promql"):
        if target.get("exemplar") and ("_bucket{" not in target["expr"] or target.get("instant")):
            yield panel["title"]


def layout_rule(board: Board) -> Iterator[str]:
    """Panels fill the rows from edge to edge and lie on no other; ids are unique."""
    cells: dict[tuple[int, int], str] = {}
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        yield "an id twice"
    for panel in board["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in cells or x >= _WIDTH:
                    yield f"{panel['title']} lies on {cells.get((x, y), 'the edge')}"
                    return
                cells[x, y] = panel["title"]
    lowest = max(y for _, y in cells)
    holes = [(x, y) for y in range(lowest + 1) for x in range(_WIDTH) if (x, y) not in cells]
    if holes:
        yield f"empty space from {holes[0]}"


def empty_text_rule(board: Board) -> Iterator[str]:
    """A panel without data says why that may be."""
    for panel in panels(board):
        if not panel["fieldConfig"]["defaults"].get("noValue"):
            yield panel["title"]


RULES: tuple[Callable[[Board], Iterator[str]], ...] = (
    template_datasource_rule,
    template_on_time_change_reload_rule,
    template_label_promql_rule,
    uneditable_dashboard_rule,
    panel_title_description_rule,
    panel_datasource_rule,
    panel_no_targets_rule,
    panel_units_rule,
    target_rate_interval_rule,
    target_counter_agg_rule,
    target_service_rule,
    one_basis_rule,
    no_nan_rule,
    exemplar_rule,
    layout_rule,
    empty_text_rule,
)


def _targets(board: Board, language: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for panel in panels(board):
        for target in panel.get("targets", []):
            if LANGUAGES.get(target["datasource"]["type"], ("", ""))[0] == language:
                yield panel, target
