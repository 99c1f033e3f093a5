# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked for, when, and what becomes of it: step by step, against a real server, under a clock of ours."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import Capabilities, HourStore, HourValue
from carbonspan.grid.source import RateLimited, Unavailable
from carbonspan.live._fetch import PRESENT_HOURS
from carbonspan.live._refresher import DAYS_AT_ONCE, IDLE_HOURS, MAX_DAYS, MAX_WANTS, MAX_ZONES, PRESENT, Refresher
from carbonspan.live.cache._cache import HourCache
from tests.live.loopback import NOON, WAIT_S, FakeClock, Hours, Loopback, LoopbackSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOUR_S, DAY_S = 3600.0, 86_400.0
LIFE_CYCLE, DIRECT = Basis.LIFE_CYCLE, Basis.DIRECT


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        yield running


class Rig:
    """A refresher without its thread: `step` does what is due."""

    def __init__(self, clock: FakeClock, source: Any, path: Path | None = None) -> None:
        self.clock = clock
        self.store = HourStore()
        self.cache = HourCache(path, now_s=clock.clock.wall_s)
        self.refresher = Refresher(
            source,
            origin=source.name,
            bases=(LIFE_CYCLE, DIRECT),
            store=self.store,
            cache=self.cache,
            clock=clock.clock,
        )
        self.refresher._start = lambda: None  # type: ignore[method-assign]

    def want(self, zone: str = "GB", day: int = PRESENT) -> float:
        self.refresher.want(zone, day)
        return self.refresher.step()

    def at(self, hour: int, zone: str = "GB", basis: Basis = LIFE_CYCLE) -> HourValue | None:
        return self.store.get(self.refresher.source.name, zone, basis, hour)

    def next_hour(self) -> None:
        """Let it become ten minutes past the next full hour."""
        self.clock.pass_by((self.clock.hour + 1) * HOUR_S + 600 - self.clock.wall_s)


@pytest.fixture
def rig(clock: FakeClock, server: Loopback) -> Rig:
    return Rig(clock, LoopbackSource(server.port))


def measured_until(last: int, quality: str = "estimated") -> Any:
    def hours(_zone: str, first: int, end: int) -> Hours:
        return {hour: (100.0 + hour % 24, "measured" if hour <= last else quality) for hour in range(first, end + 1)}

    return hours


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


def test_better_hours_replace_worse_ones_and_measured_ones_are_kept(
    rig: Rig, server: Loopback, clock: FakeClock
) -> None:
    hour = clock.hour
    server.hours = measured_until(hour - 2)
    rig.want()
    assert [rig.at(hour - back).quality for back in (2, 1, 0)] == [  # type: ignore[union-attr]
        Quality.MEASURED,
        Quality.ESTIMATED,
        Quality.ESTIMATED,
    ]
    rig.next_hour()
    server.hours = lambda *_: {hour: (55.0, "measured"), hour - 2: (1.0, "estimated")}
    rig.want()
    assert rig.at(hour).intensity_g_per_kwh == 55.0  # type: ignore[union-attr]
    assert rig.at(hour - 2).quality is Quality.MEASURED  # type: ignore[union-attr]


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


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'{"1": "x"}', b"<html>"])
def test_an_answer_that_is_none(rig: Rig, server: Loopback, body: bytes) -> None:
    server.body = body
    rig.want()
    assert sum(rig.refresher.counts().values()) == 1
    assert "ok" not in rig.refresher.counts()
    assert len(rig.store) == 0


def test_an_answer_without_hours_is_no_failure(rig: Rig, server: Loopback) -> None:
    server.body = b"{}"
    assert 52 * 60 <= rig.want() <= 56 * 60
    assert dict(rig.refresher.counts()) == {"empty": 1}


class Answers:
    """A source of the user's own that answers with whatever it was given."""

    name = "own"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = 0

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        given: Sequence[HourValue] = answer(zone, start, end, basis) if callable(answer) else answer
        return given

    def forecast(self, _zone: str, _basis: Basis) -> Sequence[HourValue]:
        raise NotImplementedError

    def capabilities(self) -> Capabilities:
        raise NotImplementedError

    def serves(self, _zone: str, basis: Basis) -> bool:
        return basis is LIFE_CYCLE

    def close(self) -> None:
        self.closed += 1


def value(number: float, hours: int = 0, **other: Any) -> HourValue:
    fields: dict[str, Any] = {
        "zone": "GB",
        "basis": LIFE_CYCLE,
        "quality": Quality.MEASURED,
        "accounting": "production",
        "source": "own",
        "fetched_at": NOON,
    } | other
    start = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    return HourValue(hour=start + timedelta(hours=hours), intensity_g_per_kwh=number, **fields)


@pytest.mark.parametrize("error", [ZeroDivisionError("token=abc"), RecursionError(), Unavailable("x"), MemoryError()])
def test_whatever_a_source_raises(clock: FakeClock, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(clock, Answers(error, [value(50)]))
    with caplog.at_level(logging.DEBUG):
        left_s = rig.want()
    assert "abc" not in caplog.text
    assert "abc" not in str(rig.cache.attempt(rig.refresher.series()[0]))
    clock.pass_by(left_s)
    rig.want()
    assert rig.at(clock.hour) == value(50)


@pytest.mark.parametrize(
    "bad",
    [
        value(50, zone="FR"),
        value(-1.0),
        value(10_000.0),
        value(float("nan")),
        value("50"),  # type: ignore[arg-type]
        None,
        {"zone": "GB"},
    ],
)
def test_what_is_no_hour_of_the_series_is_dropped(clock: FakeClock, bad: Any) -> None:
    rig = Rig(clock, Answers([bad], [bad, value(50, -1)]))
    left_s = rig.want()
    assert dict(rig.refresher.counts()) == {"bad_answer": 1}
    clock.pass_by(left_s)
    rig.want()
    assert len(rig.store) == 1


def test_a_source_may_have_another_basis_than_it_was_asked_for(clock: FakeClock, tmp_path: Path) -> None:
    """As the UK's does: direct hours alone."""
    path = tmp_path / "grid.sqlite3"
    old = clock.hour // 24 - 30
    days = [replace(value(40 + n, basis=DIRECT), hour=hour_start(old * 24 + n)) for n in range(24)]
    rig = Rig(clock, Answers([value(50, basis=DIRECT)], days), path)
    rig.refresher.source.capabilities = lambda: Capabilities(frozenset(), frozenset(), 0, 10_000)  # type: ignore[method-assign]
    rig.want()
    rig.want(day=old)
    assert rig.at(clock.hour, basis=DIRECT) == value(50, basis=DIRECT)
    # another process takes them over, and asks nobody
    other = Rig(clock, Answers(), path)
    other.refresher.source.capabilities = rig.refresher.source.capabilities  # type: ignore[method-assign]
    other.want()
    other.want(day=old)
    assert other.at(clock.hour, basis=DIRECT) == value(50, basis=DIRECT)
    assert other.at(old * 24 + 5, basis=DIRECT) == days[5]


def test_a_basis_that_is_not_allowed_is_said(clock: FakeClock) -> None:
    rig = Rig(clock, Answers([value(50, basis=Basis.MARGINAL)]))
    rig.want()
    assert dict(rig.refresher.counts()) == {"not_covered": 1}
    assert "basis_strict" in rig.cache.attempt(rig.refresher.series()[0]).hint


def test_an_answer_without_end(clock: FakeClock) -> None:
    def forever(*_: Any) -> Iterator[HourValue]:
        while True:
            yield value(50)

    rig = Rig(clock, Answers(forever))
    rig.want()
    assert rig.at(clock.hour) is not None


def test_values_under_another_name_are_the_sources_all_the_same(clock: FakeClock) -> None:
    rig = Rig(clock, Answers([value(50, source="typo")]))
    rig.want()
    assert rig.at(clock.hour) == value(50)


def test_the_forecast_where_the_present_hour_is_not_there(clock: FakeClock, server: Loopback) -> None:
    now = datetime.now(timezone.utc)  # a forecast's own clock
    clock.wall_s = now.timestamp()
    rig = Rig(clock, LoopbackSource(server.port, forecast_hours=24))
    rig.want()
    assert [path for path, *_ in server.requests] == ["/history"]
    rig = Rig(clock, LoopbackSource(server.port, "other", forecast_hours=24))

    def hours(_zone: str, first: int, last: int) -> Hours:
        ahead = first == clock.hour
        return {h: (80.0, "forecast" if ahead else "measured") for h in range(first, last + 1) if ahead or h < last}

    server.hours = hours
    rig.want()
    assert [path for path, *_ in server.requests[1:]] == ["/history", "/forecast"]
    assert rig.at(clock.hour).quality is Quality.FORECAST  # type: ignore[union-attr]
    # the next hour is in the forecast already
    rig.next_hour()
    rig.want()
    assert [path for path, *_ in server.requests[3:]] == ["/history"]


def test_a_source_whose_forecast_fails_still_has_its_history(clock: FakeClock) -> None:
    class Bad(Answers):
        def capabilities(self) -> Capabilities:
            return Capabilities(frozenset(), frozenset(), forecast_hours=24)

    rig = Rig(clock, Bad([value(50, -1)]))
    rig.want()
    assert rig.at(clock.hour - 1) == value(50, -1)
    assert dict(rig.refresher.counts()) == {"ok": 1}


# -- the past


def day(text: str) -> int:
    return hour_index(datetime.fromisoformat(text + "T00:00:00+00:00")) // 24


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


def test_no_further_back_than_the_source_reaches(clock: FakeClock, server: Loopback) -> None:
    rig = Rig(clock, LoopbackSource(server.port, history_hours=48))
    rig.want()
    today = clock.hour // 24
    rig.want(day=today - 5)
    assert server.total == 1
    clock.pass_by(60)
    rig.want(day=today - 2)
    assert server.requests[1:] == [("/history", "GB", clock.hour - 48, (today - 2) * 24 + 23)]


def test_a_source_that_cannot_say_how_far_it_reaches(clock: FakeClock) -> None:
    rig = Rig(clock, Answers([value(50)], []))
    rig.want()
    rig.want(day=clock.hour // 24 - 1)
    assert rig.refresher.source.answers == []  # type: ignore[attr-defined]
    clock.pass_by(60)
    rig.want(day=clock.hour // 24 - 3)


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


def test_what_waits_is_bounded(rig: Rig, server: Loopback) -> None:
    for number in range(MAX_WANTS + 100):
        rig.refresher.want("GB", number)
    assert rig.refresher._queue.qsize() == MAX_WANTS
    server.status = 404
    rig.refresher.step()
    assert len(rig.refresher._zones["GB"].days) <= MAX_DAYS


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
    source._zones = frozenset({"GB"})
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
    done = rig.refresher.bring(["GB", "DE"])
    rig.refresher.step()
    assert done.is_set()  # who waits is told
    assert rig.refresher.series() == ()
    assert "own does not say whether it serves GB: KeyError" in caplog.messages[0]


def test_what_a_source_can_serve_is_not_asked_again_at_once(clock: FakeClock) -> None:
    class Broken(Answers):
        asked = 0

        def capabilities(self) -> Capabilities:
            self.asked += 1
            raise RateLimited("too many", retry_after_s=HOUR_S)

    source = Broken([])
    rig = Rig(clock, source)
    rig.want()  # asks for a forecast under its lease
    source.asked = 0
    for ago in range(30):
        rig.want(day=clock.hour // 24 - 10 - ago)
        clock.pass_by(100.0)
    assert source.asked == 1
    clock.pass_by(HOUR_S)
    source.answers = [[]]
    rig.want(day=clock.hour // 24 - 10)
    assert source.asked == 1 + 2  # for the forecast, and for the old day


# -- the other processes of the host


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
    other = HourCache(path, now_s=clock.clock.wall_s)
    rig.refresher.want("GB", PRESENT)
    key = rig.refresher._zone("GB").key  # type: ignore[union-attr]
    holder = other.claim(key).holder
    assert holder is not None
    assert rig.refresher.step() <= 1.0
    assert server.total == 0
    old = day("2026-01-05")
    of_day = other.claim(key._replace(task="2026-01-05")).holder
    assert of_day is not None
    rig.want(day=old)
    assert server.total == 0
    from random import Random  # noqa: PLC0415

    from carbonspan.live._attempt import answered, settled  # noqa: PLC0415

    now = [HourValue("GB", hour_start(clock.hour), 7.0, LIFE_CYCLE, Quality.MEASURED, "x", "loopback", clock.now)]
    then = [HourValue("GB", hour_start(old * 24), 8.0, LIFE_CYCLE, Quality.MEASURED, "x", "loopback", clock.now)]
    other.finish(key, holder, answered(clock.wall_s, 1, Random(1)), now)
    other.finish(key._replace(task="2026-01-05"), of_day, settled(clock.wall_s, 1), then)
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


# -- clocks


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


# -- partial reports


def test_a_partial_report_is_marked_counted_and_said_once(
    rig: Rig, server: Loopback, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    partial = {clock.hour - 5, clock.hour - 4, clock.hour}
    server.hours = lambda _zone, first, last: {
        h: (45.0 if h in partial else 360.0, "measured") for h in range(first, last + 1)
    }
    with caplog.at_level(logging.WARNING, "carbonspan"):
        rig.want()
    for hour in partial:
        found = rig.at(hour)
        assert found is not None
        assert (found.intensity_g_per_kwh, found.quality, found.around_g_per_kwh) == (45.0, Quality.ESTIMATED, 360.0)
    assert rig.at(clock.hour - 6).quality is Quality.MEASURED  # type: ignore[union-attr]
    assert rig.refresher.counts()["implausible"] == 3
    # the newest one proves right: it goes on like that
    rig.next_hour()
    low = range(clock.hour - 1, clock.hour + 10)
    server.hours = lambda _zone, first, last: {
        h: (45.0 if h in low else 360.0, "measured") for h in range(first, last + 1)
    }
    for _ in range(8):
        rig.next_hour()
        with caplog.at_level(logging.WARNING, "carbonspan"):
            rig.want()
    assert rig.at(low[0]).quality is Quality.MEASURED  # type: ignore[union-attr]
    assert len([r for r in caplog.records if "used as an estimate" in r.getMessage()]) == 1


# -- the thread


def test_the_thread_ends_at_once_and_closes_its_source(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    store = HourStore()
    refresher = Refresher(source, origin="x", bases=(LIFE_CYCLE,), store=store, cache=HourCache(None), owned=True)
    assert refresher.bring(["GB"]).wait(WAIT_S)
    thread = refresher._thread
    assert thread is not None
    assert thread.daemon
    assert len(store) == PRESENT_HOURS
    refresher.stop()
    refresher.join(WAIT_S)
    assert not thread.is_alive()
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
        assert refresher.bring(["GB"]).wait(WAIT_S)
    assert "abc" not in caplog.text
    assert server.total == 1
    refresher.stop()
    refresher.join(WAIT_S)


def test_where_no_thread_can_be_started_nothing_is_raised(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading  # noqa: PLC0415

    def start(_self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    refresher = Refresher(
        LoopbackSource(server.port), origin="x", bases=(LIFE_CYCLE,), store=HourStore(), cache=HourCache(None)
    )
    monkeypatch.setattr(threading.Thread, "start", start)
    refresher.want("GB", PRESENT)
    assert refresher._thread is None
    monkeypatch.undo()
    with refresher._starting:
        refresher.want("GB", PRESENT)  # another thread is starting it
    assert refresher._thread is None
