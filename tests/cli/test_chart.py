# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How `carbonspan grid` looks, on hours made up here."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from rich.console import Console

from carbonspan.cli import _chart as chart
from carbonspan.cli._grid import cleanest, summary
from tests.cli.running import hour_row

COLUMNS = 80


def drawn(rows: list[dict[str, Any]], signs: chart.Signs = chart.BLOCKS, offset_h: float = 0.0) -> list[str]:
    found = {
        "view": "forecast",
        "zone": "GB",
        "place": "GB",
        "sources": ["s", "bundled"],
        "hours": rows,
        "summary": summary(rows),
        "cleanest": cleanest(rows),
        "problems": [],
    }
    console = Console(width=COLUMNS, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(chart.report(found, signs, timezone(timedelta(hours=offset_h))))
        return console.export_text().splitlines()


@pytest.mark.parametrize("count", [1, 3, 24, 48, 72])
@pytest.mark.parametrize("offset_h", [0.0, 1.0, 5.5, -9.5])
@pytest.mark.parametrize("signs", [chart.BLOCKS, chart.ASCII], ids=["blocks", "ascii"])
def test_any_number_of_hours_fits(count: int, offset_h: float, signs: chart.Signs) -> None:
    lines = drawn([hour_row(n, 100.0 * (n % 7), QUALITIES[n % len(QUALITIES)]) for n in range(count)], signs, offset_h)
    assert max(len(line.rstrip()) for line in lines) <= COLUMNS
    assert any(line.startswith("UTC") for line in lines)
    assert any(line.startswith("local") for line in lines) == bool(offset_h)
    if signs is chart.ASCII:
        assert all(line.isascii() for line in lines)


QUALITIES = list(chart.LOOKS)


def test_every_quality_has_a_letter_of_its_own() -> None:
    looks = [*chart.LOOKS.values(), chart.DOUBTFUL, chart.NONE]
    assert len({look.letter for look in looks}) == len(looks)


def test_bars_are_as_high_as_their_hours_and_zero_is_a_value() -> None:
    lines = drawn([hour_row(0, 0.0), hour_row(1, 100.0), hour_row(2, 50.0), hour_row(3, 0.01), hour_row(4, None)])
    bars = ["".join(line[7 + 3 * n] for line in lines[2:10]) for n in range(5)]
    assert bars == ["        ", "████████", "    ████", "       ▁", "        "]
    assert ".  no figure in this basis" in "\n".join(lines)


def test_nothing_but_zero_and_nothing_at_all_are_drawn() -> None:
    assert any("0 in each of 2 h" in line for line in drawn([hour_row(0, 0.0), hour_row(1, 0.0)]))
    assert any("no figure in this basis (basis_strict)" in line for line in drawn([hour_row(0, None)]))
