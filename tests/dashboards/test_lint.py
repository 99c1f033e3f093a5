# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""No dashboard breaks a rule, and each rule finds a dashboard that breaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import lint
from dashboards.queries import files, panels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OVERVIEW = next(path for path in files() if path.name == "carbonspan-overview.json")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_dashboard_breaks_no_rule(path: Path) -> None:
    assert lint.problems(json.loads(path.read_text(encoding="utf-8"))) == []


def test_uids_and_titles_are_unique() -> None:
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in files()]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == len(boards)


def _panel(board: dict[str, Any], title: str = "Carbon per request") -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["title"] == title)


def _set(panel: dict[str, Any], **changes: Any) -> None:
    panel.update(changes)


def _expr(old: str, new: str, title: str = "Carbon per request") -> Callable[[dict[str, Any]], None]:
    def change(board: dict[str, Any]) -> None:
        target = _panel(board, title)["targets"][0]
        assert old in target["expr"]
        target["expr"] = target["expr"].replace(old, new)

    return change


def _variable(kind: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(board: dict[str, Any]) -> None:
        next(v for v in board["templating"]["list"] if v["type"] == kind).update(changes)

    return change


BREAKS: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("template_datasource_rule", _variable("datasource", name="source")),
    ("template_datasource_rule", _variable("datasource", label="Source")),
    ("template_on_time_change_reload_rule", _variable("query", refresh=1)),
    ("template_label_promql_rule", _variable("query", query="labels(x)")),
    ("template_label_promql_rule", _variable("query", description="")),
    ("uneditable_dashboard_rule", lambda board: board.update(editable=True)),
    ("panel_title_description_rule", lambda board: _set(_panel(board), description="grams")),
    ("panel_title_description_rule", lambda board: _set(_panel(board), title="Requests")),
    ("panel_datasource_rule", lambda board: _set(_panel(board), datasource={"type": "prometheus", "uid": "abc"})),
    ("panel_no_targets_rule", lambda board: _set(_panel(board), targets=[])),
    ("panel_units_rule", lambda board: _set(_panel(board)["fieldConfig"]["defaults"], unit="grams")),
    ("target_rate_interval_rule", _expr("$__range", "5m")),
    ("target_rate_interval_rule", _expr("$__rate_interval", "$__range", "Request rate, by model")),
    (
        "target_rate_interval_rule",
        lambda board: _set(_panel(board, "Request rate, by model")["targets"][0], interval="15s"),
    ),
    ("target_counter_agg_rule", _expr("rate(", "max_over_time(")),
    ("target_service_rule", _expr('service_name=~"$service"', 'job="a"')),
    (
        "target_service_rule",
        lambda board: _set(_panel(board, "Traces of the dirtiest requests")["targets"][0], query="{}"),
    ),
    ("one_basis_rule", _expr(', carbon_intensity_basis="$basis"', "")),
    ("no_nan_rule", _expr(" > 0", "")),
    ("no_nan_rule", _expr(" >= 0", "", "p95 duration")),
    ("exemplar_rule", lambda board: _set(_panel(board)["targets"][0], exemplar=True)),
    ("layout_rule", lambda board: _panel(board)["gridPos"].update(w=5)),
    ("layout_rule", lambda board: _panel(board)["gridPos"].update(w=3)),
    ("layout_rule", lambda board: _set(_panel(board), id=_panel(board, "Requests")["id"])),
    ("empty_text_rule", lambda board: _set(_panel(board)["fieldConfig"]["defaults"], noValue="")),
]


@pytest.mark.parametrize(("rule", "breaks"), BREAKS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_rule_finds_what_breaks_it(rule: str, breaks: Callable[[dict[str, Any]], None]) -> None:
    board = json.loads(OVERVIEW.read_text(encoding="utf-8"))
    breaks(board)
    assert [found for found in lint.problems(board) if found.startswith(f"{rule}:")]


def test_every_rule_is_shown_to_find_something() -> None:
    assert {rule for rule, _ in BREAKS} == {rule.__name__ for rule in lint.RULES}
