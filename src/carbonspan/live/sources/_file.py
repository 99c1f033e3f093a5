# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours from a user's own file or folder, CSV or JSON; read again when a file changes.

What a row may look like is in `_file_rows`. Values that name no unit are g/kWh; where they can hardly be, they are
refused until the unit is named.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._mistaken import zones_meant
from carbonspan.core._regions import zones
from carbonspan.core.values import Basis
from carbonspan.grid.source import BadAnswer, Capabilities, NotCovered, Unavailable
from carbonspan.live.sources._file_rows import Table, bad_rows, listed, read_file
from carbonspan.live.sources._options import ACCOUNTING, BASES, one_of, refused, source_name
from carbonspan.live.sources._rows import Part, floor, hour_values, hours, minutes_between, now
from carbonspan.live.sources._units import UNITS, basis_of, g_per_kwh, question, unlikely

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from carbonspan.grid.source import HourValue

_log = logging.getLogger("carbonspan")

MAX_FILES = 1000
SUFFIXES = (".csv", ".json")
_HOUR_MINUTES = 60
_NAMED = 5  # bad rows that the log line names
_UNIT_HINT = "Name the unit: the option unit (g/kWh, if they are right), or the column, as in value_kg_per_kwh"


class _State(NamedTuple):
    """What was read, and from what: path, time of change (ns) and size (bytes) of each file."""

    files: tuple[tuple[str, int, int], ...]
    series: dict[tuple[str, Basis], list[Part]]
    doubts: dict[tuple[str, Basis], str]  # why values of a zone are hardly g/kWh, and so not in its series


class FileSource:
    """A CSV or JSON file, or all of them in a folder."""

    def __init__(
        self,
        *,
        path: Any = None,
        zone: Any = "",
        unit: Any = "",
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
        meant = () if self._zone in zones() else zones_meant(self._zone)
        if meant:
            raise refused("zone", zone, f"a grid zone; did you mean {', '.join(meant)}?")
        self._unit = None if unit in (None, "") else g_per_kwh(str(unit))
        if self._unit is None and unit not in (None, ""):
            raise refused("unit", unit, UNITS)
        self._basis: Basis = (basis_of(basis) if isinstance(basis, str) else None) or one_of("basis", basis, BASES)
        self._accounting = one_of("accounting", accounting, ACCOUNTING)
        self._state: _State | None = None
        self._said: set[tuple[str, Basis]] = set()  # series whose unit was doubted in the log

    def __repr__(self) -> str:
        return f"FileSource({str(self._path)!r})"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of a window (UTC), oldest first; in another basis where the file lacks the one asked for.

        Raises:
            Unavailable: the file cannot be read.
            NotCovered: the file does not have this zone.
            BadAnswer: it is not CSV or JSON with the columns needed, or its values can hardly be g/kWh.
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
        state = self._read_again()
        known = [*state.series, *state.doubts]
        all_hours = [part.start for parts in state.series.values() for part in parts]
        present = floor(now())
        back = max(((present - hour).total_seconds() // 3600 for hour in all_hours), default=0)
        forward = max(((hour - present).total_seconds() // 3600 for hour in all_hours), default=0)
        return Capabilities(
            frozenset(zone for zone, _ in known),
            frozenset(basis for _, basis in known),
            max(int(forward), 0),
            max(int(back), 0),
        )

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - another basis is answered, and marked
        """Return whether the file has the zone, as last read; `True` before it was, and where it has changed since."""
        state = self._state
        if not zone or state is None:
            return bool(zone)
        return any(known == zone for known, _ in (*state.series, *state.doubts)) or self._changed(state)

    def close(self) -> None:
        """Forget what was read."""
        self._state = None

    def _values(self, zone: str, basis: Basis, window: tuple[datetime, datetime | None]) -> list[HourValue]:
        state = self._read_again()
        bases = [known for of_zone, known in state.series if of_zone == zone]
        doubt = next((text for (of_zone, _), text in state.doubts.items() if of_zone == zone), "")
        if doubt and not bases:
            raise BadAnswer(f"{self.name}: the values of {zone} in {self._path} are hardly g/kWh", doubt)
        if not bases:
            hint = _what_it_has(zone, state.series)
            raise NotCovered(f"{self.name}: no hours of {zone or 'no zone'} in {self._path}", hint)
        found = basis if basis in bases else bases[0]
        return hour_values(
            state.series[zone, found],
            zone=zone,
            source=self.name,
            basis=found,
            accounting=self._accounting,
            fetched_at=now(),
            window=window,
        )

    def _read_again(self) -> _State:
        """Return what the files have, read again if one has changed."""
        try:
            files = self._files()
            state = self._state
            if state is None or state.files != files:
                state = self._state = self._read(files)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            return state
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

    def _read(self, files: tuple[tuple[str, int, int], ...]) -> _State:
        present = now()
        tables = {path: Table(self._zone, self._basis, self._unit, present) for path, _, _ in files}
        for path, table in tables.items():
            read_file(Path(path), table)
        bad = [row for table in tables.values() for row in table.bad]
        if bad and not any(table.parts for table in tables.values()):
            reason = bad[0].reason
            raise BadAnswer(
                f"{self.name}: not one usable row in {self._path} ({bad_rows(bad, 1)})",
                f"columns zone, hour and value are needed; {reason}" if reason.startswith("no ") else reason,
            )
        if bad:
            _log.warning("%s: skipped %d unusable rows: %s", self.name, len(bad), bad_rows(bad, _NAMED))
        doubts = self._doubts(tables)
        parts: defaultdict[tuple[str, Basis], list[Part]] = defaultdict(list)
        for path, table in tables.items():
            for key, of_file in table.parts.items():
                if path not in doubts.get(key, {}):
                    parts[key] += of_file
        series = {
            key: hours(of_key, minutes_between((part.start for part in of_key), _HOUR_MINUTES))
            for key, of_key in parts.items()
        }
        return _State(files, series, {key: f"{next(iter(of.values()))}. {_UNIT_HINT}" for key, of in doubts.items()})

    def _doubts(self, tables: Mapping[str, Table]) -> dict[tuple[str, Basis], dict[str, str]]:
        """Return, for each file, why values that name no unit are hardly g/kWh; log it, and what is only a question.

        File by file: one in another unit among a year of others would not move the middle of all.
        """
        doubts: defaultdict[tuple[str, Basis], dict[str, str]] = defaultdict(dict)
        for path, table in tables.items():
            for (zone, basis), values in table.without_unit.items():
                doubt = unlikely(values, zone, basis)
                other = question(values, zone, basis, table.signals[zone, basis])
                if doubt:
                    doubts[zone, basis][path] = doubt
                    self._say(zone, basis, f"the values of {zone} in {path} are hardly g/kWh, and not used: {doubt}")
                elif other:
                    self._say(zone, basis, f"are the values of {zone} in {path} {other}? They are taken as g/kWh")
        return dict(doubts)

    def _say(self, zone: str, basis: Basis, text: str) -> None:
        """Log what is doubted of a series once, though it may be in many files, each read again when it changes."""
        if (zone, basis) not in self._said:
            self._said.add((zone, basis))
            _log.warning("%s: %s. %s", self.name, text, _UNIT_HINT)


def _what_it_has(zone: str, series: Iterable[tuple[str, Basis]]) -> str:
    """Return which zones a file has instead of one; the one that may be meant by another name."""
    known = dict.fromkeys(zone for zone, _ in series)
    other = next((each for each in known if each not in zones() and zone in zones_meant(each)), "")
    if other:
        return f"the file has {other}: the zone's name is {zone}"
    return f"the file has only {listed(known)}" if known else "the file has no hours"
