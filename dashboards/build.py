# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The JSON of each dashboard, as it stands beside this file: `make generate` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import board, carbon_overview, release_comparison, trace_backend

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent


def built() -> Mapping[Path, str]:
    """Return the JSON of each dashboard by its path, as it must stand in the repository."""
    boards = {
        board.OVERVIEW: carbon_overview.dashboard(),
        board.RELEASES: release_comparison.dashboard(),
        board.TRACES: trace_backend.dashboard(),
    }
    return {FOLDER / f"{uid}.json": _text(made.build()) for uid, made in boards.items()}


def _text(made: object) -> str:
    board = json.loads(json.dumps(made, cls=JSONEncoder))
    _drop_what_no_grafana_reads(board)
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _drop_what_no_grafana_reads(board: dict[str, Any]) -> None:
    # The builders write the defaults of an interval's fields on every variable, and of a table's footer, which
    # Grafana 12 moved elsewhere: neither is in the schemas of all the majors that these dashboards are for.
    for variable in board["templating"]["list"]:
        for field in ("auto", "auto_count", "auto_min"):
            variable.pop(field, None)
    for panel in board["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
