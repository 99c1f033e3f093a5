# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reading the queries out of the JSON: all of them, with every variable filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dashboards.queries import expressions, files, fill, panels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_query_is_returned_without_a_variable_left(path: Path) -> None:
    found = expressions(path)
    board = json.loads(path.read_text(encoding="utf-8"))
    assert len(found) == sum(len(panel["targets"]) for panel in panels(board)) > 0
    assert not [expression for expression in found if "$" in expression.expression + expression.panel]


def test_values_go_over_defaults() -> None:
    overview = next(path for path in files() if path.name == "carbonspan-overview.json")
    first = expressions(overview, {"service": "billing", "basis": "direct", "__range": "7m"})[0]
    assert first.dashboard == "Carbon overview"
    assert (first.panel, first.language, first.instant) == ("Carbon per request", "promql", True)
    assert 'service_name=~"billing"' in first.expression
    assert 'carbon_intensity_basis="direct"' in first.expression
    assert 'deployment_environment_name=~".*"' in first.expression
    assert "[7m]" in first.expression


def test_every_form_of_a_variable_is_filled_in() -> None:
    assert fill("$a ${a} ${a:regex} $ab", {"a": "1"}) == "1 1 1 .*"
