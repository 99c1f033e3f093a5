# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Remakes what the repository holds that is made from the code: `make generate`, which CI runs with `CHECK=1`.

These are the tables in the pages, between their markers; the dashboards' JSON; and the Collector's configuration.
With `--check` nothing is written, and what differs is named.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from carbonspan import grid
from carbonspan.core._options import OPTIONS
from carbonspan.live.sources import SOURCES
from carbonspan.telemetry._contract import ATTRIBUTES, GRID_METRICS, LABELS, METRICS, OTHERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
# What users import. All else may move.
PUBLIC = ("carbonspan", "carbonspan.grid", "carbonspan.energy", "carbonspan.testing")
COLLECTOR = ROOT / "collector-config" / "enrich-at-collector.yaml"

# The builders of the dashboards declare this Python; on an older one the dashboards are left as they are, and named.
DASHBOARDS_NEED = (3, 11)

# What the page on the Collector shows of the statements.
_FIGURE = re.compile(r"- 'set\(span\.attributes\[\"carbon\.(emissions\.(\w+_)?grams|energy\.(\w+_)?wh)\"\]")


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


def statements() -> str:
    """Return a few of the statements that estimate inside the Collector: those that write grams and watt-hours."""
    lines = (line.strip() for line in _collector_config("statements").splitlines())
    return "\n".join(["```yaml", *(line for line in lines if _FIGURE.match(line)), "```"])


@cache
def _collector_config(part: str) -> str:
    # With default settings, whatever the environment of whoever runs this says.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARBONSPAN_")}
    command = "from carbonspan.cli import main; main()"
    made = subprocess.run(  # noqa: S603 - this interpreter, and arguments from this file
        [sys.executable, "-c", command, "collector-config", "--part", part],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return made.stdout


def public_names() -> str:
    """Return the table of what users import: names with what each is, package by package."""
    rows = []
    for name in PUBLIC:
        module = importlib.import_module(name)
        for exported in module.__all__:
            value = getattr(module, exported)
            what = inspect.cleandoc(value.__doc__).splitlines()[0] if callable(value) else "a constant"
            rows.append((f"`{name}`", f"`{exported}`", what))
    return _table(("package", "name", "what it is"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "attributes": attributes,
    "grid metrics": grid_metrics,
    "grid sources": sources,
    "labels": labels,
    "live sources": live_sources,
    "metrics": metrics,
    "options": options,
    "other attributes": other_attributes,
    "public names": public_names,
    "source options": source_options,
    "statements": statements,
}
"""What a page may have between `<!-- generated: NAME -->` and `<!-- end -->`, each on a line of its own."""

_OPENING = re.compile(r"<!-- generated: (?P<name>.+) -->")
_CLOSING = "<!-- end -->"
_MARKER = re.compile(r"<!--\s*(generated|end)\b", re.IGNORECASE)


class MarkerError(ValueError):
    """A page has a marker that leads nowhere."""


def regenerated(text: str) -> tuple[str, list[str]]:
    """Return a page with every marked block made anew, and the names of its blocks.

    Raises:
        MarkerError: a block has no name that is known, no beginning or no end, or holds another; or a marker is
            misspelt.
    """
    lines: list[str] = []
    names: list[str] = []
    within = False
    for number, line in enumerate(text.split("\n"), start=1):
        opening = _OPENING.fullmatch(line)
        if opening:
            if within:
                raise MarkerError(f"line {number}: the block {names[-1]!r} before it has no end")
            if opening["name"] not in BLOCKS:
                raise MarkerError(
                    f"line {number}: {opening['name']!r} is not a known block; known: {', '.join(BLOCKS)}"
                )
            within = True
            names.append(opening["name"])
            lines += [line, BLOCKS[names[-1]]()]
        elif line == _CLOSING:
            if not within:
                raise MarkerError(f"line {number}: an end without a beginning")
            within = False
            lines.append(line)
        elif _MARKER.search(line):
            raise MarkerError(f"line {number}: {line!r} is not a marker, and looks like one")
        elif not within:
            lines.append(line)
    if within:
        raise MarkerError(f"the block {names[-1]!r} has no end")
    return "\n".join(lines), names


def pages() -> list[Path]:
    """Return the pages: those at the root of the repository, and all below docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def generated() -> dict[Path, str]:
    """Return the text of every file that is made from the code, or holds a block that is.

    Raises:
        MarkerError: a page has a marker that leads nowhere, or a block stands on no page.
    """
    files: dict[Path, str] = {}
    used: set[str] = set()
    for page in pages():
        try:
            files[page], names = regenerated(page.read_text(encoding="utf-8"))
        except MarkerError as error:
            raise MarkerError(f"{page.relative_to(ROOT)}: {error}") from error
        used.update(names)
    if unused := sorted(BLOCKS.keys() - used):
        raise MarkerError(f"no page has the block {', '.join(map(repr, unused))}")
    files[COLLECTOR] = _collector_config("pipelines")
    if sys.version_info >= DASHBOARDS_NEED:
        sys.path.insert(0, str(ROOT))
        from dashboards.build import built  # noqa: PLC0415 - it needs what an older Python has not

        files |= built()
    return files


def main(arguments: Sequence[str]) -> int:
    """Write what differs; with `--check` write nothing, and return 1 if anything does."""
    check = "--check" in arguments
    differing = [
        (path, text)
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in differing:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what the code makes: run make generate\n")
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}: written\n")
    if sys.version_info < DASHBOARDS_NEED:
        sys.stderr.write("dashboards/ is left out: its builders need Python 3.11\n")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
