# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: a trace as a tree, the variants side by side, and how to read both.

Colours are the terminal's own, so that they fit dark and light themes; colour only repeats what the text says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Group
from rich.constrain import Constrain
from rich.panel import Panel
from rich.text import Text

from carbonspan.core._text import digits
from carbonspan.demo._scenario import AGENT, ENTERPRISE, FLAG_KEY, FRONTIER, RIGHT_SIZED, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from carbonspan.core.values import Range
    from carbonspan.demo._result import Amounts, Call, DemoResult, Export, Phase, Run

_WIDTH = 106  # wider is harder to read, not fuller
_BAR_CELLS = 10
_QUIET = "dim"
_CENTRAL = "bold green"

_NOTES = {
    "Estimates, not measurements.": (
        "Providers do not publish the energy of a call. gCO2e is operational plus embodied emissions, location-based; "
        "Wh is the facility's energy. Only model calls are summed: the agent, its phases and its tools add nothing of "
        "their own."
    ),
    "low{dash}high": (
        "is the range that the unknowns allow: model size, grid, facility. In a sum, lows are added to lows and highs "
        "to highs, since the errors of calls to similar models go the same way. The high bound of a small closed "
        "model is far off: its size is not disclosed and may be large. So the variants' ranges may overlap; the ratio "
        "compares central values."
    ),
    "grade": (
        "is how good the evidence for a model's energy is: A measured by you, B measured on open weights, C a power "
        "law over open weights, D a closed model whose size is a guess, E the default of its class."
    ),
    "where": (
        "is the provider's usual geography and what its g/kWh is based on, since these spans name no region. A region "
        "that is set, or is on the span, narrows the range."
    ),
    "cached": (
        "is input read from a prompt cache; {dash} means that the span does not say. Unknown is not zero: it lowers "
        "the low bound. g saved is the gCO2e that reading input from the cache saved."
    ),
    "Carbon is only half of the question:": (
        "whether the answers are as good is for you to judge. Method: docs/explanation/methodology.md"
    ),
}


class Column(NamedTuple):
    """A column: its heading, whether it is set to the right, and when it gives way.

    The highest number goes first, those with the same number go together, and 0 never goes.
    """

    heading: str
    right: bool = True
    gives_way: int = 0


class Row(NamedTuple):
    """A label, and one cell a column; with no cells at all, the label runs across."""

    label: Text
    cells: Sequence[Text] = ()


class _Signs(NamedTuple):
    fork: str
    last: str
    through: str
    dash: str
    times: str
    full: str
    empty: str
    rule: str
    box: box.Box


_UNICODE = _Signs("├─ ", "└─ ", "│  ", "–", "×", "█", "░", "─", box.ROUNDED)
_ASCII = _Signs("|- ", "`- ", "|  ", "-", "x", "#", ".", "-", box.ASCII)


def header(console: Console) -> RenderableType:
    """Return what the demo is about to do, in a few lines."""
    text = Text.assemble(
        ("A customer-research agent runs four times: ", "bold"),
        f"with the feature flag {FLAG_KEY} set to {VARIANTS[0].name} ({VARIANTS[0].description}) and to "
        f"{VARIANTS[1].name} ({VARIANTS[1].description}), each for a free and an enterprise customer.\n",
        "The OpenAI and Anthropic SDKs and their OpenTelemetry instrumentations are real; the APIs behind them are a "
        "server on this machine. No key is used, no model is called, and nothing leaves this machine unless you set an "
        "OTLP endpoint. The token counts are that server's; the estimates made from them are carbonspan's.",
    )
    return Panel(
        text,
        title=Text("carbonspan demo", _CENTRAL),
        title_align="left",
        border_style="green",
        box=_signs(console).box,
        width=_width(console),
    )


def report(result: DemoResult, console: Console) -> Iterator[RenderableType]:
    """Yield everything that is shown once the agent has run."""
    shown = result.run_of(RIGHT_SIZED.name, ENTERPRISE.name)
    for title, body in (
        (f"One of the four traces: {shown.variant}, {shown.cohort}", _trace(shown, console)),
        (f"Where the variants differ, phase by phase: {ENTERPRISE.name}", _phases(result, console)),
        ("What the flag does, per cohort (one run each)", _comparison(result, console)),
        ("How to read this", _notes(console)),
    ):
        yield Text()
        yield _section(title, console)
        yield body
    yield Text()
    yield _closing(result)


def _trace(run: Run, console: Console) -> RenderableType:
    signs = _signs(console)
    columns = (
        Column("in", gives_way=3),
        Column("cached", gives_way=4),
        Column("out", gives_way=2),
        Column("Wh"),
        Column("gCO2e"),
        Column(f"low{signs.dash}high"),
        Column("g/kWh", gives_way=5),
        Column("where", right=False, gives_way=6),
        Column("grade", right=False, gives_way=7),
    )
    rows = [Row(Text(f"invoke_agent {AGENT}", "bold"), _cells(run.amounts, signs, "bold"))]
    for phase in run.phases:
        is_last = phase is run.phases[-1]
        label = Text.assemble((signs.last if is_last else signs.fork, _QUIET), phase.name)
        rows.append(Row(label, _cells(phase.amounts, signs) if len(phase.calls) > 1 else ()))
        guide = "   " if is_last else signs.through
        for call in phase.calls:
            branch = guide + (signs.last if call is phase.calls[-1] and not phase.tools else signs.fork)
            label = Text.assemble((branch, _QUIET), "chat ", (call.model, "cyan"))
            rows.append(Row(label, _cells(call.amounts, signs, call=call)))
        if phase.tools:
            rows.append(Row(Text(guide + signs.last + _tools(phase), _QUIET)))
    return aligned(columns, rows, heading="span", width=_width(console))


def _tools(phase: Phase) -> str:
    names = ", ".join(f"{count} {name}" for name, count in phase.tools.items())
    return f"{sum(phase.tools.values())} execute_tool: {names}"


def _cells(amounts: Amounts, signs: _Signs, style: str = "", call: Call | None = None) -> list[Text]:
    known = amounts.estimated_calls > 0
    unreported = call is not None and not call.cache_reported
    return [
        Text(f"{amounts.input_tokens:,}", style),
        Text(signs.dash if unreported else f"{amounts.cached_tokens:,}", style),
        Text(f"{amounts.output_tokens:,}", style),
        Text(digits(amounts.energy_wh.central) if known else "?", style),
        Text(digits(amounts.emissions_g.central) if known else "?", _CENTRAL if style else "green"),
        Text(_bounds(amounts.emissions_g, signs) if known else "?", style),
        Text(f"{call.intensity_g_per_kwh:.0f}" if call and call.intensity_g_per_kwh is not None else ""),
        Text(f"{call.region} {call.quality}".strip() if call else ""),
        Text(call.evidence if call else ""),
    ]


def _phases(result: DemoResult, console: Console) -> RenderableType:
    signs = _signs(console)
    sides = [result.run_of(variant.name, ENTERPRISE.name).phases for variant in VARIANTS]
    most = max(phase.amounts.emissions_g.central for side in sides for phase in side)
    columns = [
        column
        for variant in VARIANTS
        for column in (Column(variant.name, right=False), Column("gCO2e"), Column("", right=False, gives_way=1))
    ]
    rows = []
    for at, pair in enumerate(zip(*sides, strict=True)):
        cells = []
        for phase in pair:
            grams = phase.amounts.emissions_g.central
            cells.append(Text(phase.calls[0].model, "cyan"))
            cells.append(Text(digits(grams), "green"))
            cells.append(Text(_bar(grams / most if most else 0.0, signs), "green"))
        rows.append(Row(Text(pair[0].name), cells))
        base, other = (phase.amounts for phase in pair)
        if other.cached_tokens < base.cached_tokens and other.emissions_g.central > base.emissions_g.central:
            why = f"more, not less: {sides[0][at - 1].name} filled another model's prompt cache"
            rows.append(Row(Text(f"{signs.last}{why}", _QUIET)))
    return aligned(columns, rows, heading="phase", width=_width(console))


def _comparison(result: DemoResult, console: Console) -> RenderableType:
    signs = _signs(console)
    columns = (
        Column("variant", right=False),
        Column("calls", gives_way=2),
        Column("tokens", gives_way=4),
        Column("Wh"),
        Column("gCO2e"),
        Column(f"low{signs.dash}high"),
        Column("mL water", gives_way=5),
        Column("g saved", gives_way=6),
        Column("ratio"),
        Column("", right=False, gives_way=7),
    )
    rows = []
    for cohort in dict.fromkeys(run.cohort for run in result.runs):
        base = result.run_of(FRONTIER.name, cohort).amounts.emissions_g.central
        for variant in VARIANTS:
            amounts = result.run_of(variant.name, cohort).amounts
            share = amounts.emissions_g.central / base if base else 0.0
            cells = (
                Text(variant.name),
                Text(f"{amounts.model_calls}"),
                Text(f"{amounts.input_tokens + amounts.output_tokens:,}"),
                Text(digits(amounts.energy_wh.central)),
                Text(digits(amounts.emissions_g.central), _CENTRAL),
                Text(_bounds(amounts.emissions_g, signs)),
                Text(digits(amounts.water_ml)),
                Text(digits(amounts.cache_savings_g)),
                Text(f"{share:.2f}{signs.times}", "bold"),
                Text(_bar(share, signs, cells=6), "green"),
            )
            rows.append(Row(Text(cohort if variant is VARIANTS[0] else ""), cells))
    return aligned(columns, rows, heading="cohort", width=_width(console))


def _notes(console: Console) -> RenderableType:
    dash = _signs(console).dash
    text = Text("\n").join(
        Text.assemble((f"{lead.format(dash=dash)} ", "bold"), rest.format(dash=dash)) for lead, rest in _NOTES.items()
    )
    return Constrain(text, _width(console))


def _closing(result: DemoResult) -> Text:
    calls = sum(run.amounts.model_calls for run in result.runs)
    tools = sum(run.tool_calls for run in result.runs)
    text = Text(
        f"{len(result.runs)} runs, {calls} model calls, {tools} tool calls, {len(result.spans)} spans in "
        f"{result.seconds:.1f} s, including imports."
    )
    text.append("\n")
    text.append_text(_export(result.export))
    return text


def _export(export: Export | None) -> Text:
    if export is None:
        return Text("To see the spans in your own backend: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", _QUIET)
    if not export.failed:
        return Text(f"{export.sent} spans were sent to {export.endpoint} as service carbonspan-demo.", "green")
    return Text(
        f"{export.failed} of {export.sent + export.failed} spans did not reach {export.endpoint}: is it an OTLP/HTTP "
        "endpoint (port 4318, not gRPC's 4317)?",
        "bold red",
    )


def _section(title: str, console: Console) -> Text:
    rule = _signs(console).rule * max(0, _width(console) - len(title) - 1)
    return Text.assemble((title, "bold"), " ", (rule, "green"))


def _bounds(grams: Range, signs: _Signs) -> str:
    return f"{digits(grams.low)}{signs.dash}{digits(grams.high)}"


def _bar(share: float, signs: _Signs, cells: int = _BAR_CELLS) -> str:
    full = min(cells, max(1, round(share * cells))) if share else 0
    return signs.full * full + signs.empty * (cells - full)


def _signs(console: Console) -> _Signs:
    return _ASCII if console.options.ascii_only or console.legacy_windows else _UNICODE


def _width(console: Console) -> int:
    return min(_WIDTH, console.width)


# rich's tables cannot let one row run across the columns of the others, as a tree's rows do.


def aligned(columns: Sequence[Column], rows: Sequence[Row], *, heading: str, width: int) -> Group:
    """Return the rows as lines of at most `width` cells, with columns left out where they do not fit."""
    table = [
        Row(Text(heading, "bold"), [Text(column.heading, "bold") for column in columns]),
        *(row for row in rows if row.cells),
    ]
    label = max(row.label.cell_len for row in table)
    widths = [max(row.cells[at].cell_len for row in table) for at in range(len(columns))]
    kept = list(range(len(columns)))
    while (total := label + sum(widths[at] + 1 for at in kept)) > width:
        giving = [at for at in kept if columns[at].gives_way]
        if not giving:
            break
        next_to_go = max(columns[at].gives_way for at in giving)
        kept = [at for at in kept if columns[at].gives_way != next_to_go]
    gap = " " * (2 if total + len(kept) <= width else 1)

    lines = []
    for row in (table[0], *rows):
        line = row.label.copy()
        if row.cells:
            line.pad_right(label - line.cell_len)
        for at in kept if row.cells else ():
            cell = row.cells[at]
            padding = " " * (widths[at] - cell.cell_len)
            line.append(gap + padding if columns[at].right else gap)
            line.append_text(cell)
            line.append("" if columns[at].right else padding)
        line.rstrip()
        line.truncate(width, overflow="crop")
        lines.append(line)
    return Group(*lines)
