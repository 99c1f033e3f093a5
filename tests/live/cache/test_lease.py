# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Who holds a lease, until when, and what becomes of a holder that is gone."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from carbonspan.live._clock import DAY_S
from carbonspan.live.cache import _lease as lease
from carbonspan.live.cache._cache import HourCache
from tests.live.cache.helpers import GB, NOON_S, at, granted


def test_a_lease_runs_out(cache: HourCache, path: Path) -> None:
    granted(cache.claim(GB))
    assert HourCache(path, clock=at(NOON_S + lease.LEASE_S - 1)).claim(GB).holder is None
    assert HourCache(path, clock=at(NOON_S + lease.LEASE_S)).claim(GB).holder is not None


def test_a_lease_from_a_clock_that_was_set_back_holds_nobody(cache: HourCache, path: Path) -> None:
    granted(cache.claim(GB))
    assert HourCache(path, clock=at(NOON_S - DAY_S)).claim(GB).holder is not None


def test_a_holder_that_is_gone_is_noticed_at_once(cache: HourCache, path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder = granted(cache.claim(GB))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE leases SET pid = ?", (gone.pid,))
    assert cache.claim(GB).holder is not None
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE leases SET host = 'elsewhere'")
    assert cache.claim(GB).holder is None  # nobody here can tell
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE leases SET host = ?, pid = 1", (lease.host(),))
    assert cache.claim(GB).holder is None  # it lives
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE leases SET pid = ?, token = 'of an earlier process with this id'", (os.getpid(),))
    assert cache.claim(GB).holder is not None
    lease.give_back(holder.token)


@pytest.mark.parametrize(
    ("error", "lives"), [(ProcessLookupError, False), (PermissionError, True), (OverflowError, True)]
)
def test_whether_a_process_lives(monkeypatch: pytest.MonkeyPatch, error: type[Exception], lives: bool) -> None:  # noqa: FBT001
    def kill(_pid: int, _signal: int) -> None:
        raise error

    monkeypatch.setattr(os, "kill", kill)
    assert lease.held(lease.Holder(lease.host(), 1, "x"), NOON_S + 10, NOON_S) is lives


def test_where_signals_are_no_question_the_lease_must_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert lease.held(lease.Holder(lease.host(), 2**30, "x"), NOON_S + 10, NOON_S)


def test_without_namespaces_the_host_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def readlink(_path: Path) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "readlink", readlink)
    lease.host.cache_clear()
    try:
        assert lease.host() == socket.gethostname()
    finally:
        lease.host.cache_clear()
