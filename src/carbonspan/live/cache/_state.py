# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the shared file is: for `carbonspan doctor`. It is read and left as it is, unlike in use, where it is made."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.live.cache._file import APPLICATION, BUSY_S, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

_US = 1_000_000  # microseconds of a second
MAX_ZONES = 1000  # that are told


class ZoneState(NamedTuple):
    """One series in the file."""

    source: str
    zone: str
    basis: str
    hours: int
    newest_hour_s: int  # since 1970


class CacheState(NamedTuple):
    """The file."""

    path: Path
    exists: bool
    hours: int = 0
    bytes: int = 0
    fetched_at: datetime | None = None  # the last time that anything was
    zones: tuple[ZoneState, ...] = ()
    problem: str = ""  # why it cannot be used
    hint: str = ""


def state_of(path: Path) -> CacheState:
    """Return the state of the file; never raises, and writes nothing."""
    try:
        if not path.exists():
            return _absent(path)
        size = path.stat().st_size
        # Where there is a write-ahead log, SQLite needs to write beside the file even to read it.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as connection:
            return _read(path, size, connection)
    except sqlite3.Error as error:
        return CacheState(path, exists=True, problem=str(error), hint="remove the file: it is made anew")
    except OSError as error:
        return CacheState(path, exists=True, problem=error.strerror or type(error).__name__, hint=_WRITABLE)


_ANOTHER = "name another path in CARBONSPAN_GRID_CACHE"
_WRITABLE = "make it readable and writable, or name another path in CARBONSPAN_GRID_CACHE"


def _absent(path: Path) -> CacheState:
    parent = next((each for each in path.parents if each.exists()), path)
    if os.access(parent, os.W_OK | os.X_OK):
        return CacheState(path, exists=False)
    return CacheState(path, exists=False, problem=f"{parent} is not writable", hint=_WRITABLE)


def _read(path: Path, size: int, connection: sqlite3.Connection) -> CacheState:
    version, application = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
    )
    if application != APPLICATION and (application or version or size):
        return CacheState(path, exists=True, bytes=size, problem="a database of another program", hint=_ANOTHER)
    if version > SCHEMA:
        hint = "update carbonspan, or name another path in CARBONSPAN_GRID_CACHE"
        return CacheState(path, exists=True, bytes=size, problem="written by a newer carbonspan", hint=hint)
    if version < SCHEMA:
        return CacheState(path, exists=True, bytes=size)
    hours, fetched_us = connection.execute("SELECT COUNT(*), MAX(fetched_us) FROM hours").fetchone()
    rows = connection.execute(
        "SELECT origin, zone, basis, COUNT(*), MAX(hour) FROM hours WHERE quality <> 'forecast' "
        "GROUP BY origin, zone, basis ORDER BY origin, zone, basis LIMIT ?",
        (MAX_ZONES,),
    )
    zones = tuple(
        ZoneState(origin.rpartition("#")[0] or origin, zone, basis, count, newest * 3600)
        for origin, zone, basis, count, newest in rows
    )
    fetched_at = None if fetched_us is None else datetime.fromtimestamp(fetched_us / _US, timezone.utc)
    unwritable = not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK)
    problem, hint = ("not writable", _WRITABLE) if unwritable else ("", "")
    return CacheState(path, True, hours, size, fetched_at, zones, problem, hint)  # noqa: FBT003 - it exists
