# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Regenerates the tables in docs/ that come from the code, between their markers: `make docs`.

A test compares: a table that changed in the code and not in the docs fails.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from carbonspan import grid
from carbonspan.core._options import OPTIONS
from carbonspan.live.sources import SOURCES
from carbonspan.telemetry import ATTRIBUTES, GRID_METRICS, LABELS, METRICS
from carbonspan.telemetry._contract import OTHERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE = Path(__file__).resolve().parent


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def attributes() -> str:
    """Return the table of attributes."""
    return _table(
        ("attribute", "unit", "level", "meaning"),
        [(f"`{a.name}`", a.unit or "–", a.level.value, a.meaning) for a in ATTRIBUTES],
    )


def other_attributes() -> str:
    """Return the table of the attributes that do not describe one inference."""
    return _table(
        ("attribute", "unit", "meaning"), [(f"`{name}`", unit or "–", meaning) for name, unit, meaning in OTHERS]
    )


def options() -> str:
    """Return the table of options."""
    return _table(
        ("keyword and declarative key", "environment variable", "default", "allowed", "meaning"),
        [(f"`{o.name}`", f"`{o.environment}`", f"`{_default(o.default)}`", o.allowed, o.meaning) for o in OPTIONS],
    )


def _default(value: object) -> str:
    if value in (None, "", {}, ()):
        return "none"
    if isinstance(value, tuple):
        return ",".join(value)
    return (
        str(getattr(value, "value", value)).lower() if isinstance(value, bool) else str(getattr(value, "value", value))
    )


def sources() -> str:
    """Return the table of grid sources."""
    return _table(
        ("source", "what", "year", "basis", "accounting", "licence"),
        [
            (f"`{s.id}`", f"[{s.title}]({s.url})", s.year, s.basis.value, s.accounting, s.licence)
            for s in grid.bundled_sources()
        ],
    )


def metrics() -> str:
    """Return the table of metrics."""
    return _table(
        ("metric", "kind", "unit", "meaning", "own label"),
        [(f"`{m.name}`", m.kind, m.unit, m.meaning, f"`{m.label}`" if m.label else "–") for m in METRICS],
    )


def grid_metrics() -> str:
    """Return the table of the live grid's metrics."""
    return _table(
        ("metric", "kind", "unit", "meaning", "labels"),
        [
            (f"`{m.name}`", m.kind, m.unit, m.meaning, ", ".join(f"`{name}`" for name in names))
            for m, names in GRID_METRICS.items()
        ],
    )


def live_sources() -> str:
    """Return the table of live sources."""
    return _table(
        ("source", "what", "zones", "basis", "quota", "licence of the data"),
        [
            (
                ", ".join(f"`{name}`" for name in (s.name, *s.aliases)),
                f"[{s.description}]({s.url})" if s.url else s.description,
                s.zones,
                s.basis,
                s.quota or "–",
                s.licence,
            )
            for s in SOURCES.values()
        ],
    )


def source_options() -> str:
    """Return the table of the live sources' options."""
    return _table(
        ("source", "option", "meaning", "environment variable"),
        [
            (f"`{s.name}`", f"`{name}`", meaning, f"`{s.environment[name]}`" if name in s.environment else "–")
            for s in SOURCES.values()
            for name, meaning in s.options.items()
        ],
    )


def labels() -> str:
    """Return the table of the labels that all metrics share."""
    return _table(("label", "meaning"), [(f"`{name}`", meaning) for name, meaning in LABELS])


TABLES: dict[str, Callable[[], str]] = {
    "attributes": attributes,
    "grid metrics": grid_metrics,
    "grid sources": sources,
    "labels": labels,
    "live sources": live_sources,
    "metrics": metrics,
    "options": options,
    "other attributes": other_attributes,
    "source options": source_options,
}
MARKED = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def regenerated(text: str) -> str:
    """Return a page with every marked table made anew."""
    return MARKED.sub(lambda m: m[1] + TABLES[m["name"]]() + m[3], text)


def main() -> None:
    """Rewrite the pages that have marked tables."""
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(regenerated(text), encoding="utf-8")


if __name__ == "__main__":
    main()
