# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What processes share: which value stays, who may ask, and what goes again."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.live._backoff import Attempt
from carbonspan.live._clock import DAY_S
from carbonspan.live.cache import _cache as caches, _file as cachefile
from carbonspan.live.cache._cache import BUSY_WAIT_S, Claim, HourCache, Key
from tests.live.cache.helpers import GB, HOUR, NOON_S, ROOT, ask, asks_alone, at, good, granted, value
from tests.live.loopback import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from carbonspan.grid import HourValue


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
    other = HourCache(path, clock=at(NOON_S + 1))
    assert other.claim(GB) == Claim(None, Attempt(), BUSY_WAIT_S)
    assert other.claim(GB._replace(zone="FR")).holder is not None
    assert other.claim(GB._replace(task="2026-02-01")).holder is not None
    cache.finish(GB, holder, good(), [value(54)])
    assert other.claim(GB) == Claim(None, good())
    assert other.attempt(GB) == good()
    assert HourCache(path, clock=at(NOON_S + 3600)).claim(GB).holder is not None


def test_a_refusal_of_the_whole_source_holds_for_every_zone_and_process(cache: HourCache, path: Path) -> None:
    limited = Attempt("rate_limited", "slower", 1, NOON_S, 0.0, NOON_S + 600)
    ask(cache, attempt=limited, whole=True)
    other = HourCache(path, clock=at(NOON_S + 1))
    assert other.claim(GB._replace(zone="FR")) == Claim(None, limited)
    assert other.claim(GB._replace(origin="else")).holder is not None
    assert HourCache(path, clock=at(NOON_S + 600)).claim(GB._replace(zone="FR")).holder is not None
    # the same without a file
    alone = HourCache(None, clock=at(NOON_S))
    ask(alone, attempt=limited, whole=True)
    assert alone.claim(GB._replace(zone="FR")) == Claim(None, limited)
    assert alone.attempt(GB._replace(origin="else")) == Attempt()


def test_memory_alone(tmp_path: Path) -> None:
    alone = HourCache(None, clock=at(NOON_S))
    alone.finish(GB, granted(alone.claim(GB)), good(), [value(54)])
    assert alone.claim(GB) == Claim(None, good())
    assert alone.hours(GB, HOUR, HOUR) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_remembered_without_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "_MAX_REMEMBERED", 10)
    alone = HourCache(None, clock=at(NOON_S))
    for number in range(50):
        ask(alone, key=GB._replace(zone=str(number)))
    assert 0 < sum(alone.attempt(GB._replace(zone=str(number))) != Attempt() for number in range(50)) <= 10


def test_what_was_fetched_long_ago_goes(path: Path) -> None:
    ask(HourCache(path, clock=at(NOON_S)), value(54))
    later_s = NOON_S + (caches.KEEP_DAYS - 1) * DAY_S
    later = HourCache(path, clock=at(later_s))
    ask(later, value(60, 1), attempt=good(later_s))
    assert len(later.hours(GB, HOUR, HOUR + 1)) == 2
    last = HourCache(path, clock=at(later_s + 2 * DAY_S))
    ask(last, key=GB._replace(zone="FR"))
    assert last.hours(GB, HOUR, HOUR + 1) == []
    assert last.attempt(GB) == Attempt()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT COUNT(*) FROM leases").fetchone() == (0,)


def test_hours_are_bounded_in_number_the_ones_fetched_longest_ago_go_first(path: Path) -> None:
    small = HourCache(path, clock=at(NOON_S), max_hours=10)
    ask(small, *(value(number, number, age_min=100 - number) for number in range(30)))
    assert [v.intensity_g_per_kwh for v in small.hours(GB, HOUR, HOUR + 30)] == list(range(20, 30))


def test_eight_processes_may_begin_at_once(path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from carbonspan.live.cache._cache import HourCache\n"
        "from tests.live.cache.helpers import GB, HOUR, NOON_S, ask, at, good, value\n"
        "sys.stdin.readline()\n"
        "cache = HourCache(Path(sys.argv[1]), clock=at(NOON_S))\n"
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


def test_a_python_without_sqlite(
    cache: HourCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "carbonspan.live.cache._file", None)
    monkeypatch.delattr("carbonspan.live.cache._file")
    asks_alone(cache, caplog, "no SQLite")


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


def test_values_that_no_enum_has_are_passed_over(cache: HourCache, path: Path) -> None:
    ask(cache, value(54), value(55, 1))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE hours SET quality = 'splendid' WHERE hour = ?", (HOUR,))
    assert cache.hours(GB, HOUR, HOUR + 1) == [value(55, 1)]


def test_an_answer_that_came_between_the_look_and_the_lease(cache: HourCache, path: Path) -> None:
    ask(cache, value(54), attempt=good())
    with cachefile.transaction(path, write=True) as db:
        assert caches._claim(db, GB, NOON_S) == Claim(None, good())
