# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The live grid as an application has it: from settings to span, and back to whoever waits."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan import CarbonSpanExporter, estimate
from carbonspan.core._options import Settings
from carbonspan.live._clock import Clock
from carbonspan.live._live import LiveGrid, open_grids
from carbonspan.live._selection import make_sources
from carbonspan.site import parse_region
from tests.live.app import REGION, App, this_hour
from tests.live.loopback import NOON, WAIT_S, FakeClock, Loopback, LoopbackSource

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

pytestmark = pytest.mark.usefixtures("closed")


def test_without_live_sources_there_is_no_thread_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = threading.active_count()
    app = App(grid_cache=True)
    assert app.span()[1:] == ("annual", "electricity_maps_yearly")
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    assert app.processor.refresh_grid() == app.processor.prefetch_grid(["GB"])
    assert app.processor.refresh_grid().ok


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, True), ("false", False), ("/x/y.sqlite3", "/x/y.sqlite3"), (Path("/x"), "/x")],
)
def test_where_the_cache_is(given: Any, expected: bool | str) -> None:  # noqa: FBT001 - a setting's value
    assert Settings.resolve({"grid_cache": given}, {}).grid_cache == expected


def test_a_span_wants_and_the_next_one_gets(server: Loopback) -> None:
    server.gate.clear()  # else the answer may be there before the first span looks
    app = App(grid=[LoopbackSource(server.port)])
    assert app.span()[2] == "electricity_maps_yearly"
    server.gate.set()
    found = app.until(lambda found: found[2] == "loopback")
    assert found[1] == "measured"
    assert server.asked == {"GB": 1}


def test_a_span_does_not_wait_for_a_source_that_hangs(server: Loopback) -> None:
    server.gate.clear()
    app = App(grid=[LoopbackSource(server.port), LoopbackSource(server.port, "other")])
    for _ in range(50):
        assert app.span()[2] == "electricity_maps_yearly"
    server.arrived.wait(WAIT_S)
    app.span()
    server.gate.set()
    app.until(lambda found: found[2] == "loopback")


def test_a_source_that_hangs_holds_up_no_other() -> None:
    with Loopback() as hanging, Loopback() as healthy:
        hanging.gate.clear()
        app = App(grid=[LoopbackSource(hanging.port, "hangs"), LoopbackSource(healthy.port, "works")])
        assert app.until(lambda found: found[2] == "works")[1] == "measured"


def test_prefetch_before_the_first_span(server: Loopback) -> None:
    app = App(grid=[LoopbackSource(server.port, zones=["GB", "DE"])])
    report = app.processor.prefetch_grid(["aws:eu-west-2", "zone:DE"], timeout_s=WAIT_S)
    assert report.ok
    assert {(row.zone, row.outcome, row.hours) for row in report.series} == {("GB", "ok", 24), ("DE", "ok", 24)}
    assert app.span()[2] == "loopback"
    assert server.asked == {"GB": 1, "DE": 1}
    again = app.processor.refresh_grid(timeout_s=WAIT_S)
    assert again.ok
    assert server.total == 2  # not due
    assert list(again.problems()) == []


def test_what_prefetch_cannot_reach_is_said(server: Loopback) -> None:
    server.status = 401
    app = App(grid=[LoopbackSource(server.port, zones=["GB"])])
    report = app.processor.prefetch_grid(["GB", "zone:FR", "EU"], timeout_s=WAIT_S)
    assert not report.ok
    assert list(report.problems()) == [
        "loopback GB: unauthorised: check the key",
        "EU: no source serves this zone with this `basis`: add one that does",
        "FR: no source serves this zone with this `basis`: add one that does",
    ]
    with pytest.raises(ValueError, match="unknown region"):
        app.processor.prefetch_grid("nowhere")


def test_prefetch_is_bounded_by_its_timeout(server: Loopback) -> None:
    server.gate.clear()
    app = App(grid=[LoopbackSource(server.port)])
    assert not app.processor.prefetch_grid("GB", timeout_s=0.05).complete


def test_after_shutdown_nobody_waits(server: Loopback) -> None:
    app = App(grid=[LoopbackSource(server.port)])
    app.span()
    app.until(lambda found: found[2] == "loopback")
    app.processor.shutdown()
    report = app.processor.prefetch_grid("zone:DE", timeout_s=10 * WAIT_S)
    assert (report.complete, report.unserved) == (True, ("DE",))
    assert app.processor.refresh_grid(timeout_s=10 * WAIT_S).complete


def test_who_waits_is_told_when_it_ends(server: Loopback) -> None:
    server.gate.clear()
    app = App(grid=[LoopbackSource(server.port)])
    reports: list[Any] = []
    waiting = threading.Thread(target=lambda: reports.append(app.processor.prefetch_grid("GB", timeout_s=10 * WAIT_S)))
    waiting.start()
    assert server.arrived.wait(WAIT_S)
    app.processor.shutdown()
    server.gate.set()
    waiting.join(WAIT_S)
    assert len(reports) == 1


def test_the_exporter_does_the_same(server: Loopback) -> None:
    class Closes(InMemorySpanExporter):
        def shutdown(self) -> None:
            raise ZeroDivisionError

    inner: SpanExporter = Closes()
    exporter = CarbonSpanExporter(inner, grid=[LoopbackSource(server.port)], grid_cache=False)
    assert exporter.prefetch_grid([REGION], timeout_s=WAIT_S).ok
    assert exporter.refresh_grid(timeout_s=WAIT_S).ok
    assert len(open_grids()) == 1
    with pytest.raises(ZeroDivisionError):
        exporter.shutdown()
    assert open_grids() == ()


def test_one_grid_for_equal_settings_closed_by_the_last(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    one, two = App(grid=[source]), App(grid=[source])
    App(grid=[source], basis="direct")
    shared, _ = open_grids()
    (refresher,) = shared.refreshers
    two.processor.prefetch_grid("GB", timeout_s=WAIT_S)
    one.processor.shutdown()
    one.processor.shutdown()
    assert two.span()[2] == "loopback"
    assert refresher.is_running()
    two.processor.shutdown()
    refresher.join(WAIT_S)
    assert not refresher.is_running()
    assert shared not in open_grids()
    assert two.span()[2] == "loopback"  # what was fetched is still there
    assert source.closed == 0  # it is the application's


def test_estimate_takes_live_hours_that_a_processor_fetches(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    options: dict[str, Any] = {"grid": [source], "grid_cache": False, "region": REGION}

    def intensity_source() -> str:
        return estimate(model="gpt-4o", input_tokens=1, output_tokens=1, **options).intensity.source

    assert intensity_source() == "electricity_maps_yearly"
    assert server.total == 0
    app = App(**options)
    app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert intensity_source() == "loopback"
    app.processor.shutdown()
    assert intensity_source() == "electricity_maps_yearly"


def test_shutdown_does_not_wait_for_a_source_that_hangs(server: Loopback) -> None:
    server.gate.clear()
    app = App(grid=[LoopbackSource(server.port, f"s{n}") for n in range(4)])
    app.span()
    server.arrived.wait(WAIT_S)
    done = threading.Event()

    def shut() -> None:
        app.processor.shutdown()
        done.set()

    threading.Thread(target=shut).start()
    assert done.wait(WAIT_S / 2)  # half a second; with the server's answer it would be a minute
    server.gate.set()


def test_a_span_in_a_signal_handler_does_not_deadlock(server: Loopback) -> None:
    """`want` may be interrupted anywhere, and called again by what interrupts it."""
    now = this_hour()
    interruptions = ["FR"]

    def wall_s() -> float:
        if threading.current_thread() is threading.main_thread() and interruptions:
            grid.want(interruptions.pop(), now)
        return time.time()

    sources = make_sources([LoopbackSource(server.port)], {}, {})
    grid = LiveGrid(sources, place_of=parse_region, clock=Clock(wall_s=wall_s))
    grid.want("GB", now)
    (refresher,) = grid.refreshers
    assert refresher.refresh(["GB"]).wait(WAIT_S)
    assert set(server.asked) == {"GB", "FR"}
    grid.shut()


def test_wants_are_passed_on_once_a_minute(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(NOON)
    sources = make_sources([LoopbackSource(server.port)], {}, {})
    grid = LiveGrid(sources, place_of=parse_region, clock=clock.clock, threaded=False)
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(grid.refreshers[0], "want", lambda zone, day: seen.append((zone, day)))
    now = clock.hour
    for _ in range(3):
        for hour in (now, now + 5, now - 3, now - 100, now - 100):
            grid.want("GB", hour)
    assert seen == [("GB", -1), ("GB", (now - 100) // 24)]
    clock.pass_by(61)
    grid.want("GB", now)
    assert len(seen) == 3


def test_the_usual_cache_is_one_file_of_the_user(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    app = App(grid=[LoopbackSource(server.port)], grid_cache=True)
    assert app.processor.prefetch_grid(REGION, timeout_s=WAIT_S).ok
    if sys.platform.startswith("linux"):
        assert (tmp_path / "carbonspan" / "grid.sqlite3").exists()


def test_a_cache_that_cannot_be_used_is_in_the_report(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = App(grid=[LoopbackSource(server.port)], grid_cache=tmp_path / "file" / "grid.sqlite3")
    report = app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert report.ok  # the hours came all the same
    assert next(report.problems()).startswith("cache: ")
    assert app.span()[2] == "loopback"
