# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked for, and what becomes of the answer: step by step, against a real server, under a clock of ours."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core._hours import hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import Capabilities, HourValue
from carbonspan.grid.source import RateLimited, Unavailable
from tests.live.loopback import FakeClock, Hours, Loopback, LoopbackSource
from tests.live.rig import DIRECT, HOUR_S, Answers, Rig, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def measured_until(last: int, quality: str = "estimated") -> Any:
    def hours(_zone: str, first: int, end: int) -> Hours:
        return {hour: (100.0 + hour % 24, "measured" if hour <= last else quality) for hour in range(first, end + 1)}

    return hours


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
    hint = rig.cache.attempt(rig.refresher.series()[0]).hint
    assert hint == "it has only marginal hours: set `basis` to marginal"  # leaving `basis_strict` out would not help


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
