# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The SQLite file that all processes of a host share: where it lies, how it is opened, what becomes of a broken one.

`state_of` reads it as it is, for `carbonspan doctor`; `transaction` makes it where there is none.

A connection lives for one transaction, a few milliseconds, so that none is ever carried over a fork, which SQLite does
not survive (https://www.sqlite.org/howtocorrupt.html, 2.6), and no process keeps a lock while it sleeps.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._fork import hold_over_fork, renew_in_child

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 1
"""Stored as `user_version`: a file with a higher one was written by a newer carbonspan."""

APPLICATION = 0x63627370  # "cbsp", stored as `application_id`: a database without it is somebody else's

BUSY_S = 0.25
"""How long one transaction waits for another: each takes milliseconds."""

MAX_ASIDE = 3  # corrupt files kept beside the cache; with more, something is wrong with the disk

MAX_ZONES = 1000  # that a state names

_US = 1_000_000  # microseconds of a second

_SUFFIXES = {".sqlite3", ".sqlite", ".db"}  # a corrupt file under another name may be no cache at all: a wrong path

_TABLES = """
CREATE TABLE hours (
  origin TEXT, zone TEXT, basis TEXT, hour INTEGER,
  g_per_kwh REAL NOT NULL, quality TEXT NOT NULL, rank INTEGER NOT NULL, accounting TEXT NOT NULL,
  fetched_us INTEGER NOT NULL, vintage TEXT NOT NULL, around_g_per_kwh REAL,
  PRIMARY KEY (origin, zone, basis, hour)
) WITHOUT ROWID;
CREATE TABLE attempts (
  origin TEXT, zone TEXT, basis TEXT, task TEXT,
  outcome TEXT NOT NULL, hint TEXT NOT NULL, failures INTEGER NOT NULL,
  last_s REAL NOT NULL, success_s REAL NOT NULL, next_s REAL NOT NULL,
  PRIMARY KEY (origin, zone, basis, task)
) WITHOUT ROWID;
CREATE TABLE leases (
  origin TEXT, zone TEXT, basis TEXT, task TEXT,
  host TEXT NOT NULL, pid INTEGER NOT NULL, token TEXT NOT NULL, until_s REAL NOT NULL,
  PRIMARY KEY (origin, zone, basis, task)
) WITHOUT ROWID;
"""


class Unusable(Exception):  # noqa: N818 - what the file is, not what went wrong
    """The file cannot be used, and why, in words for the log."""


class Busy(Exception):  # noqa: N818 - passes by itself
    """Another process is writing."""


def default_path() -> Path:
    """Return where the cache lies unless a setting says otherwise: the user's cache directory."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only those who use a live source pay for it

    return user_cache_path("carbonspan", appauthor=False) / "grid.sqlite3"


@contextmanager
def transaction(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """Give a connection within one transaction; create the file where there is none.

    Raises:
        Busy: another process is writing.
        Unusable: the file cannot be opened, read or written; a corrupt one has been put aside.
    """
    with _in_use:
        identity = (0, 0)
        try:
            _create(path)
            identity = _identity(path)
            with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
                # A process that is killed loses nothing that was committed; a power failure may take the last minutes.
                connection.execute("PRAGMA synchronous = NORMAL")
                _prepare(connection, path)
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            if _is_busy(error):
                raise Busy from error
            if _is_corrupt(error):
                raise Unusable(f"{path} is corrupt ({error}); {_put_aside(path, identity)}") from error
            raise Unusable(f"{path}: {error}") from error
        except OSError as error:
            raise Unusable(f"{path}: {error.strerror or error}") from error


def _create(path: Path) -> None:
    """Create an empty file that only its owner may read; SQLite gives its side files the same mode."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was faster
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version, application = _number(connection, "user_version"), _number(connection, "application_id")
    if version == SCHEMA and application == APPLICATION:
        return
    if application not in {0, APPLICATION} or (application == 0 and _has_tables(connection)):
        raise Unusable(f"{path} is a database of another program, and is left alone")
    if version > SCHEMA:
        raise Unusable(f"{path} was written by a newer carbonspan (schema {version}), and is left alone")
    connection.execute("PRAGMA journal_mode = WAL")  # kept in the file: readers and the writer do not wait for another
    connection.execute("BEGIN IMMEDIATE")
    if not _has_tables(connection):  # else another process was faster
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _is_busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _is_corrupt(error: sqlite3.Error) -> bool:
    # SQLITE_CORRUPT and SQLITE_NOTADB, by their texts: codes are on the error from Python 3.11 on.
    return any(text in str(error) for text in ("malformed", "not a database"))


def _put_aside(path: Path, identity: tuple[int, int]) -> str:
    """Rename a corrupt file and its side files, never delete them; return what was done, in words."""
    if path.suffix not in _SUFFIXES:
        return f"its name does not end in {', '.join(sorted(_SUFFIXES))}, so it may not be a cache, and is left alone"
    try:
        return _renamed(path) if _identity(path) == identity else "another process has put it aside"
    except OSError as error:  # a directory that may not be written to, or another process that is faster
        return f"it cannot be put aside ({error.strerror or type(error).__name__})"


def _renamed(path: Path) -> str:
    for number in range(1, MAX_ASIDE + 1):
        aside = path.with_name(f"{path.name}.corrupt-{number}")
        if not aside.exists():
            for side in ("-wal", "-shm"):  # first: a log of the old file must not meet the new one
                with suppress(FileNotFoundError):
                    Path(f"{path}{side}").rename(f"{aside}{side}")
            path.rename(aside)
            return f"it was put aside as {aside.name}"
    return f"{MAX_ASIDE} corrupt files lie beside it already, so it is left alone"


_in_use = threading.Lock()  # one transaction at a time in this process
_held_for_fork: list[bool] = []

_FORK_WAIT_S = 1.0  # a fork in the middle of a transaction would leave SQLite's own locks taken in the child


def _hold() -> None:
    _held_for_fork.append(_in_use.acquire(timeout=_FORK_WAIT_S))


def _give_back() -> None:
    if _held_for_fork.pop():
        _in_use.release()


def _renew() -> None:
    global _in_use  # noqa: PLW0603 - a lock that another thread of the parent may have held
    _in_use = threading.Lock()
    _held_for_fork.clear()


hold_over_fork(_hold, _give_back)
renew_in_child(_renew)


class ZoneState(NamedTuple):
    """One series in the file."""

    source: str
    zone: str
    basis: str
    hours: int
    newest_hour_s: int  # since 1970


class CacheState(NamedTuple):
    """How the file is."""

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
