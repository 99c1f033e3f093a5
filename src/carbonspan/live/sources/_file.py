# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours from a user's own file or folder, CSV or JSON; read again when a file changes.

Columns (`COLUMNS`) under any of their names, upper or lower case; the hourly exports of the portal of Electricity Maps
are read as they are, both bases of them. A time without an offset is UTC. A row that cannot be used is skipped and
named.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import EPOCH
from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH
from carbonspan.grid.source import BadAnswer, Capabilities, NotCovered, Unavailable
from carbonspan.live.sources._options import ACCOUNTING, BASES, one_of, refused, source_name
from carbonspan.live.sources._rows import Part, floor, hour_values, hours, minutes_between, moment, now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from carbonspan.grid.source import HourValue

_log = logging.getLogger("carbonspan")

MAX_FILES = 1000
SUFFIXES = (".csv", ".json")
_HOUR_MINUTES = 60
_NAMED = 5  # bad rows that the log line names

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

_QUALITIES = {quality.value: quality for quality in (Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST)}


class _State(NamedTuple):
    """What was read, and from what: path, time of change (ns) and size (bytes) of each file."""

    files: tuple[tuple[str, int, int], ...]
    series: dict[tuple[str, Basis], list[Part]]


class FileSource:
    """A CSV or JSON file, or all of them in a folder."""

    def __init__(
        self,
        *,
        path: Any = None,
        zone: Any = "",
        basis: Any = Basis.LIFE_CYCLE,
        accounting: Any = "consumption",
        name: Any = "file",
    ) -> None:
        """Take the options; see `SOURCES` for what each means. Nothing is read yet.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise refused("path", path, "a file or a folder")
        if not isinstance(zone, str):
            raise refused("zone", zone, "a grid zone, as DE or US-CAL-CISO")
        self.name = source_name(name)
        self._path = Path(path).expanduser()
        self._zone = zone.strip()
        self._basis: Basis = one_of("basis", basis, BASES)
        self._accounting = one_of("accounting", accounting, ACCOUNTING)
        self._state: _State | None = None

    def __repr__(self) -> str:
        return f"FileSource({str(self._path)!r})"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of a window (UTC), oldest first; in another basis where the file lacks the one asked for.

        Raises:
            Unavailable: the file cannot be read.
            NotCovered: the file does not have this zone.
            BadAnswer: it is not CSV or JSON with the columns needed.
        """
        return self._values(zone, basis, (start, end))

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return the hours from the present one on.

        Raises:
            GridError: as `history`.
        """
        return self._values(zone, basis, (floor(now()), None))

    def capabilities(self) -> Capabilities:
        """Return what the file has.

        Raises:
            GridError: as `history`.
        """
        series = self._series()
        all_hours = [part.start for parts in series.values() for part in parts]
        present = floor(now())
        back = max(((present - hour).total_seconds() // 3600 for hour in all_hours), default=0)
        forward = max(((hour - present).total_seconds() // 3600 for hour in all_hours), default=0)
        return Capabilities(
            frozenset(zone for zone, _ in series),
            frozenset(basis for _, basis in series),
            max(int(forward), 0),
            max(int(back), 0),
        )

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - another basis is answered, and marked
        """Return whether the file has the zone, as last read; `True` before it was, and where it has changed since."""
        state = self._state
        return bool(zone) and (state is None or any(known == zone for known, _ in state.series) or self._changed(state))

    def close(self) -> None:
        """Forget what was read."""
        self._state = None

    def _values(self, zone: str, basis: Basis, window: tuple[datetime, datetime | None]) -> list[HourValue]:
        series = self._series()
        bases = [known for of_zone, known in series if of_zone == zone]
        if not bases:
            raise NotCovered(f"{self.name}: no hours of {zone or 'no zone'} in {self._path}")
        found = basis if basis in bases else bases[0]
        return hour_values(
            series[zone, found],
            zone=zone,
            source=self.name,
            basis=found,
            accounting=self._accounting,
            fetched_at=now(),
            window=window,
        )

    def _series(self) -> dict[tuple[str, Basis], list[Part]]:
        try:
            files = self._files()
            state = self._state
            if state is None or state.files != files:
                state = self._state = _State(files, self._read(files))
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            return state.series
        raise Unavailable(f"{self.name}: {self._path} cannot be read: {reason}", "check the option path")

    def _changed(self, state: _State) -> bool:
        try:
            return self._files() != state.files
        except OSError:
            return False

    def _files(self) -> tuple[tuple[str, int, int], ...]:
        paths: Iterable[Path] = (self._path,)
        if self._path.is_dir():
            paths = sorted(path for path in self._path.iterdir() if path.suffix.lower() in SUFFIXES)[:MAX_FILES]
        return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path in paths for stat in (path.stat(),))

    def _read(self, files: Iterable[tuple[str, int, int]]) -> dict[tuple[str, Basis], list[Part]]:
        table = _Table(self._zone, self._basis, now())
        for path, _, _ in files:
            _read_file(Path(path), table)
        if table.bad and not table.parts:
            raise BadAnswer(
                f"{self.name}: not one usable row in {self._path} ({table.bad_rows(1)})",
                f"columns zone, hour and value are needed; {table.bad[0].reason}",
            )
        if table.bad:
            _log.warning("%s: skipped %d unusable rows: %s", self.name, len(table.bad), table.bad_rows(_NAMED))
        return {
            key: hours(parts, minutes_between((part.start for part in parts), _HOUR_MINUTES))
            for key, parts in table.parts.items()
        }


class _BadRow(NamedTuple):
    """A row that cannot be used."""

    where: str  # file and line
    reason: str


class _Table:
    """Takes rows from any number of files."""

    def __init__(self, zone: str, basis: Basis, present: datetime) -> None:
        """Take what a row is that does not say, and the time, after which a value cannot have been measured."""
        self._zone = zone
        self._basis = basis
        self._present = present
        self.parts: defaultdict[tuple[str, Basis], list[Part]] = defaultdict(list)
        self.bad: list[_BadRow] = []

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
                self._refuse(where, f"a value that is not a number from 0 to {MAX_INTENSITY_G_PER_KWH:.0f}")
        return None

    def refuse_file(self, path: Path, reason: str) -> None:
        """Note that nothing more of a file can be read."""
        self._refuse(str(path), reason)

    def bad_rows(self, most: int) -> str:
        """Name the first rows that cannot be used."""
        named = "; ".join(f"{row.where}: {row.reason}" for row in self.bad[:most])
        return named if len(self.bad) <= most else f"{named}; ..."

    def _refuse(self, where: str, reason: str) -> None:
        self.bad.append(_BadRow(where, reason))

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


def _read_file(path: Path, table: _Table) -> None:
    """Give a file's rows to a table; what is not CSV or JSON at all is noted there too.

    Raises:
        OSError: it cannot be opened or read.
    """
    try:
        if path.suffix.lower() == ".json":
            _read_json(path, table)
        else:
            _read_csv(path, table)
    except (ValueError, RecursionError, csv.Error):  # UnicodeDecodeError is a ValueError
        table.refuse_file(path, "not CSV or JSON from here on")


def _read_csv(path: Path, table: _Table) -> None:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            table.take(row, f"{path}:{rows.line_num}")


def _read_json(path: Path, table: _Table) -> None:
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
