# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of a host share: hours, when each source was asked and may be asked again, who is asking now.

Where the file cannot be used, the process goes on by itself: said once in the log, never raised.
"""

from __future__ import annotations

import logging
from dataclasses import astuple
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from carbonspan.core._hours import EPOCH, hour_index, hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import RANK
from carbonspan.grid.source import HourValue
from carbonspan.live._backoff import Attempt
from carbonspan.live._clock import DAY_S, Clock
from carbonspan.live.cache import _lease as lease

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

_T = TypeVar("_T")

_log = logging.getLogger("carbonspan")

KEEP_DAYS = 400
"""How long after its last fetch an hour is kept: a year and a month, so that a year's report can be made again."""

MAX_HOURS = 1_000_000
"""... and how many hours: some 100 MB. The ones fetched longest ago go first."""

KEEP_ATTEMPTS_DAYS = 30

RETRY_S = 600.0
"""How long a file that could not be used is left alone: a disk that was full may have room again."""

MAX_BUSY = 20  # transactions in a row that found the file locked, before this process asks the source by itself

_MAX_REMEMBERED = 10_000  # attempts in memory, some 3 MB


class Key(NamedTuple):
    """What a source is asked for."""

    origin: str  # the source's name; after the last "#", what distinguishes its accounts and variants
    zone: str
    basis: Basis
    task: str = ""  # "" the present day, else a day of the past, 2022-03-13

    @property
    def source(self) -> str:
        """The source's name."""
        return self.origin.rpartition("#")[0] or self.origin

    @property
    def whole_source(self) -> Key:
        """The key under which a refusal stands that holds for all zones of the source."""
        return Key(self.origin, "*", Basis.LIFE_CYCLE)


class Claim(NamedTuple):
    """Whether this process is to ask."""

    holder: lease.Holder | None  # None: not now
    attempt: Attempt  # the last one of any process
    wait_s: float = 0.0  # how long, where nobody knows yet: another process is asking


BUSY_WAIT_S = 0.5
"""How soon to look again whether the process that is asking has an answer."""


class HourCache:
    """The shared file, or this process's memory where there is none."""

    def __init__(self, path: Path | None, *, clock: Clock | None = None, max_hours: int = MAX_HOURS) -> None:
        """Take the file's path (`None`: memory only), the time, and how many hours to keep."""
        self._path = path
        self._max_hours = max_hours
        self._clock = clock or Clock()
        self._down_until = 0.0  # monotonic
        self._busy = 0
        self._logged = False
        self._pruned_s = 0.0
        self._attempts: dict[Key, Attempt] = {}
        self.problem = ""
        """Why the file is not in use, "" while it is: for `doctor`."""

    def hours(self, key: Key, first: int, last: int) -> list[HourValue]:
        """Return the hours `first <= hour <= last` (since 1970, UTC) that are in the file, oldest first."""
        found = self._do(lambda db: db.execute(_GET, (*_columns(key)[:3], first, last)).fetchall(), write=False)
        return [_value(row, key) for row in found or () if row[2] in _QUALITIES]

    def attempt(self, key: Key) -> Attempt:
        """Return the last attempt of any process; while a refusal holds for the whole source, that one."""
        now_s = self._clock.wall_s()
        found = self._do(lambda db: _before(db, key, now_s), write=False)
        return found or self._remembered(key, now_s)

    def claim(self, key: Key) -> Claim:
        """Return whether this process is to ask the source, and then hold the lease until `finish`."""
        now_s = self._clock.wall_s()
        before = self.attempt(key)
        if not before.due(now_s):
            return Claim(None, before)
        claim = self._do(lambda db: _claim(db, key, now_s), write=True)
        if claim is not None:
            return claim
        if 0 < self._busy < MAX_BUSY:
            return Claim(None, before, BUSY_WAIT_S)
        return Claim(lease.take(), before)

    def finish(
        self, key: Key, holder: lease.Holder, attempt: Attempt, values: Sequence[HourValue] = (), *, whole: bool = False
    ) -> None:
        """Write what the source said, and let the lease go: all of it or nothing.

        Args:
            key: what was asked for.
            holder: from the claim.
            attempt: how it went, and when it is due again.
            values: what was delivered.
            whole: whether the wait holds for every zone of the source.
        """
        keys = (key, key.whole_source) if whole else (key,)
        if len(self._attempts) >= _MAX_REMEMBERED:
            self._attempts.clear()
        self._attempts.update(dict.fromkeys(keys, attempt))

        def write(db: sqlite3.Connection) -> bool:
            db.executemany(_PUT, [_row(value, key) for value in values])
            db.executemany(_ATTEMPTED, [(*_columns(at), *astuple(attempt)) for at in keys])
            db.execute("DELETE FROM leases WHERE token = ?", (holder.token,))
            self._prune(db)
            return True

        try:
            for _ in range(MAX_BUSY):
                if self._do(write, write=True) or not self._busy:
                    break
        finally:
            lease.give_back(holder.token)

    def _remembered(self, key: Key, now_s: float) -> Attempt:
        whole = self._attempts.get(key.whole_source, _NEVER)
        return self._attempts.get(key, _NEVER) if whole.due(now_s) else whole

    def _prune(self, db: sqlite3.Connection) -> None:
        now_s = self._clock.wall_s()
        if abs(now_s - self._pruned_s) < DAY_S:
            return
        self._pruned_s = now_s
        db.execute("DELETE FROM hours WHERE fetched_us < ?", (int((now_s - KEEP_DAYS * DAY_S) * US),))
        db.execute("DELETE FROM attempts WHERE last_s < ?", (now_s - KEEP_ATTEMPTS_DAYS * DAY_S,))
        db.execute("DELETE FROM leases WHERE until_s < ?", (now_s - DAY_S,))
        excess = db.execute("SELECT COUNT(*) FROM hours").fetchone()[0] - self._max_hours
        if excess > 0:
            db.execute(_DROP_OLDEST, (excess,))

    def _do(self, work: Callable[[sqlite3.Connection], _T], *, write: bool) -> _T | None:
        """Return what `work` returns from one transaction in the file; `None` where the file cannot be used now."""
        if self._path is None or self._clock.monotonic_s() < self._down_until:
            return None
        try:
            # sqlite3 is loaded only by those who use a live source, and an interpreter may come without it
            from carbonspan.live.cache import _file as cachefile  # noqa: PLC0415
        except ImportError as error:
            self._stop(f"no SQLite in this Python ({error})")
            return None
        try:
            with cachefile.transaction(self._path, write=write) as db:
                found = work(db)
        except cachefile.Busy:
            self._busy += 1
            return None
        except cachefile.Unusable as error:
            self._stop(str(error))
            return None
        self._busy, self.problem = 0, ""
        return found

    def _stop(self, problem: str) -> None:
        self._busy = 0
        self._down_until = self._clock.monotonic_s() + RETRY_S
        self.problem = problem
        if not self._logged:
            self._logged = True
            _log.warning("carbonspan: grid cache: %s. Going on in memory", problem)


US = 1_000_000  # microseconds of a second
_NEVER = Attempt()
_QUALITIES = frozenset(quality.value for quality in RANK)

_GET = """
SELECT hour, g_per_kwh, quality, accounting, fetched_us, vintage, around_g_per_kwh FROM hours
WHERE origin = ? AND zone = ? AND basis = ? AND hour BETWEEN ? AND ? ORDER BY hour
"""
# As `HourStore.put`: better replaces worse, and among equals the one fetched last stays.
_PUT = """
INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (origin, zone, basis, hour) DO UPDATE SET
  g_per_kwh = excluded.g_per_kwh, quality = excluded.quality, rank = excluded.rank,
  accounting = excluded.accounting, fetched_us = excluded.fetched_us, vintage = excluded.vintage,
  around_g_per_kwh = excluded.around_g_per_kwh
WHERE (excluded.rank, excluded.fetched_us) >= (hours.rank, hours.fetched_us)
"""
_DROP_OLDEST = """
DELETE FROM hours WHERE (origin, zone, basis, hour) IN
  (SELECT origin, zone, basis, hour FROM hours ORDER BY fetched_us LIMIT ?)
"""
_ATTEMPTED = "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST = """
SELECT outcome, hint, failures, last_s, success_s, next_s FROM attempts
WHERE origin = ? AND zone = ? AND basis = ? AND task = ?
"""
_LEASE = "SELECT host, pid, token, until_s FROM leases WHERE origin = ? AND zone = ? AND basis = ? AND task = ?"
_TAKE = "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def _columns(key: Key) -> tuple[str, str, str, str]:
    return key.origin, key.zone, key.basis.value, key.task


def _before(db: sqlite3.Connection, key: Key, now_s: float) -> Attempt:
    whole = _last(db, key.whole_source)
    return _last(db, key) if whole.due(now_s) else whole


def _last(db: sqlite3.Connection, key: Key) -> Attempt:
    row = db.execute(_LAST, _columns(key)).fetchone()
    return _NEVER if row is None else Attempt(*row)


def _claim(db: sqlite3.Connection, key: Key, now_s: float) -> Claim:
    before = _before(db, key, now_s)
    if not before.due(now_s):
        return Claim(None, before)
    row = db.execute(_LEASE, _columns(key)).fetchone()
    if row is not None and lease.held(lease.Holder(*row[:3]), row[3], now_s):
        return Claim(None, before, BUSY_WAIT_S)
    holder = lease.take()
    db.execute(_TAKE, (*_columns(key), *holder, now_s + lease.LEASE_S))
    return Claim(holder, before)


def _row(value: HourValue, key: Key) -> tuple[Any, ...]:
    return (
        key.origin,
        key.zone,
        value.basis.value,  # a source may have another basis than the one it was asked for
        hour_index(value.hour),
        float(value.intensity_g_per_kwh),
        value.quality.value,
        RANK[value.quality],
        value.accounting,
        (value.fetched_at - EPOCH) // _US,
        value.vintage,
        value.around_g_per_kwh,
    )


def _value(row: tuple[Any, ...], key: Key) -> HourValue:
    hour, number, quality, accounting, fetched_us, vintage, around = row
    return HourValue(
        zone=key.zone,
        hour=hour_start(hour),
        intensity_g_per_kwh=number,
        basis=key.basis,
        quality=Quality(quality),
        accounting=accounting,
        source=key.source,
        fetched_at=EPOCH + fetched_us * _US,
        vintage=vintage,
        around_g_per_kwh=around,
    )


_US = timedelta(microseconds=1)
