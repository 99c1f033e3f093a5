# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours from a file or a folder of one's own, CSV or JSON; read again when a file changes.

Columns (`tabular.COLUMNS`) under any of their names, upper or lower case; the hourly exports of the portal of
Electricity Maps are read as they are, both bases of them. A time without an offset is UTC. A row that cannot be used is
skipped and named.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core.values import Basis
from carbonspan.grid.source import BadAnswer, Capabilities, NotCovered, Unavailable
from carbonspan.live.sources._hourly import Part, floor, hours, minutes_between, now
from carbonspan.live.sources._options import one_of, refused, source_name
from carbonspan.live.sources._rows import hour_values
from carbonspan.live.sources._tabular import BASES, Table, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from carbonspan.grid.source import HourValue

_log = logging.getLogger("carbonspan")

ACCOUNTING = {"consumption": "consumption", "production": "production"}
MAX_FILES = 1000
SUFFIXES = (".csv", ".json")
_HOUR_MINUTES = 60
_NAMED = 5  # bad rows that the log line names


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
        """Return the hours of a window (UTC), oldest first; in another basis where the file has not the one asked for.

        Raises:
            Unavailable: the file cannot be read.
            NotCovered: the file has not this zone.
            BadAnswer: it is no CSV or JSON with the columns needed.
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
        ahead = max(((hour - present).total_seconds() // 3600 for hour in all_hours), default=0)
        return Capabilities(
            frozenset(zone for zone, _ in series),
            frozenset(basis for _, basis in series),
            max(int(ahead), 0),
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
        chosen = basis if basis in bases else bases[0]
        return hour_values(
            series[zone, chosen],
            zone=zone,
            source=self.name,
            basis=chosen,
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
        table = Table(self._zone, self._basis, now())
        for path, _, _ in files:
            read(Path(path), table)
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
