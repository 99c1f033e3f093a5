# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How `carbonspan grid` looks: a bar and a letter for the quality of each hour, and what they are based on.

Colour adds nothing that is not said otherwise. It fits 80 columns, and does without block characters where the output
has none.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

from carbonspan.cli._output import time_of
from carbonspan.core._text import digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

_HOUR = timedelta(hours=1)
ROWS = 8  # lines of bars
TICK_ROWS = 2
CELL = 3  # columns an hour, the gap included; less where there are more hours
MARGIN = 7  # columns for the scale
COLUMNS = 79
MARK_EVERY = 3  # hours
HOURS_A_DAY = 24


class _Look(NamedTuple):
    letter: str
    style: str
    meaning: str


LOOKS = {
    "measured": _Look("M", "green", "measured"),
    "estimated": _Look("E", "yellow", "estimated"),
    "forecast": _Look("F", "cyan", "forecast"),
    "stale": _Look("S", "magenta", "stale: an earlier hour"),
    "profile": _Look("P", "blue", "profile: by month and hour of the day"),
    "annual": _Look("A", "bright_black", "annual: one value a year"),
    "mix": _Look("X", "bright_black", "mix of a geography"),
}
DOUBTFUL = _Look("?", "red", "estimated: far off the hours around it")
NONE = _Look(".", "bright_black", "no figure in this basis")

_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Signs(NamedTuple):
    """The characters to draw with."""

    steps: str  # from empty to full
    bar: str
    tick: str
    corner: str
    rule: str
    dash: str


BLOCKS = Signs(_EIGHTHS, "│", "┤", "└", "─", "–")
ASCII = Signs(" #", "|", "+", "+", "-", "-")


def look(row: dict[str, Any]) -> _Look:
    """Return how an hour is marked."""
    if row["g_per_kwh"] is None:
        return NONE
    return DOUBTFUL if "around_g_per_kwh" in row else LOOKS[row["quality"]]


def report(found: dict[str, Any], signs: Signs = BLOCKS, local: timezone | None = None) -> RenderableType:
    """Return a report of `_grid.examine` as it is shown.

    Args:
        found: the report.
        signs: what to draw with.
        local: the zone of the second row of hours; the machine's own by default.
    """
    parts: list[RenderableType] = [_title(found, signs), Text(), *_chart(found["hours"], signs, local), Text()]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    for name, text in _facts(found, signs):
        facts.add_row(Text(name, style="bold"), Text(text))
    parts += [facts, Text(), _legend(found["hours"], signs)]
    parts += [Text(f"! {problem}", style="yellow") for problem in found["problems"]]
    if len(found["sources"]) == 1:
        parts.append(
            Text(
                "No live source is in use, only the bundled tables: try --source uk, or CARBONSPAN_GRID=uk.",
                style="dim",
            )
        )
    elif not any("fetched_at" in row for row in found["hours"]):
        parts.append(Text("No live source has these hours: the bundled tables are used instead.", style="yellow"))
    return Group(*parts)


def _title(found: dict[str, Any], signs: Signs) -> Text:
    rows = found["hours"]
    first, last = time_of(rows[0]["hour"]), time_of(rows[-1]["hour"]) + _HOUR
    where = found["zone"] or found["place"]
    if found["place"] and found["place"] != where:
        where = f"{found['place']}, zone {where}"
    return Text.assemble(
        (where, "bold"), f"  {first:%Y-%m-%d %H:%M} {signs.dash} {last:%Y-%m-%d %H:%M} UTC, gCO2e per kWh"
    )


def _chart(rows: Sequence[dict[str, Any]], signs: Signs, local: timezone | None) -> list[Text]:
    cell = max(1, min(CELL, (COLUMNS - MARGIN) // len(rows)))
    width = max(1, cell - 1)
    values = [None if row["g_per_kwh"] is None else _central(row) for row in rows]
    tick = _tick(max((value for value in values if value is not None), default=0.0))
    full = ROWS // TICK_ROWS * tick
    steps = len(signs.steps) - 1
    heights = [0 if value is None else _height(value / full, ROWS * steps) for value in values]
    lines = []
    for line in range(ROWS - 1, -1, -1):
        marked = (line + 1) % TICK_ROWS == 0
        label = digits((line + 1) // TICK_ROWS * tick) if marked else ""
        text = Text(f"{label:>{MARGIN - 2}} {signs.tick if marked else signs.bar}")
        for row, height in zip(rows, heights, strict=True):
            step = min(max(height - line * steps, 0), steps)
            text.append(signs.steps[step] * width + " " * (cell - width), style=look(row).style)
        lines.append(text)
    lines.append(Text(f"{'0':>{MARGIN - 2}} {signs.corner}{signs.rule * (cell * len(rows))}"))
    letters = Text(" " * MARGIN)
    for row in rows:
        mark = look(row)
        letters.append(f"{mark.letter:<{cell}}", style=mark.style)
    return [*lines, letters, *_marks(rows, cell, local)]


def _height(share: float, steps: int) -> int:
    """Return how many steps high a bar is: at least one, unless nothing is emitted."""
    return max(math.ceil(min(share, 0.01)), round(share * steps))


def _tick(largest: float) -> float:
    """Return a round number of which `ROWS / TICK_ROWS` hold the largest value."""
    least = max(largest / (ROWS // TICK_ROWS), 0.1)
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        power * round_number for round_number in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * round_number >= least
    )


def _marks(rows: Sequence[dict[str, Any]], cell: int, local: timezone | None) -> list[Text]:
    times = [time_of(row["hour"]) for row in rows]
    here = [when.astimezone(local) for when in times]
    lines = [_mark_line("UTC", times, times, cell)]
    if any(there.utcoffset() for there in here):
        lines.append(_mark_line("local", times, here, cell))
    return lines


def _mark_line(name: str, times: Sequence[datetime], shown: Sequence[datetime], cell: int) -> Text:
    line = [" "] * (cell * len(times) + 1)
    every = max(MARK_EVERY, math.ceil(6 / cell))
    every += -every % MARK_EVERY
    for number, (when, there) in enumerate(zip(times, shown, strict=True)):
        text = there.strftime("%H:%M" if there.minute else "%H")
        if when.hour % every == 0 and number * cell + len(text) <= len(line):
            line[number * cell : number * cell + len(text)] = text
    return Text(f"{name:<{MARGIN}}{''.join(line)}".rstrip(), style="dim")


def _facts(found: dict[str, Any], signs: Signs) -> list[tuple[str, str]]:
    rows = found["hours"]
    facts = []
    if found["view"] != "history":
        row = rows[0 if "cleanest" in found else -1]
        facts.append(("now", _present(row, signs)))
        if "fetched_at" in row:
            minutes = int((datetime.now(timezone.utc) - time_of(row["fetched_at"])).total_seconds() // 60)
            facts.append(("fetched", f"{max(0, minutes)} min ago"))
    facts += [(one["basis"], _extremes(one)) for one in found["summary"]]
    if len(found["summary"]) > 1:
        facts.append(("note", "hours in two bases: compare only hours of one basis"))
    if "cleanest" in found:
        facts += _cleanest(found["cleanest"])
    return facts


def _extremes(one: dict[str, Any]) -> str:
    low, mean, high = (digits(one[f"{name}_g_per_kwh"]) for name in ("min", "mean", "max"))
    if low == high:
        return f"{mean} in each of {one['hours']} h"
    return (
        f"min {low} ({_clock(one['min_hour'])}), mean {mean}, max {high} ({_clock(one['max_hour'])}), {one['hours']} h"
    )


def _present(row: dict[str, Any], signs: Signs) -> str:
    if row["g_per_kwh"] is None:
        return "no figure in this basis (basis_strict)"
    value = row["g_per_kwh"]
    return (
        f"{digits(value['central'])} ({digits(value['low'])} {signs.dash} {digits(value['high'])}), "
        f"{row['quality']}, {row['basis']}, {row['source']}"
    )


def _cleanest(best: dict[str, Any] | None) -> list[tuple[str, str]]:
    if best is None:
        return [("cleanest", "all hours are alike, or their bases differ")]
    mean = best["mean_g_per_kwh"] or 1.0
    hours = ", ".join(
        f"{_clock(one['hour'])} {digits(one['g_per_kwh'])} ({one['g_per_kwh'] / mean - 1:+.0%})"
        for one in best["hours"]
    )
    run = best["in_a_row"]
    more = [] if run is None else [("", f"{run['hours']} h from {_clock(run['hour'])}: {digits(run['g_per_kwh'])}")]
    return [("cleanest", hours), *more]


def _central(row: dict[str, Any]) -> float:
    return float(row["g_per_kwh"]["central"])


def _clock(hour: str) -> str:
    return time_of(hour).strftime("%H:%M")


def _legend(rows: Sequence[dict[str, Any]], signs: Signs) -> Table:
    table = Table.grid(padding=(0, 2))
    for wraps in (False, False, False, True, False):
        table.add_column(no_wrap=not wraps)
    groups: dict[tuple[_Look, str, str], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault((look(row), row.get("basis", ""), row.get("source", "")), []).append(number)
    for (mark, basis, source), numbers in groups.items():
        # One span of hours where the group is many: the letters above say which.
        first, last = time_of(rows[numbers[0]]["hour"]), time_of(rows[numbers[-1]]["hour"]) + _HOUR
        whole = len(numbers) == numbers[-1] - numbers[0] + 1 and len(rows) <= HOURS_A_DAY and len(numbers) < len(rows)
        when = f"{first:%H}{signs.dash}{last:%H} UTC" if whole else f"{len(numbers)} h"
        table.add_row(Text(mark.letter, style=mark.style), mark.meaning, basis, source, when)
    return table
