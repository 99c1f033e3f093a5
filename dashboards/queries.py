# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboards, read from their JSON, with the variables filled in: for the tests against servers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).resolve().parent

DEFAULTS: Mapping[str, str] = {
    "__rate_interval": "1m",
    "__range": "1h",
    "__interval": "15s",
    "basis": "life-cycle",
    "flag": "gen_ai_request_model",
    "cohort": "carbon_agent_name",
    "by": "service_version",
    "a": ".*",
    "b": ".*",
    "flag_attribute": "gen_ai.request.model",
    "cohort_attribute": "gen_ai.agent.name",
    "where": "true",
    "dirty_from": "0",
}
"""What a variable is replaced by unless given; one that is not listed selects everything."""
EVERYTHING = ".*"

LANGUAGES: Mapping[str, tuple[str, str]] = {"prometheus": ("promql", "expr"), "tempo": ("traceql", "query")}
"""Language, and the field of a panel's target that holds the query, by the type of the data source."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")


class Expression(NamedTuple):
    """One query of one panel."""

    dashboard: str
    """Title of the dashboard."""
    panel: str
    """Title of the panel."""
    language: str
    """`promql` or `traceql`."""
    expression: str
    """The query, with its variables filled in."""
    instant: bool
    """Asked for one moment, as in tables and single figures, and not over time."""


def expressions(path: Path, values: Mapping[str, str] | None = None) -> list[Expression]:
    """Return the queries of all panels of the dashboard in the file `path`.

    Args:
        path: one of `files()`.
        values: what the variables stand for, by name without the dollar sign, over DEFAULTS.

    Raises:
        KeyError: a panel's data source is of a type that is not in LANGUAGES.
    """
    board = json.loads(path.read_text(encoding="utf-8"))
    filled = {**DEFAULTS, **(values or {})}
    found = []
    for panel in panels(board):
        for target in panel.get("targets", []):
            language, field = LANGUAGES[target["datasource"]["type"]]
            instant = bool(target.get("instant")) or target.get("metricsQueryType") == "instant"
            text = fill(target[field], filled)
            found.append(Expression(board["title"], fill(panel["title"], filled), language, text, instant))
    return found


def files() -> list[Path]:
    """Return the dashboards' JSON files."""
    return sorted(FOLDER.glob("*.json"))


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard, those inside of collapsed rows too, and no rows."""
    for panel in board["panels"]:
        yield from panel.get("panels", [])
        if panel["type"] != "row":
            yield panel


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with each variable replaced: by `values`, else by what chooses everything."""
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], EVERYTHING), text)
