# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the dashboards have in common: identity, time range, links to each other, rows of panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.look import AnyPanel

TAG = "carbonspan"
OVERVIEW, RELEASES, TRACES = "carbonspan-overview", "carbonspan-releases", "carbonspan-traces"
"""The uids, by which the dashboards link to each other."""

WIDTH = 24


def board(
    uid: str, title: str, description: str, variables: Sequence[builders.QueryVariable | builders.DatasourceVariable]
) -> builders.Dashboard:
    """Return an empty dashboard: browser time, six hours at first, links to the others that keep time and variables."""
    made = builders.Dashboard(title)
    made.uid(uid)
    made.description(description)
    made.tags([TAG])
    made.readonly()
    made.timezone("browser")
    made.time("now-6h", "now")
    made.refresh("1m")
    made.tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    for variable in variables:
        made.with_variable(variable)
    link = builders.DashboardLink("carbonspan")
    link.type(dashboard.DashboardLinkType.DASHBOARDS)
    link.tags([TAG])
    link.icon("external link")
    link.tooltip("The other carbonspan dashboards, for the same time and the same variables")
    link.include_vars(True).keep_time(True)  # noqa: FBT003  # the builder's own signature
    made.link(link)
    return made


class Layout:
    """Puts panels from left to right, in rows of one height, and numbers them."""

    def __init__(self, made: builders.Dashboard) -> None:
        self._made = made
        self._next_id = 1
        self._x = self._y = self._tallest = 0

    def row(self, title: str, panels: Sequence[AnyPanel]) -> None:
        """Begin a titled row and put these panels below it."""
        self._break()
        row = builders.Row(title)
        row.id(self._number())
        row.grid_pos(dashboard.GridPos(x=0, y=self._y, w=WIDTH, h=1))
        self._made.with_row(row)
        self._y += 1
        for panel in panels:
            self._put(panel)

    def _put(self, panel: AnyPanel) -> None:
        position = panel.build().grid_pos or dashboard.GridPos()
        if self._x + position.w > WIDTH:
            self._break()
        panel.id(self._number())
        panel.grid_pos(dashboard.GridPos(x=self._x, y=self._y, w=position.w, h=position.h))
        self._made.with_panel(panel)
        self._x += position.w
        self._tallest = max(self._tallest, position.h)

    def _break(self) -> None:
        self._x, self._y, self._tallest = 0, self._y + self._tallest, 0

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id - 1
