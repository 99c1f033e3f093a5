# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The file itself: what is kept through kills and forks, and that no state of the disk is an error."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_index
from carbonspan.live.cache import _file as cachefile
from carbonspan.live.cache._cache import HourCache
from tests.live.cache.helpers import GB, HOUR, NOON_S, ROOT, ask, asks_alone, at, value, warnings
from tests.live.loopback import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_that_was_committed_is_lost_when_a_writer_is_killed(path: Path) -> None:
    """Over and over: every hour that the writer said was written is there, and the file is whole."""
    writer = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from carbonspan.live.cache._cache import HourCache\n"
        "from tests.live.cache.helpers import GB, HOUR, NOON_S, ask, at, good, value\n"
        "cache = HourCache(Path(sys.argv[1]), clock=at(NOON_S))\n"
        "first = int(sys.argv[2])\n"
        "while True:\n"
        "    ask(cache, *(value(h % 900, h) for h in range(first, first + 50)))\n"
        "    print(first + 49, flush=True)\n"
        "    first += 50\n"
    )
    written = 0
    for _ in range(8):
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", writer, str(path), str(written)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout is not None
            line = [process.stdout.readline() for _ in range(5)][-1]
            time.sleep(0.003 * (written % 7))  # somewhere within the next writes
            process.kill()
            rest = process.stdout.read().split()
        written = int(rest[-1] if rest else line) + 1
        known = {
            hour_index(v.hour) - HOUR: v.intensity_g_per_kwh for v in HourCache(path).hours(GB, HOUR, HOUR + written)
        }
        assert all(known[hour] == hour % 900 for hour in range(written))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_corrupt_file_is_put_aside(cache: HourCache, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\x00garbage" * 1000)
    asks_alone(cache, caplog, "corrupt", "grid.sqlite3.corrupt-1")
    assert path.with_name("grid.sqlite3.corrupt-1").read_bytes() == b"\x00garbage" * 1000
    # the next process has a new one
    fresh = HourCache(path, clock=at(NOON_S))
    ask(fresh, value(54))
    assert fresh.hours(GB, HOUR, HOUR) == [value(54)]


def test_a_file_with_a_broken_page(cache: HourCache, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ask(cache, *(value(number, number) for number in range(800)))
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    path.with_name(path.name + "-wal").write_bytes(b"left behind")
    with caplog.at_level(logging.WARNING, "carbonspan"):
        assert cache.hours(GB, HOUR, HOUR + 800) == []
    assert "corrupt-1" in warnings(caplog)[0]
    assert path.with_name(path.name + ".corrupt-1").exists()


def test_only_so_many_are_put_aside_and_none_is_deleted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    for number in range(cachefile.MAX_ASIDE + 2):
        path.write_bytes(b"garbage %d " % number * 1000)
        HourCache(path).hours(GB, HOUR, HOUR)
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == ["grid.sqlite3", *(f"grid.sqlite3.corrupt-{n + 1}" for n in range(cachefile.MAX_ASIDE))]
    assert "left alone" in warnings(caplog)[-1]
    assert path.read_bytes().startswith(b"garbage 4")


def test_a_corrupt_file_that_cannot_be_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / f"{'c' * 239}.sqlite3"  # 247 bytes: the names of SQLite's side files fit into 255, ours not
    path.write_bytes(b"\x00garbage" * 1000)
    asks_alone(HourCache(path, clock=at(NOON_S)), caplog, "corrupt", "it cannot be put aside")
    assert path.read_bytes() == b"\x00garbage" * 1000


def test_a_wrong_path_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("x" * 5000)
    asks_alone(HourCache(precious, clock=at(NOON_S)), caplog, "thesis.txt", "left alone")
    assert precious.read_text() == "x" * 5000


def test_the_database_of_another_program_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE music (title)")
    before = path.read_bytes()
    asks_alone(HourCache(path, clock=at(NOON_S)), caplog, "another program")
    assert path.read_bytes() == before


def test_the_file_of_a_newer_version_is_left_alone(
    cache: HourCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(cache, value(54))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    asks_alone(HourCache(path, clock=at(NOON_S)), caplog, "newer carbonspan", "schema 99")
    assert path.read_bytes() == before


def test_a_directory_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    asks_alone(HourCache(tmp_path / "file" / "grid.sqlite3", clock=at(NOON_S)), caplog, "File exists")


def test_a_path_that_is_a_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asks_alone(HourCache(tmp_path, clock=at(NOON_S)), caplog, "unable to open")


def test_a_full_disk(path: Path) -> None:
    """Said once, nothing of before is lost, and used again when there is room."""
    program = """
import resource, signal, sys
from pathlib import Path
from carbonspan.live._clock import Clock
from tests.live.cache.helpers import GB, HOUR, NOON_S, ask, good, granted, value
from carbonspan.live._backoff import Attempt
from carbonspan.live.cache._cache import Claim, HourCache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
monotonic_s = 0.0
cache = HourCache(Path(sys.argv[1]), clock=Clock(wall_s=lambda: NOON_S, monotonic_s=lambda: monotonic_s))
ask(cache, *(value(number, number) for number in range(20)))
resource.setrlimit(resource.RLIMIT_FSIZE, (32768, resource.RLIM_INFINITY))  # files may grow no more, as on a full disk
cache.finish(GB, granted(cache.claim(GB)), good(), [value(n % 900, n) for n in range(20, 2000)])
print(cache.problem, flush=True)
assert cache.claim(GB) == Claim(None, good())  # from memory
assert cache.attempt(GB._replace(zone="FR")) == Attempt()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert cache.hours(GB, HOUR, HOUR + 3000) == []  # the file is left alone
monotonic_s = 601.0
assert len(cache.hours(GB, HOUR, HOUR + 3000)) == 20
ask(cache, value(99, 50), key=GB._replace(zone="FR"))
assert len(cache.hours(GB._replace(zone="FR"), HOUR, HOUR + 300)) == 1
assert cache.problem == ""
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "grid.sqlite3" in done.stdout
    assert done.stderr.count("carbonspan: grid cache") == 1
    assert len(HourCache(path).hours(GB, HOUR, HOUR + 3000)) == 20


def test_a_file_system_that_is_read_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    asks_alone(HourCache(tmp_path / "grid.sqlite3", clock=at(NOON_S)), caplog, "Read-only")


def test_the_usual_place_is_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    path = cachefile.default_path()
    assert path.name == "grid.sqlite3"
    assert "carbonspan" in path.parts


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # from 3.12 on: what is tested
def test_a_fork_waits_for_a_transaction_and_the_child_has_its_own_lock(cache: HourCache, path: Path) -> None:
    ask(cache, value(54))
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with cachefile.transaction(path, write=True):
            inside.set()
            go_on.wait(WAIT_S)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(WAIT_S)
    child = os.fork()  # waits for a second, then goes on
    if child == 0:
        os._exit(0 if cache.hours(GB, HOUR, HOUR) == [value(54)] else 1)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ask(cache, value(55))
    child = os.fork()
    if child == 0:
        os._exit(0 if cache.hours(GB, HOUR, HOUR) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.hours(GB, HOUR, HOUR) == [value(55)]


def test_a_new_file_is_not_put_aside_for_an_old_one(cache: HourCache, path: Path) -> None:
    ask(cache, value(54))
    assert "another process" in cachefile._put_aside(path, (0, 0))
    assert cache.hours(GB, HOUR, HOUR) == [value(54)]


def test_a_file_that_another_process_made_in_the_meantime(cache: HourCache, path: Path) -> None:
    ask(cache, value(54))
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {cachefile.SCHEMA - 1}")
        db.execute(f"PRAGMA application_id = {cachefile.APPLICATION}")
    assert cache.hours(GB, HOUR, HOUR) == [value(54)]
