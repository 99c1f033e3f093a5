# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo shows, on results made up here."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from carbonspan.core.values import Range
from carbonspan.demo._render import Column, Row, aligned, header, report
from carbonspan.demo._result import Amounts, Call, DemoResult, Export, Phase, Run
from carbonspan.demo._scenario import COHORTS, FRONTIER, RIGHT_SIZED, VARIANTS


def _amounts(grams: float, *, cached: int = 0, estimated: int = 1) -> Amounts:
    return Amounts(
        model_calls=1,
        estimated_calls=estimated,
        input_tokens=1000,
        cached_tokens=cached,
        output_tokens=100,
        energy_wh=Range(grams, 2 * grams, 4 * grams),
        emissions_g=Range(grams / 2, grams, grams * 2),
        cache_savings_g=0.1,
        water_ml=3.0,
    )


def _result(*, export: Export | None = None, estimated: int = 1) -> DemoResult:
    runs = []
    for variant in VARIANTS:
        extract, synthesise = (4.0, 1.0) if variant is FRONTIER else (0.5, 1.5)
        cached = 900 if variant is FRONTIER else 0
        for cohort in COHORTS:
            phases = (
                Phase(
                    "extract",
                    (
                        Call("model-a", _amounts(extract, estimated=estimated), "US", "mix", "D", 384.2),
                        Call("model-a", _amounts(extract, estimated=estimated), "US", "mix", "D", 384.2),
                    ),
                    {"open_section": 2, "extract_figures": 1},
                ),
                Phase("synthesise", (Call("model-b", _amounts(synthesise, cached=cached, estimated=estimated)),), {}),
            )
            runs.append(Run(variant.name, cohort.name, 1, phases))
    return DemoResult((), tuple(runs), export, 1.25)


def _shown(result: DemoResult, width: int = 100, encoding: str = "utf-8") -> str:
    class Stream(StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override] # StringIO's is None
            return encoding

    file = Stream()
    console = Console(file=file, width=width, legacy_windows=False)
    console.print(header(console))
    for part in report(result, console):
        console.print(part)
    return file.getvalue()


def test_sums_stand_on_every_container_and_bounds_are_added() -> None:
    lines = _shown(_result()).splitlines()
    root, phase = (next(line for line in lines if name in line) for name in ("invoke_agent", "├─ extract"))
    # two calls of 0.5 g and one of 1.5 g: 2.5 g, between half and twice that
    assert root.split()[-2:] == ["2.50", "1.25–5.00"]
    assert phase.split()[-2:] == ["1.00", "0.500–2.00"]
    assert "│  └─ 3 execute_tool: 2 open_section, 1 extract_figures" in lines
    assert any(line.startswith("   └─ chat model-b") for line in lines)


def test_the_comparison_has_a_row_per_variant_and_cohort_with_its_ratio() -> None:
    lines = _shown(_result()).splitlines()
    rows = [line.split() for line in lines if "1.00×" in line or "0.28×" in line]  # 2.5 g of 9 g
    assert [row[0] for row in rows] == ["free", RIGHT_SIZED.name, "enterprise", RIGHT_SIZED.name]
    assert [row[row.index("3") + 1] for row in rows] == ["3,300"] * 4


def test_a_phase_that_gets_worse_says_why() -> None:
    text = _shown(_result())
    assert text.count("extract filled another model's prompt cache") == 1
    assert text.index("synthesise ") < text.index("more, not less")


def test_a_call_without_an_estimate_shows_a_question_mark_not_a_zero() -> None:
    line = next(line for line in _shown(_result(estimated=0)).splitlines() if "chat model-b" in line)
    assert line.split()[-3:] == ["?", "?", "?"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_nothing_is_wider_than_the_console(width: int) -> None:
    text = _shown(_result(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "chat model-a" in text


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_console_that_is_not_unicode_gets_ascii(width: int) -> None:
    text = _shown(_result(), width, "ascii")
    assert text.isascii()
    assert "|- extract" in text


def test_what_became_of_the_export_is_shown() -> None:
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=" in _shown(_result())
    assert "9 spans were sent to http://host:1" in _shown(_result(export=Export("http://host:1", 9, 0)))
    assert "4 of 9 spans did not reach http://host:1" in _shown(_result(export=Export("http://host:1", 5, 4)))


def test_columns_give_way_in_their_order_and_labels_run_across() -> None:
    columns = (Column("a"), Column("bbbb", gives_way=1), Column("c", right=False, gives_way=2))
    rows = [Row(Text("x"), [Text("1"), Text("2"), Text("3")]), Row(Text("a long label"))]

    def lines(width: int) -> list[str]:
        return [str(line) for line in aligned(columns, rows, heading="h", width=width).renderables]

    assert lines(20) == ["h  a  bbbb  c", "x  1     2  3", "a long label"]
    assert lines(10) == ["h a bbbb c", "x 1    2 3", "a long lab"]
    assert lines(9) == ["h a bbbb", "x 1    2", "a long la"]
    assert lines(3) == ["h a", "x 1", "a l"]


def test_columns_that_give_way_alike_go_together() -> None:
    columns = (Column("a"), Column("bbbb", gives_way=1), Column("c"), Column("dddd", gives_way=1))
    rows = [Row(Text("x"), [Text("1"), Text("2"), Text("3"), Text("4")])]
    assert [str(line) for line in aligned(columns, rows, heading="h", width=12).renderables] == ["h  a  c", "x  1  3"]


def test_a_narrow_console_shows_each_variant_alike() -> None:
    lines = _shown(_result(), 60).splitlines()
    (phase,) = [line for line in lines if line.startswith("extract")]
    assert phase.split() == ["extract", "model-a", "8.00", "model-a", "1.00"]
