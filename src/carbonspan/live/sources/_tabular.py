# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a user's CSV or JSON become parts of hours. Used by `file` alone; knows nothing of when to read."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import EPOCH
from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH
from carbonspan.live.sources._hourly import Part
from carbonspan.live.sources._rows import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "zone": ("zone", "zone id", "zone_id"),
    "hour": ("hour", "datetime", "datetime (utc)", "time", "timestamp", "point_time"),
    "value": ("value", "carbon_intensity", "carbonintensity", "g_per_kwh", "intensity_g_per_kwh", "intensity"),
    "basis": ("basis", "emissionfactortype"),
    "quality": ("quality",),
    "estimated": ("isestimated", "data estimated"),
}
"""What a column means, and the names it may have, in lower case."""
# The portal's exports of Electricity Maps have a column for each basis ("(LCA)" until 2024, "(Life cycle)" since).
_OF_BASIS = {"(direct)": Basis.DIRECT, "(lca)": Basis.LIFE_CYCLE, "(life cycle)": Basis.LIFE_CYCLE}
_INTENSITY = "carbon intensity gco"

BASES = {
    "life-cycle": Basis.LIFE_CYCLE,
    "lifecycle": Basis.LIFE_CYCLE,
    "direct": Basis.DIRECT,
    "marginal": Basis.MARGINAL,
}
_QUALITIES = {quality.value: quality for quality in (Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST)}


class BadRow(NamedTuple):
    """A row that cannot be used."""

    where: str  # file and line
    reason: str


class Table:
    """Takes rows from any number of files."""

    def __init__(self, zone: str, basis: Basis, present: datetime) -> None:
        """Take what a row is that does not say, and the time, after which a value cannot have been measured."""
        self._zone = zone
        self._basis = basis
        self._present = present
        self.parts: defaultdict[tuple[str, Basis], list[Part]] = defaultdict(list)
        self.bad: list[BadRow] = []

    def take(self, row: Mapping[Any, Any], where: str) -> None:
        """Take one row, or note why not."""
        fields = {str(name).strip().lower(): value for name, value in row.items()}
        values = list(self._values(fields))
        if not values:
            return self._refuse(where, "no value")
        zone = _text(_field(fields, "zone")) or self._zone
        if not zone:
            return self._refuse(where, "no zone")
        hour = _field(fields, "hour")
        when = moment(hour.strip() if isinstance(hour, str) else hour, utc=True)
        if when is None or when < EPOCH:
            return self._refuse(where, "no hour")
        quality = self._quality(fields, when)
        for basis, value in values:
            number = _number(value)
            if basis is None or quality is None:
                self._refuse(where, "an unknown basis or quality")
            elif number is not None and 0.0 <= number <= MAX_INTENSITY_G_PER_KWH:
                self.parts[zone, basis].append(Part(when, number, quality))
            elif value is not None and _text(value):  # an empty field is a value that is not out yet
                self._refuse(where, f"a value that is no number from 0 to {MAX_INTENSITY_G_PER_KWH:.0f}")
        return None

    def refuse_file(self, path: Path, reason: str) -> None:
        """Note that nothing more of a file can be read."""
        self._refuse(str(path), reason)

    def bad_rows(self, most: int) -> str:
        """Name the first rows that cannot be used."""
        named = "; ".join(f"{row.where}: {row.reason}" for row in self.bad[:most])
        return named if len(self.bad) <= most else f"{named}; ..."

    def _refuse(self, where: str, reason: str) -> None:
        self.bad.append(BadRow(where, reason))

    def _values(self, fields: Mapping[str, Any]) -> Iterator[tuple[Basis | None, Any]]:
        if any(name in fields for name in COLUMNS["value"]):
            basis = _text(_field(fields, "basis")).lower()
            yield BASES.get(basis) if basis else self._basis, _field(fields, "value")
            return
        for name, value in fields.items():
            for suffix, basis_of_column in _OF_BASIS.items():
                if name.startswith(_INTENSITY) and name.endswith(suffix):
                    yield basis_of_column, value

    def _quality(self, fields: Mapping[str, Any], when: datetime) -> Quality | None:
        named = _text(_field(fields, "quality")).lower()
        if named:
            return _QUALITIES.get(named)
        if when > self._present:
            return Quality.FORECAST
        return Quality.ESTIMATED if _text(_field(fields, "estimated")).lower() == "true" else Quality.MEASURED


def read(path: Path, table: Table) -> None:
    """Give a file's rows to a table; what is no CSV or JSON at all is noted there too.

    Raises:
        OSError: it cannot be opened or read.
    """
    try:
        if path.suffix.lower() == ".json":
            _read_json(path, table)
        else:
            _read_csv(path, table)
    except (ValueError, RecursionError, csv.Error):  # UnicodeDecodeError is a ValueError
        table.refuse_file(path, "no CSV or JSON from here on")


def _read_csv(path: Path, table: Table) -> None:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            table.take(row, f"{path}:{rows.line_num}")


def _read_json(path: Path, table: Table) -> None:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    zone = ""
    if isinstance(content, dict):
        zone = _text(content.get("zone"))
        content = next((content[key] for key in ("data", "hours", "history") if key in content), None)
    if not isinstance(content, list):
        raise ValueError("no list of rows")
    for number, row in enumerate(content, 1):
        if isinstance(row, dict):
            table.take({"zone": zone, **row}, f"{path}, row {number}")
        else:
            table.take({}, f"{path}, row {number}")


def _field(fields: Mapping[str, Any], meaning: str) -> Any:
    return next((fields[name] for name in COLUMNS[meaning] if fields.get(name) is not None), None)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
