# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a user's own file: which column is what, in which unit and basis, and why a row cannot be used.

Columns (`COLUMNS`) under any of their names, upper or lower case. A column of values may name its unit and its basis
(`carbon_intensity_kg_per_kwh`, `co2_moer`, the portal of Electricity Maps' two columns); so may the row, and an object
around the rows (`meta.units`, `meta.signal_type`). A time without an offset is UTC. A row that cannot be used is
skipped and named.
"""

from __future__ import annotations

import csv
import json
import math
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import EPOCH
from carbonspan.core._mistaken import zones_meant
from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH
from carbonspan.live.sources._options import BASES
from carbonspan.live.sources._rows import Part, made_up, moment
from carbonspan.live.sources._units import UNITS, basis_of, g_per_kwh, read_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "zone": ("zone", "zone id", "zone_id"),
    "hour": ("hour", "datetime", "datetime (utc)", "time", "timestamp", "point_time"),
    "value": ("value", "carbon_intensity", "carbonintensity", "intensity"),
    "unit": ("unit", "units"),
    "basis": ("basis", "emissionfactortype", "signal_type"),
    "signal": ("datatype",),  # of WattTime's version 2; elsewhere it may be anything
    "quality": ("quality",),
    "estimated": ("isestimated", "data estimated"),
}
"""What a column means, and the names it may have, in lower case; a value's may also name its unit and basis."""
ROWS = ("data", "hours", "history", "forecast")
"""Where an object has its rows."""
_ABOUT = ("meta", "metadata")  # where an object says what holds for all rows
_SHOWN = 6  # names that a message shows
_SHOWN_LETTERS = 40  # of each
_TYPES = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "a truth value"}
DELIMITERS = ",;\t"  # of a CSV file: the one that its first line has most of

_QUALITIES = {quality.value: quality for quality in (Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST)}


class _Column(NamedTuple):
    """A column of values."""

    names: tuple[str, ...]  # in lower case; the first that has a value counts
    g_per_kwh: float | None  # in one of its unit; None where it names none
    basis: Basis | None  # None where it names none


class _Row(NamedTuple):
    """A row, and what holds where it does not say; the names in lower case."""

    fields: Mapping[str, Any]
    around: Mapping[str, Any]
    where: str  # file and line

    def text(self, meaning: str) -> str:
        """Return what the row says, else what is said around it, "" for neither; see `COLUMNS`."""
        return _text(_field(self.fields, meaning)) or _text(_field(self.around, meaning))


class BadRow(NamedTuple):
    """A row that cannot be used."""

    where: str  # file and line
    reason: str


class Table:
    """Takes rows from any number of files."""

    def __init__(self, zone: str, basis: Basis, unit: float | None, present: datetime) -> None:
        """Take what a row is that does not say, and the time, after which a value cannot have been measured.

        Args:
            zone: "" for none.
            basis: of the values.
            unit: g/kWh in one of them; `None` where that was not said either.
            present: UTC.
        """
        self._zone = zone
        self._basis = basis
        self._unit = unit
        self._present = present
        self.parts: defaultdict[tuple[str, Basis], list[Part]] = defaultdict(list)
        self.without_unit: defaultdict[tuple[str, Basis], list[float]] = defaultdict(list)
        """The values whose unit nobody named: taken as g/kWh."""
        self.signals: defaultdict[tuple[str, Basis], set[str]] = defaultdict(set)
        """What named the basis of those values."""
        self.bad: list[BadRow] = []

    def take(self, row: Mapping[Any, Any], where: str, around: Mapping[str, Any] | None = None) -> None:
        """Take one row, or note why not.

        Args:
            row: name to value.
            where: file and line.
            around: what holds where the row does not say, as a row, the names in lower case.
        """
        columns = value_columns(tuple(str(name).strip() for name in row))
        if not columns:
            return self.refuse(where, f"no value among {listed(row)}" if row else "no value")
        fields = {str(name).strip().lower(): value for name, value in row.items()}
        mark = made_up(fields)
        if mark:
            return self.refuse(where, f'a value that is made up: the row says "{mark}"')
        one = _Row(fields, around or {}, where)
        zone = one.text("zone") or self._zone or _text(one.around.get("region"))
        if not zone:
            return self.refuse(where, "no zone")
        hour = _field(fields, "hour")
        when = moment(hour.strip() if isinstance(hour, str) else hour, utc=True)
        if when is None or when < EPOCH:
            return self.refuse(where, "an hour before 1970" if when else _no_hour(hour, row))
        for column in columns:
            self._take_value(one, column, zone, when)
        return None

    def _take_value(self, row: _Row, column: _Column, zone: str, when: datetime) -> None:
        basis, quality = self._of_basis(row, column), self._quality(row.fields, when)
        if basis is None:
            return self.refuse(row.where, f"an unknown basis {_shown(row.text('basis'))}; known: {', '.join(BASES)}")
        if quality is None:
            known = ", ".join(_QUALITIES)
            return self.refuse(row.where, f"an unknown quality {_shown(row.text('quality'))}; known: {known}")
        unit, named = self._of_unit(row, column)
        if unit is None:
            return self.refuse(row.where, f"an unknown unit {_shown(named)}; known: {UNITS}")
        value = next((row.fields[name] for name in column.names if row.fields.get(name) is not None), None)
        number = _number(value)
        if number is not None and 0.0 <= number * unit <= MAX_INTENSITY_G_PER_KWH:
            self.parts[zone, basis].append(Part(when, number * unit, quality))
            if not named:
                self.without_unit[zone, basis].append(number)
                self.signals[zone, basis].update((column.names[0], row.text("basis"), row.text("signal")))
        elif _text(value):  # an empty field is a value that is not out yet
            self.refuse(row.where, _no_intensity(value, number))
        return None

    def refuse(self, where: str, reason: str) -> None:
        """Note that a row, or what is left of a file, cannot be used."""
        self.bad.append(BadRow(where, reason))

    def _of_basis(self, row: _Row, column: _Column) -> Basis | None:
        """Return the basis of a value: what the column says, else the row, else what is around it, else the option."""
        if column.basis is not None:
            return column.basis
        named = row.text("basis")
        if named:
            return BASES.get(named.lower()) or basis_of(named)
        return basis_of(row.text("signal")) or self._basis

    def _of_unit(self, row: _Row, column: _Column) -> tuple[float | None, str]:
        """Return g/kWh in one of a value's unit, `None` for an unknown one, and what named it, "" where nothing did.

        In the order of `_of_basis`.
        """
        if column.g_per_kwh is not None:
            return column.g_per_kwh, column.names[0]
        named = row.text("unit")
        if named:
            return g_per_kwh(named), named
        return (1.0, "") if self._unit is None else (self._unit, "option unit")

    def _quality(self, row: Mapping[str, Any], when: datetime) -> Quality | None:
        named = _text(_field(row, "quality")).lower()
        if named:
            return _QUALITIES.get(named)
        if when > self._present:
            return Quality.FORECAST
        return Quality.ESTIMATED if _text(_field(row, "estimated")).lower() == "true" else Quality.MEASURED


def bad_rows(rows: Sequence[BadRow], most: int) -> str:
    """Name the first rows that cannot be used."""
    named = "; ".join(f"{row.where}: {row.reason}" for row in rows[:most])
    return named if len(rows) <= most else f"{named}; ..."


@lru_cache(maxsize=64)
def value_columns(names: tuple[str, ...]) -> tuple[_Column, ...]:
    """Return the columns of values: those that name a unit, one for each basis; else those under a known name."""
    read = {name.lower(): read_name(name) for name in names}
    columns: dict[Basis | None, _Column] = {}
    for name, about in read.items():
        if about.is_value and about.g_per_kwh is not None:
            columns.setdefault(about.basis, _Column((name,), about.g_per_kwh, about.basis))
    known = tuple(name for name in COLUMNS["value"] if name in read)
    if not columns and known:
        columns[None] = _Column(known, None, None)
    if not columns:
        for name, about in read.items():
            if about.is_value and about.is_carbon and about.basis is not None:
                columns.setdefault(about.basis, _Column((name,), None, about.basis))
    return tuple(columns.values())


def read_file(path: Path, table: Table) -> None:
    """Give a file's rows to a table; what cannot be read at all is noted there too.

    Raises:
        OSError: it cannot be opened or read.
    """
    is_json = path.suffix.lower() == ".json"
    try:
        _read_json(path, table) if is_json else _read_csv(path, table)
    except UnicodeDecodeError:
        table.refuse(
            str(path), "not UTF-8 from here on (nor UTF-16, which its first bytes would show): save it as UTF-8"
        )
    except json.JSONDecodeError as error:
        table.refuse(str(path), f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}")
    except (ValueError, RecursionError, csv.Error):
        table.refuse(str(path), f"not {'JSON' if is_json else 'CSV'} from here on")


def _encoding(path: Path) -> str:
    """Return UTF-16 where the mark of it comes first, as Excel writes it, else UTF-8."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in {BOM_UTF16_LE, BOM_UTF16_BE} else "utf-8-sig"


def _read_csv(path: Path, table: Table) -> None:
    with path.open(encoding=_encoding(path), newline="") as lines:
        header = lines.readline()
        lines.seek(0)
        rows = csv.DictReader(lines, delimiter=max(DELIMITERS, key=header.count))
        names = tuple(name.strip() for name in rows.fieldnames or () if name)
        if names and not value_columns(names):
            return table.refuse(str(path), f"no value among {listed(names)}")
        for row in rows:
            table.take(row, f"{path}:{rows.line_num}")
    return None


def _read_json(path: Path, table: Table) -> None:
    content = json.loads(path.read_text(encoding=_encoding(path)))
    about: list[dict[str, Any]] = []
    rows = content
    if isinstance(content, dict):
        about = [content, *(content[key] for key in _ABOUT if isinstance(content.get(key), dict))]
        rows = next((content[key] for key in ROWS if key in content), None)
    if not isinstance(rows, list):
        return table.refuse(
            str(path), f"JSON without a list of rows, by itself or under {', '.join(ROWS)}; {_form(content)}"
        )
    mark = made_up(*about, *(row for row in rows if isinstance(row, dict)))
    if mark:  # a saved answer: there is no telling which of the other rows are true
        return table.refuse(str(path), f'values that are made up: it says "{mark}"')
    around = _around(about)
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            table.take(row, f"{path}, row {number}", around)
        else:
            table.refuse(f"{path}, row {number}", f"not an object but {_form(row)}")
    return None


def _around(about: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the objects around the rows say of all of them, as a row; the first one that says it counts."""
    found: dict[str, Any] = {}
    for each in reversed(about):
        found |= {str(name).strip().lower(): value for name, value in each.items() if not isinstance(value, list)}
    for name in COLUMNS["unit"]:
        units = found.get(name)
        if isinstance(units, dict):  # {"carbonIntensity": "gCO2eq/kWh"}
            found[name] = next((unit for key, unit in units.items() if value_columns((str(key).strip(),))), None)
    # WattTime has its own names of regions; a file's own zone and the option zone say more.
    region = _text(found.get("region"))
    found["region"] = next(iter(zones_meant(region)), "")
    return found


def _form(content: Any) -> str:
    """Return what JSON holds, in a few words: the names in it, and no value."""
    if not isinstance(content, dict):
        return f"found {_TYPES.get(type(content), 'nothing')}"
    lists = (
        f"; {str(key)[:_SHOWN_LETTERS]} has {len(value)} rows of {listed(value[0])}"
        for key, value in content.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    )
    return f"found the keys {listed(content)}{next(lists, '')}"


def listed(names: Iterable[Any]) -> str:
    """Return the first names, each cut to a length that a line can hold."""
    texts = [str(name)[:_SHOWN_LETTERS] for name in names]
    return ", ".join(texts[:_SHOWN]) + (", ..." if len(texts) > _SHOWN else "")


def _no_hour(hour: Any, row: Mapping[Any, Any]) -> str:
    if hour is None:
        return f"no hour among {listed(row)}"
    return f"no hour: {_shown(_text(hour))} is neither ISO 8601 nor seconds since 1970"


def _no_intensity(value: Any, number: float | None) -> str:
    reason = f"a value that is not a number from 0 to {MAX_INTENSITY_G_PER_KWH:.0f} g/kWh"
    if number is not None and number > 0:
        return f"{reason}; is it in another unit?"
    if isinstance(value, str) and _number(value.replace(",", ".", 1)) is not None:
        return f"{reason}: {_shown(value.strip())} has a decimal comma, where a point is needed"
    return reason


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_LETTERS])


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
