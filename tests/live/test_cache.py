# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The shared file: what it keeps, who may ask, and that no state of the disk is an error."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_index
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.live._attempt import DAY_S, Attempt
from carbonspan.live.cache import _cache as caches, _file as cachefile, _lease as lease
from carbonspan.live.cache._cache import BUSY_WAIT_S, Claim, HourCache, Key
from tests.live.loopback import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
NOON_S = NOON.timestamp()
HOUR = hour_index(NOON)
GB = Key("uk", "GB", Basis.DIRECT)
ROOT = Path(__file__).parents[3]


def value(number: float, hours: int = 0, quality: Quality = Quality.MEASURED, *, age_min: int = 0) -> HourValue:
    return HourValue(
        "GB",
        NOON + timedelta(hours=hours),
        number,
        Basis.DIRECT,
        quality,
        "consumption",
        "uk",
        NOON - timedelta(minutes=age_min),
        "2026-02",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "grid.sqlite3"


@pytest.fixture
def cache(path: Path) -> HourCache:
    return HourCache(path, now_s=lambda: NOON_S)


def good(next_s: float = NOON_S + 3600) -> Attempt:
    return Attempt("ok", "", 0, NOON_S, NOON_S, next_s)


def granted(claim: Claim) -> lease.Holder:
    assert claim.holder is not None
    return claim.holder


def ask(
    cache: HourCache, *values: HourValue, key: Key = GB, attempt: Attempt | None = None, whole: bool = False
) -> None:
    cache.finish(key, granted(cache.claim(key)), attempt or good(NOON_S), values, whole=whole)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "carbonspan"]


def test_what_one_process_writes_another_reads(cache: HourCache, path: Path) -> None:
    values = [value(54), value(0, 1, Quality.ESTIMATED), value(60.5, 2, Quality.FORECAST)]
    ask(cache, *values)
    assert HourCache(path).hours(GB, HOUR, HOUR + 10) == values
    assert HourCache(path).hours(GB, HOUR + 1, HOUR + 1) == values[1:2]
    assert cache.hours(GB._replace(zone="FR"), HOUR, HOUR) == []
    assert cache.hours(GB._replace(basis=Basis.LIFE_CYCLE), HOUR, HOUR) == []
    assert cache.hours(GB._replace(origin="uk#1234"), HOUR, HOUR) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_name_of_a_source_of_ones_own_may_hold_any_sign() -> None:
    assert Key("my#grid#0a1b", "GB", Basis.LIFE_CYCLE).source == "my#grid"
    assert Key("uk_carbon_intensity:13", "GB", Basis.DIRECT).source == "uk_carbon_intensity:13"


def test_the_source_of_a_value_is_the_name_of_its_origin(cache: HourCache) -> None:
    key = GB._replace(origin="uk#1234")
    ask(cache, value(54), key=key)
    assert cache.hours(key, HOUR, HOUR) == [value(54)]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (value(1, 0, Quality.FORECAST), value(2, 0, Quality.ESTIMATED), 2),
        (value(1, 0, Quality.FORECAST), value(2, 0, Quality.MEASURED, age_min=90), 2),
        (value(1), value(2, 0, Quality.ESTIMATED), 1),
        (value(1, age_min=90), value(2, 0, Quality.FORECAST), 1),
        (value(1, age_min=90), value(2), 2),
        (value(1), value(2, age_min=90), 1),
    ],
)
def test_which_value_stays(cache: HourCache, old: HourValue, new: HourValue, kept: float) -> None:
    ask(cache, old)
    ask(cache, new)
    assert [v.intensity_g_per_kwh for v in cache.hours(GB, HOUR, HOUR)] == [kept]


def test_one_process_asks_and_the_others_wait_for_it(cache: HourCache, path: Path) -> None:
    holder = granted(cache.claim(GB))
    other = HourCache(path, now_s=lambda: NOON_S + 1)
    assert other.claim(GB) == Claim(None, Attempt(), BUSY_WAIT_S)
    assert other.claim(GB._replace(zone="FR")).holder is not None
    assert other.claim(GB._replace(task="2026-02-01")).holder is not None
    cache.finish(GB, holder, good(), [value(54)])
    assert other.claim(GB) == Claim(None, good())
    assert other.attempt(GB) == good()
    assert HourCache(path, now_s=lambda: NOON_S + 3600).claim(GB).holder is not None


def test_a_lease_runs_out(cache: HourCache, path: Path) -> None:
    granted(cache.claim(GB))
    assert HourCache(path, now_s=lambda: NOON_S + lease.LEASE_S - 1).claim(GB).holder is None
    assert HourCache(path, now_s=lambda: NOON_S + lease.LEASE_S).claim(GB).holder is not None


def test_a_lease_from_a_clock_that_was_set_back_holds_nobody(cache: HourCache, path: Path) -> None:
    granted(cache.claim(GB))
    assert HourCache(path, now_s=lambda: NOON_S - DAY_S).claim(GB).holder is not None


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


def test_a_refusal_of_the_whole_source_holds_for_every_zone_and_process(cache: HourCache, path: Path) -> None:
    limited = Attempt("rate_limited", "slower", 1, NOON_S, 0.0, NOON_S + 600)
    ask(cache, attempt=limited, whole=True)
    other = HourCache(path, now_s=lambda: NOON_S + 1)
    assert other.claim(GB._replace(zone="FR")) == Claim(None, limited)
    assert other.claim(GB._replace(origin="else")).holder is not None
    assert HourCache(path, now_s=lambda: NOON_S + 600).claim(GB._replace(zone="FR")).holder is not None
    # the same without a file
    alone = HourCache(None, now_s=lambda: NOON_S)
    ask(alone, attempt=limited, whole=True)
    assert alone.claim(GB._replace(zone="FR")) == Claim(None, limited)
    assert alone.attempt(GB._replace(origin="else")) == Attempt()


def test_memory_alone(tmp_path: Path) -> None:
    alone = HourCache(None, now_s=lambda: NOON_S)
    alone.finish(GB, granted(alone.claim(GB)), good(), [value(54)])
    assert alone.claim(GB) == Claim(None, good())
    assert alone.hours(GB, HOUR, HOUR) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_remembered_without_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "_MAX_REMEMBERED", 10)
    alone = HourCache(None, now_s=lambda: NOON_S)
    for number in range(50):
        ask(alone, key=GB._replace(zone=str(number)))
    assert len(alone._attempts) <= 10


def test_what_was_fetched_long_ago_goes(path: Path) -> None:
    ask(HourCache(path, now_s=lambda: NOON_S), value(54))
    later_s = NOON_S + (caches.KEEP_DAYS - 1) * DAY_S
    later = HourCache(path, now_s=lambda: later_s)
    ask(later, value(60, 1), attempt=good(later_s))
    assert len(later.hours(GB, HOUR, HOUR + 1)) == 2
    last = HourCache(path, now_s=lambda: later_s + 2 * DAY_S)
    ask(last, key=GB._replace(zone="FR"))
    assert last.hours(GB, HOUR, HOUR + 1) == []
    assert last.attempt(GB) == Attempt()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT COUNT(*) FROM leases").fetchone() == (0,)


def test_hours_are_bounded_in_number_the_ones_fetched_longest_ago_go_first(path: Path) -> None:
    small = HourCache(path, now_s=lambda: NOON_S, max_hours=10)
    ask(small, *(value(number, number, age_min=100 - number) for number in range(30)))
    assert [v.intensity_g_per_kwh for v in small.hours(GB, HOUR, HOUR + 30)] == list(range(20, 30))


def test_nothing_that_was_committed_is_lost_when_a_writer_is_killed(path: Path) -> None:
    """Over and over: every hour that the writer said was written is there, and the file is whole."""
    writer = (
        "import sys; from tests.live.test_cache import *\n"
        "cache = HourCache(Path(sys.argv[1]), now_s=lambda: NOON_S)\n"
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


def test_eight_processes_may_begin_at_once(path: Path) -> None:
    program = (
        "import sys; from tests.live.test_cache import *\n"
        "sys.stdin.readline()\n"
        "cache = HourCache(Path(sys.argv[1]), now_s=lambda: NOON_S)\n"
        "while (claim := cache.claim(GB)).wait_s: time.sleep(0.02)\n"
        "if claim.holder: time.sleep(0.3); cache.finish(GB, claim.holder, good(), [value(54)])\n"
        "print('asked' if claim.holder else 'read', len(cache.hours(GB, HOUR, HOUR)), cache.problem)\n"
    )
    processes = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=WAIT_S)[0].strip() for process in processes)
    assert said == ["asked 1", *["read 1"] * 7]


def test_threads_of_one_process(cache: HourCache) -> None:
    errors: list[BaseException] = []

    def work(zone: str) -> None:
        try:
            for number in range(20):
                ask(cache, value(number, number), key=GB._replace(zone=zone))
                cache.hours(GB, HOUR, HOUR + 5)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"Z{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(len(cache.hours(GB._replace(zone=f"Z{n}"), HOUR, HOUR + 30)) == 20 for n in range(6))


# -- files that cannot be used


def _asks_alone(cache: HourCache, caplog: pytest.LogCaptureFixture, *words: str) -> None:
    """It goes on in memory, says so once, and raises nothing."""
    with caplog.at_level(logging.WARNING, "carbonspan"):
        for _ in range(3):
            assert cache.hours(GB, HOUR, HOUR) == []
            if (claim := cache.claim(GB)).holder is not None:
                cache.finish(GB, claim.holder, good(), [value(54)])
        assert cache.attempt(GB) == good()
    (message,) = warnings(caplog)
    assert all(word in message for word in words), message
    assert cache.problem


def test_a_corrupt_file_is_put_aside(cache: HourCache, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\x00garbage" * 1000)
    _asks_alone(cache, caplog, "corrupt", "grid.sqlite3.corrupt-1")
    assert path.with_name("grid.sqlite3.corrupt-1").read_bytes() == b"\x00garbage" * 1000
    # the next process has a new one
    fresh = HourCache(path, now_s=lambda: NOON_S)
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
    _asks_alone(HourCache(path, now_s=lambda: NOON_S), caplog, "corrupt", "it cannot be put aside")
    assert path.read_bytes() == b"\x00garbage" * 1000


def test_a_wrong_path_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("x" * 5000)
    _asks_alone(HourCache(precious, now_s=lambda: NOON_S), caplog, "thesis.txt", "left alone")
    assert precious.read_text() == "x" * 5000


def test_the_database_of_another_program_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE music (title)")
    before = path.read_bytes()
    _asks_alone(HourCache(path, now_s=lambda: NOON_S), caplog, "another program")
    assert path.read_bytes() == before


def test_the_file_of_a_newer_version_is_left_alone(
    cache: HourCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(cache, value(54))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    _asks_alone(HourCache(path, now_s=lambda: NOON_S), caplog, "newer carbonspan", "schema 99")
    assert path.read_bytes() == before


def test_a_directory_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    _asks_alone(HourCache(tmp_path / "file" / "grid.sqlite3", now_s=lambda: NOON_S), caplog, "File exists")


def test_a_path_that_is_a_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _asks_alone(HourCache(tmp_path, now_s=lambda: NOON_S), caplog, "unable to open")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def test_a_full_disk(tiny: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny / "grid.sqlite3"
    cache = HourCache(path, now_s=lambda: NOON_S)
    ask(cache, *(value(number, number) for number in range(20)))
    filler = tiny / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        file.writelines(itertools.repeat(b"x" * 1024))
    with caplog.at_level(logging.WARNING, "carbonspan"):
        holder = granted(cache.claim(GB))  # by itself, from here on
        cache.finish(GB, holder, good(), [value(n, n) for n in range(20, 200)])
    assert len(warnings(caplog)) == 1
    assert cache.claim(GB) == Claim(None, good())
    filler.unlink()
    monkeypatch.setattr(cache, "_down_until", 0.0)  # ten minutes later
    assert len(cache.hours(GB, HOUR, HOUR + 300)) == 20  # nothing of before is lost
    ask(cache, value(99, 50), key=GB._replace(zone="FR"))
    assert len(cache.hours(GB._replace(zone="FR"), HOUR, HOUR + 300)) == 1
    assert cache.problem == ""


def test_a_file_system_that_is_read_only(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)  # noqa: S603, S607
    _asks_alone(HourCache(tiny / "grid.sqlite3", now_s=lambda: NOON_S), caplog, "Read-only")


def test_a_limit_on_the_size_of_files(path: Path) -> None:
    """As a full disk, where none can be mounted."""
    program = (
        "import resource, signal, sys; from tests.live.test_cache import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "cache = HourCache(Path(sys.argv[1]), now_s=lambda: NOON_S)\n"
        "ask(cache, value(54))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768))\n"
        "ask(cache, *(value(n, n) for n in range(1, 2000)))\n"
        "print(cache.problem)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "grid.sqlite3" in done.stdout
    assert done.stderr.count("carbonspan: grid cache") == 1
    assert HourCache(path).hours(GB, HOUR, HOUR) == [value(54)]


def test_a_python_without_sqlite(
    cache: HourCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "carbonspan.live.cache._file", None)
    monkeypatch.delattr("carbonspan.live.cache._file")
    _asks_alone(cache, caplog, "no SQLite")


def test_a_file_that_stays_locked(cache: HourCache, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cachefile, "BUSY_S", 0.001)
    ask(cache, value(54))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        claims = [cache.claim(GB) for _ in range(caches.MAX_BUSY + 1)]
        assert cache.hours(GB, HOUR, HOUR) == [value(54)]  # readers do not wait
        db.execute("ROLLBACK")
    assert claims[0].wait_s == BUSY_WAIT_S
    assert claims[0].holder is None
    assert cache.claim(GB).holder is not None


def test_an_answer_that_cannot_be_written_at_once_is_written_later(cache: HourCache, path: Path) -> None:
    holder = granted(cache.claim(GB))
    locked, release = threading.Event(), threading.Event()

    def lock() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            locked.set()
            release.wait(0.6)  # longer than one transaction waits
            db.execute("ROLLBACK")

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait(WAIT_S)
    cache.finish(GB, holder, good(), [value(54)])
    thread.join()
    assert cache.hours(GB, HOUR, HOUR) == [value(54)]


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
    assert not cachefile._in_use.locked()


def test_values_that_no_enum_has_are_passed_over(cache: HourCache, path: Path) -> None:
    ask(cache, value(54), value(55, 1))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE hours SET quality = 'splendid' WHERE hour = ?", (HOUR,))
    assert cache.hours(GB, HOUR, HOUR + 1) == [value(55, 1)]


def test_an_answer_that_came_between_the_look_and_the_lease(cache: HourCache, path: Path) -> None:
    ask(cache, value(54), attempt=good())
    with cachefile.transaction(path, write=True) as db:
        assert caches._claim(db, GB, NOON_S) == Claim(None, good())


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
