# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Aligned columns under a tree: rich's tables cannot let one row run across the columns of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence


class Column(NamedTuple):
    """A column: its heading, whether it is set to the right, and when it gives way (higher goes first, 0 never)."""

    heading: str
    right: bool = True
    gives_way: int = 0


class Row(NamedTuple):
    """A label, and one cell a column; with no cells at all, the label runs across."""

    label: Text
    cells: Sequence[Text] = ()


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
        kept.remove(max(giving, key=lambda at: columns[at].gives_way))
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
