# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which zones are kept fresh, and when each is asked for: step by step, under a clock of ours."""

from __future__ import annotations

import logging
import threading
from random import Random
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.grid._store import HourStore
from carbonspan.live._backoff import answered, answered_for_past
from carbonspan.live._fetcher import PRESENT_HOURS
from carbonspan.live._refresher import DAYS_AT_ONCE, IDLE_HOURS, MAX_DAYS, MAX_WANTS, MAX_ZONES, PRESENT, Refresher
from carbonspan.live.cache._cache import HourCache, Key
from tests.live.loopback import WAIT_S, FakeClock, Loopback, LoopbackSource
from tests.live.rig import DAY_S, DIRECT, HOUR_S, LIFE_CYCLE, Answers, Rig, day

if TYPE_CHECKING:
    from pathlib import Path


def test_on_first_sight_the_last_day_then_once_an_hour(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    left_s = rig.want()
    assert server.requests == [("/history", "GB", clock.hour - PRESENT_HOURS + 1, clock.hour)]
    assert all(rig.at(clock.hour - back) is not None for back in range(PRESENT_HOURS))
    # 12:10: due between 13:02 and 13:06
    assert 52 * 60 <= left_s <= 56 * 60
    clock.pass_by(left_s - 1)
    rig.want()
    assert server.total == 1
    clock.pass_by(1)
    rig.refresher.step()
    assert server.total == 2
    assert server.requests[1][3] == clock.hour


def test_a_zone_that_nobody_wants_any_more_is_left_alone(rig: Rig, server: Loopback) -> None:
    rig.want()
    for _ in range(IDLE_HOURS + 4):
        rig.next_hour()
        rig.refresher.step()
    assert server.total <= IDLE_HOURS + 1
    rig.want()
    assert server.requests[-1][3] == rig.clock.hour


def test_a_zone_that_is_not_served_is_never_asked_for(clock: FakeClock, server: Loopback) -> None:
    rig = Rig(clock, LoopbackSource(server.port, zones=["GB"]))
    rig.want("FR")
    rig.want("FR")
    assert server.total == 0
    assert rig.refresher.series() == ()


def test_the_first_basis_that_is_served(clock: FakeClock, server: Loopback) -> None:
    rig = Rig(clock, LoopbackSource(server.port, basis=DIRECT))
    rig.want()
    assert rig.at(clock.hour, basis=DIRECT) is not None
    marginal = Rig(clock, LoopbackSource(server.port, basis=Basis.MARGINAL))
    marginal.want()
    assert server.total == 1


@pytest.mark.parametrize(
    ("status", "outcome", "first_wait_s"),
    [
        (401, "unauthorised", 60.0),
        (403, "unauthorised", 60.0),
        (404, "not_covered", 60.0),
        (429, "rate_limited", 300.0),
        (500, "unavailable", 30.0),
        (503, "unavailable", 30.0),
    ],
)
def test_refused_asked_again_later_and_recovered(  # noqa: PLR0917
    rig: Rig, server: Loopback, clock: FakeClock, status: int, outcome: str, first_wait_s: float
) -> None:
    server.status = status
    left_s = rig.want()
    assert first_wait_s <= left_s <= first_wait_s * 1.25
    assert dict(rig.refresher.counts()) == {outcome: 1}
    assert rig.want() <= left_s  # another span changes nothing
    assert server.total == 1
    for _ in range(8):
        clock.pass_by(left_s)
        left_s, before = rig.want(), left_s
        assert left_s >= min(before, HOUR_S) * 0.8
    total = server.total
    assert total == 9
    server.status = 200
    clock.pass_by(left_s)
    rig.want()
    assert rig.at(clock.hour) is not None
    assert rig.refresher.counts()["ok"] == 1


def test_retry_after_holds_for_all_zones_of_the_source(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    server.status, server.retry_after = 429, "1200"
    assert rig.want("GB") == pytest.approx(1200, abs=1)
    assert rig.want("FR") == pytest.approx(1200, abs=6)
    assert server.total == 1
    server.status = 200
    clock.pass_by(1210)
    rig.want("FR")
    assert rig.at(clock.hour, "FR") is not None


def test_a_day_of_the_past_is_fetched_once(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    old = day("2026-01-05")
    rig.want()
    rig.want(day=old)
    assert server.requests[1:] == [("/history", "GB", old * 24, old * 24 + 23)]
    assert rig.at(old * 24 + 3) is not None
    for _ in range(3):
        clock.pass_by(60)
        rig.want(day=old)
    assert server.total == 2


def test_hours_that_the_past_does_not_have_are_asked_for_once_a_day(
    rig: Rig, server: Loopback, clock: FakeClock
) -> None:
    old = day("2026-01-05")
    server.hours = lambda _zone, first, last: {h: (50.0, "measured") for h in range(first, last + 1) if h % 24}
    rig.want()
    for _ in range(5):
        clock.pass_by(60)
        rig.want(day=old)
    assert server.total == 2
    clock.pass_by(DAY_S)
    rig.want(day=old)
    assert [r for r in server.requests if r[2] == old * 24] == 2 * [("/history", "GB", old * 24, old * 24 + 23)]


def test_neighbouring_days_come_in_one_request(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    first = day("2025-12-24")
    rig.want()
    for number in (*range(25), 40, 41):
        rig.refresher.want("GB", first + number)
    for _ in range(10):
        rig.refresher.step()
        clock.pass_by(2)
    spans = [(low // 24 - first, high // 24 - first) for _, _, low, high in server.requests[1:]]
    assert spans == [(0, DAYS_AT_ONCE - 1), (10, 19), (20, 24), (40, 41)]


def test_a_failure_in_the_past_waits_too_and_recovers(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    old = day("2026-01-05")
    rig.want()
    server.status = 500
    rig.want(day=old)
    total = server.total
    rig.want(day=old)
    assert server.total == total == 2
    server.status = 200
    clock.pass_by(60)
    rig.want(day=old)
    assert rig.at(old * 24) is not None


def test_what_waits_is_bounded(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    yesterday = clock.hour // 24 - 1
    for number in range(MAX_WANTS):
        rig.refresher.want("GB", yesterday - number % (MAX_DAYS + 100))
    rig.want("FR")  # one too many
    for _ in range(2 * MAX_DAYS // DAYS_AT_ONCE):
        clock.pass_by(2)
        rig.refresher.step()
    assert set(server.asked) == {"GB"}
    days = {day for _, _, first, last in server.requests[1:] for day in range(first // 24, last // 24 + 1)}
    assert len(days) == MAX_DAYS


def test_zones_are_bounded(clock: FakeClock) -> None:
    rig = Rig(clock, Answers(*[[] for _ in range(MAX_ZONES + 10)]))
    for number in range(MAX_ZONES + 10):
        rig.refresher.want(f"Z{number}", PRESENT)
    rig.refresher.step()
    assert len(rig.refresher.series()) == MAX_ZONES
    nobody = Rig(clock, LoopbackSource(1, zones=["GB"]))
    for number in range(MAX_ZONES + 10):
        nobody.refresher.want(f"Z{number}", PRESENT)
    nobody.refresher.step()
    assert nobody.refresher.series() == ()


def test_a_zone_that_was_not_served_may_be_later(clock: FakeClock, server: Loopback) -> None:
    source = LoopbackSource(server.port, zones=["FR"])
    rig = Rig(clock, source)
    rig.want("GB")
    assert rig.refresher.series() == ()
    source.zones = frozenset({"GB"})
    rig.want("GB")
    assert server.asked == {"GB": 1}


def test_a_source_that_fails_to_say_whether_it_serves_a_zone_does_not(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Answers):
        def serves(self, zone: str, basis: Basis) -> bool:
            raise KeyError(zone, basis)

    caplog.set_level(logging.DEBUG, "carbonspan")
    rig = Rig(clock, Broken())
    rig.want()
    done = rig.refresher.refresh(["GB", "DE"])
    rig.refresher.step()
    assert done.is_set()  # who waits is told
    assert rig.refresher.series() == ()
    assert "own does not say whether it serves GB: KeyError" in caplog.messages[0]


def test_another_process_asked_already(clock: FakeClock, server: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "grid.sqlite3"
    one, two = (Rig(clock, LoopbackSource(server.port), path) for _ in range(2))
    one.want()
    two.want()
    assert server.total == 1
    assert two.at(clock.hour) == one.at(clock.hour) is not None
    for _ in range(2):
        one.next_hour()
        two.want()
        one.want()
    assert server.total == 3
    assert one.at(clock.hour) == two.at(clock.hour) is not None
    old = day("2026-01-05")
    for rig in (one, two):
        rig.want(day=old)
        assert rig.at(old * 24) is not None
    assert server.total == 4


def test_another_process_is_asking(clock: FakeClock, server: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "grid.sqlite3"
    rig = Rig(clock, LoopbackSource(server.port), path)
    other = HourCache(path, clock=clock.clock)
    rig.refresher.want("GB", PRESENT)
    key = Key("loopback", "GB", LIFE_CYCLE)
    holder = other.claim(key).holder
    assert holder is not None
    assert rig.refresher.step() <= 1.0
    assert server.total == 0
    old = day("2026-01-05")
    of_day = other.claim(key._replace(task="2026-01-05")).holder
    assert of_day is not None
    rig.want(day=old)
    assert server.total == 0
    now = [HourValue("GB", hour_start(clock.hour), 7.0, LIFE_CYCLE, Quality.MEASURED, "x", "loopback", clock.now)]
    then = [HourValue("GB", hour_start(old * 24), 8.0, LIFE_CYCLE, Quality.MEASURED, "x", "loopback", clock.now)]
    other.finish(key, holder, answered(clock.wall_s, 1, Random(1)), now)
    other.finish(key._replace(task="2026-01-05"), of_day, answered_for_past(clock.wall_s, 1), then)
    clock.pass_by(2)
    rig.refresher.step()
    assert server.total == 0
    assert (rig.at(clock.hour), rig.at(old * 24)) == (now[0], then[0])


def test_hours_of_an_earlier_process_are_there_when_the_source_is_down(
    clock: FakeClock, server: Loopback, tmp_path: Path
) -> None:
    path = tmp_path / "grid.sqlite3"
    Rig(clock, LoopbackSource(server.port), path).want()
    server.status = 500
    clock.pass_by(2 * HOUR_S)
    later = Rig(clock, LoopbackSource(server.port), path)
    later.want()
    assert server.total == 2
    assert later.at(clock.hour - 2) is not None


def test_a_refusal_seen_by_one_process_holds_for_all(clock: FakeClock, server: Loopback, tmp_path: Path) -> None:
    server.status = 401
    for _ in range(8):
        Rig(clock, LoopbackSource(server.port), tmp_path / "grid.sqlite3").want()
    assert server.total == 1


def test_after_a_suspend_it_is_up_to_date_at_once(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    rig.want()
    clock.suspend(9 * HOUR_S)
    rig.refresher.step()
    assert server.total == 2
    assert rig.at(clock.hour) is not None


@pytest.mark.parametrize("back_s", [600, 2 * HOUR_S, 400 * DAY_S])
def test_a_clock_that_is_set_back_holds_nothing_up(
    clock: FakeClock, server: Loopback, back_s: float, tmp_path: Path
) -> None:
    rig = Rig(clock, LoopbackSource(server.port), tmp_path / "grid.sqlite3")
    rig.want()
    clock.suspend(-back_s)
    clock.pass_by(HOUR_S + (back_s if back_s < HOUR_S else 0))
    rig.want()
    assert server.total == 2


def test_a_clock_that_is_set_forward_and_back(rig: Rig, server: Loopback, clock: FakeClock) -> None:
    rig.want()
    clock.suspend(400 * DAY_S)
    rig.want()
    clock.suspend(-400 * DAY_S)
    clock.pass_by(HOUR_S)
    rig.want()
    assert server.total == 3
    assert rig.at(clock.hour) is not None


def test_the_thread_ends_at_once_and_closes_its_source(server: Loopback) -> None:
    source = LoopbackSource(server.port, "ends")
    store = HourStore()
    refresher = Refresher(source, origin="x", bases=(LIFE_CYCLE,), store=store, cache=HourCache(None), owned=True)
    assert refresher.refresh(["GB"]).wait(WAIT_S)
    (thread,) = (each for each in threading.enumerate() if each.name == "carbonspan-ends")
    assert thread.daemon
    assert refresher.is_running()
    assert len(store) == PRESENT_HOURS
    refresher.stop()
    refresher.join(WAIT_S)
    assert not refresher.is_running()
    assert source.closed == 1
    refresher.want("FR", PRESENT)  # nothing happens any more
    assert server.total == 1


def test_a_thread_that_never_ran_closes_its_source_too(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    refresher = Refresher(source, origin="x", bases=(LIFE_CYCLE,), store=HourStore(), cache=HourCache(None), owned=True)
    refresher.stop()
    refresher.join(WAIT_S)
    assert source.closed == 1


def test_a_fault_of_our_own_does_not_end_the_refreshing(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(LoopbackSource):
        def serves(self, zone: str, basis: Basis) -> bool:
            if zone == "XX":
                raise ZeroDivisionError("token=abc")
            return super().serves(zone, basis)

    refresher = Refresher(
        Faulty(server.port), origin="x", bases=(LIFE_CYCLE,), store=HourStore(), cache=HourCache(None)
    )
    with caplog.at_level(logging.WARNING, "carbonspan"):
        refresher.want("XX", PRESENT)
        assert refresher.refresh(["GB"]).wait(WAIT_S)
    assert "abc" not in caplog.text
    assert server.total == 1
    refresher.stop()
    refresher.join(WAIT_S)


def test_where_no_thread_can_be_started_nothing_is_raised(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_self: threading.Thread) -> None:
        if interruptions:
            refresher.want(interruptions.pop(), PRESENT)  # while another thread is starting it
        raise RuntimeError("can't create new thread at interpreter shutdown")

    interruptions = ["FR"]
    refresher = Refresher(
        LoopbackSource(server.port), origin="x", bases=(LIFE_CYCLE,), store=HourStore(), cache=HourCache(None)
    )
    monkeypatch.setattr(threading.Thread, "start", start)
    refresher.want("GB", PRESENT)
    assert interruptions == []
    assert not refresher.is_running()
    monkeypatch.undo()
    refresher.want("GB", PRESENT)
    assert refresher.is_running()
    refresher.stop()
    refresher.join(WAIT_S)
