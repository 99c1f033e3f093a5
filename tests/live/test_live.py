# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The live grid as an application has it: from settings to span, over faults, processes, forks and exits."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor, estimate
from carbonspan.core._hours import hour_start
from carbonspan.core._options import Settings, warn_again
from carbonspan.core.values import Basis
from carbonspan.grid import Resolver
from carbonspan.live import _live as live
from carbonspan.live._chosen import made, parse
from carbonspan.live._clock import Moment
from carbonspan.live._refresher import PRESENT
from carbonspan.site import parse_region
from tests.live import eia930
from tests.live.electricity_maps import ElectricityMapsServer
from tests.live.loopback import WAIT_S, Hours, Loopback, LoopbackSource
from tests.live.sources.faults import FaultServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
LLM: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
REGION = "aws:eu-west-2"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        yield running


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for grid, count in tuple(live._open.values()):
        for _ in range(count):
            grid.close()


class App:
    """A provider with the processor under test."""

    def __init__(self, **options: Any) -> None:
        given: dict[str, Any] = {"region": REGION, "grid_cache": False} | options
        self.processor = CarbonSpanProcessor(**given)
        self._exported = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.processor)
        provider.add_span_processor(SimpleSpanProcessor(self._exported))
        self._tracer = provider.get_tracer("opentelemetry.instrumentation.openai_v2")

    def span(self, at_s: float | None = None, **more: Any) -> tuple[float, str, str]:
        """End an LLM span; return g/kWh, quality and source."""
        now_ns = time.time_ns() if at_s is None else int(at_s * 1e9)
        span = self._tracer.start_span("chat gpt-4o", attributes=LLM | more, start_time=now_ns)
        span.end(now_ns)
        exported: ReadableSpan = self._exported.get_finished_spans()[-1]
        self._exported.clear()
        got: dict[str, Any] = dict(exported.attributes or {})
        return tuple(got[f"carbon.intensity.{name}"] for name in ("g_per_kwh", "quality", "source"))

    def until(
        self, wanted: Callable[[tuple[float, str, str]], bool], at_s: float | None = None
    ) -> tuple[float, str, str]:
        end_s = time.monotonic() + WAIT_S
        while not wanted(found := self.span(at_s)):
            assert time.monotonic() < end_s, found
            time.sleep(0.02)  # as far apart as spans may be
        return found


def this_hour() -> int:
    return int(time.time() // 3600)


# -- settings


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
    [
        ("bundled", ("bundled",)),
        ("uk, Electricity_Maps ,bundled", ("uk_carbon_intensity", "electricity_maps", "bundled")),
        ("uk,", ("uk_carbon_intensity", "bundled")),
        (["uk"], ("uk_carbon_intensity", "bundled")),
        (Path("my.csv"), (Path("my.csv"), "bundled")),
        (print, (print, "bundled")),
        ([], ("bundled",)),
    ],
)
def test_sources_in_order(given: Any, expected: tuple[Any, ...]) -> None:
    assert parse(given) == expected
    assert Settings.resolve({"grid": given}, {}).grid == expected


@pytest.mark.parametrize("wrong", ["ukk", 5, [5], {"uk": 1}, "bundled,uk", b"uk"])
def test_what_is_no_source(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"option 'grid' is .*allowed"):
        Settings.resolve({"grid": wrong}, {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, True), ("false", False), ("/x/y.sqlite3", "/x/y.sqlite3"), (Path("/x"), "/x")],
)
def test_where_the_cache_is(given: Any, expected: bool | str) -> None:  # noqa: FBT001 - a setting's value
    assert Settings.resolve({"grid_cache": given}, {}).grid_cache == expected


def test_a_key_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    options = {"uk": {"url": "http://secret-abc"}, "watttime": {"password": "secret-abc"}}
    settings = Settings.resolve({"grid_options": options}, {})
    assert settings.grid_options["uk_carbon_intensity"] == {"url": "http://secret-abc"}
    assert "secret-abc" not in repr(settings)
    wrong: dict[str, Any] = {"grid_options": {"no_source": {"token": "secret-abc"}}}
    with pytest.raises(ValueError, match="names: electricity_maps") as raised:
        Settings.resolve(wrong, {})
    assert "secret-abc" not in str(raised.value)
    assert raised.value.__cause__ is None
    warn_again()
    with caplog.at_level(logging.WARNING, "carbonspan"):
        Settings.resolve({}, {"CARBONSPAN_GRID_OPTIONS": '{"electricity_maps": {"token": "secret-abc"'})
    assert "CARBONSPAN_GRID_OPTIONS" in caplog.text
    assert "secret-abc" not in caplog.text


def test_doctor_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from carbonspan.cli._doctor import examine  # noqa: PLC0415 - the extra `cli`

    monkeypatch.setenv("CARBONSPAN_GRID", "uk")
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", '{"electricity_maps": {"token": "secret-abc"}}')
    report = json.dumps(examine())
    assert "secret-abc" not in report
    assert "uk_carbon_intensity" in report


def test_a_wrong_option_of_a_source(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="unknown option 'colour'"):
        App(grid="uk", grid_options={"uk": {"colour": "red"}})
    # from the environment: said, and the others are used
    warn_again()
    monkeypatch.setenv("CARBONSPAN_GRID", "electricity_maps,uk")
    monkeypatch.delenv("ELECTRICITYMAPS_API_TOKEN", raising=False)
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", '{"uk": {"url": "http://127.0.0.1:9"}}')
    with caplog.at_level(logging.WARNING, "carbonspan"):
        app = App()
    assert app.processor._step.road.live is not None
    assert app.processor._step.road.live.names in {
        ("uk_carbon_intensity",),
        ("electricity_maps", "uk_carbon_intensity"),
    }


def test_each_source_once() -> None:
    sources = [LoopbackSource(1), LoopbackSource(2)]
    with pytest.raises(ValueError, match="loopback more than once"):
        made(sources, {}, {})
    said: list[str] = []
    assert [chosen.source for chosen in made(sources, {}, {}, said.append)] == sources[:1]
    assert "more than once" in said[0]


def test_accounts_are_told_apart_and_no_key_is_in_the_file() -> None:
    def origin(token: str, environ: dict[str, str] | None = None) -> str:
        options = {"electricity_maps": {"token": token}} if token else {}
        return made(["electricity_maps"], options, environ or {})[0].origin

    assert origin("one") == origin("one") != origin("two")
    assert origin("", {"ELECTRICITYMAPS_API_TOKEN": "one"}) != origin("", {"ELECTRICITYMAPS_API_TOKEN": "two"})
    assert origin("one").startswith("electricity_maps#")
    assert len(origin("one")) == len("electricity_maps#") + 4


def test_sources_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("zone,hour,value\nGB,2026-01-05T00:00:00Z,42\n")

    def function(_zone: str, _start: Any, _end: Any, _basis: Any) -> list[Any]:
        return []

    chosen = made([path, function], {}, {})
    assert [c.source.name for c in chosen] == ["file", "function"]
    assert not any(c.shared for c in chosen)
    assert all(c.owned for c in chosen)
    app = App(grid=path, grid_cache=str(tmp_path / "grid.sqlite3"))
    at_s = 1767571200 + 60  # 2026-01-05T00:01Z
    assert app.until(lambda found: found[2] == "file", at_s)[0] == 42


# -- from a span to the next


def test_a_span_wants_and_the_next_one_gets(server: Loopback) -> None:
    app = App(grid=[LoopbackSource(server.port)])
    assert app.span()[2] == "electricity_maps_yearly"
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
        "EU: no source serves this zone",
        "FR: no source serves this zone",
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
    with pytest.raises(ZeroDivisionError):
        exporter.shutdown()
    assert exporter._step.road.live is not None
    assert not live._open


def test_one_grid_for_equal_settings_closed_by_the_last(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    one, two = App(grid=[source]), App(grid=[source])
    other = App(grid=[source], basis="direct")
    grid = one.processor._step.road.live
    assert grid is not None
    assert grid is two.processor._step.road.live is not other.processor._step.road.live
    two.processor.prefetch_grid("GB", timeout_s=WAIT_S)
    one.processor.shutdown()
    one.processor.shutdown()
    assert two.span()[2] == "loopback"
    assert not grid._refreshers[0]._stopped
    two.processor.shutdown()
    (refresher,) = grid._refreshers
    assert refresher._stopped
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


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_after_every_fault_the_next_rung_and_recovery(server: Loopback, status: int) -> None:
    # a file keeps the waits of the real clock out of the way: the fault is another process's
    app = App(grid=[LoopbackSource(server.port)])
    server.status = status
    report = app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert not report.ok
    assert app.span()[1:] == ("annual", "electricity_maps_yearly")
    assert app.processor.counts() == {"enriched": 1}
    server.status = 200
    grid = app.processor._step.road.live
    assert grid is not None
    grid._alone._attempts.clear()  # the wait is over
    grid._shared._attempts.clear()
    assert app.processor.refresh_grid(timeout_s=WAIT_S).ok
    assert app.span()[1:] == ("measured", "loopback")


def test_the_last_known_hour_then_the_tables(server: Loopback) -> None:
    now = this_hour()
    server.hours = lambda *_: {now - 3: (77.0, "measured")}
    app = App(grid=[LoopbackSource(server.port)])
    app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert app.span() == (77.0, "stale", "loopback")
    assert app.span(at_s=(now + 5) * 3600) == (176.0, "annual", "electricity_maps_yearly")


def test_the_best_rung_wins_and_on_one_rung_the_source_named_first(server: Loopback) -> None:
    now = this_hour()

    def hours(zone: str, first: int, last: int) -> Hours:
        return dict.fromkeys(range(first, last + 1), (50.0, "measured")) if zone else {}

    with Loopback() as second:
        first_source, second_source = LoopbackSource(server.port, "first"), LoopbackSource(second.port, "second")
        app = App(grid=[first_source, second_source, "bundled"])
        server.hours = lambda *_: {now: (10.0, "estimated"), now - 1: (11.0, "measured")}
        second.hours = hours
        app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
        assert app.span() == (50.0, "measured", "second")
        assert app.span(at_s=(now - 1) * 3600 + 5) == (11.0, "measured", "first")
        assert app.span(at_s=(now - 2) * 3600 + 5) == (50.0, "measured", "second")


def test_an_hour_in_another_basis_before_a_stale_one(server: Loopback) -> None:
    now = this_hour()
    with Loopback() as second:
        app = App(grid=[LoopbackSource(server.port, "world"), LoopbackSource(second.port, "uk", basis=Basis.DIRECT)])
        server.hours = lambda *_: {now - 2: (90.0, "measured")}
        second.hours = lambda *_: {now: (40.0, "estimated")}
        app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
        assert app.span() == (40.0, "estimated", "uk")
        strict = App(
            grid=[LoopbackSource(server.port, "world"), LoopbackSource(second.port, "uk", basis=Basis.DIRECT)],
            basis_strict=True,
        )
        strict.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
        assert strict.span() == (90.0, "stale", "world")


def test_the_uk_in_the_one_basis_it_has(tmp_path: Path) -> None:
    """Direct hours, where life-cycle was wished for; refused by `basis_strict`."""
    now = this_hour()
    halves = [hour_start(now - 24) + timedelta(minutes=30 * number) for number in range(50)]
    data = [
        {
            "from": half.strftime("%Y-%m-%dT%H:%MZ"),
            "to": (half + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%MZ"),
            "intensity": {"forecast": 43, "actual": 54, "index": "low"},
        }
        for half in halves
    ]
    path = tmp_path / "grid.sqlite3"
    with FaultServer(answer({"data": data})) as uk:
        options = {"uk": {"url": uk.url}}
        app = App(grid="uk", grid_options=options, grid_cache=path)
        report = app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
        assert report.ok, list(report.problems())
        assert report.series[0].hours == 24
        assert app.span() == (54.0, "measured", "uk_carbon_intensity")
        requests = len(uk.requests)
        app.processor.shutdown()
        again = App(grid="uk", grid_options=options, grid_cache=path)
        assert again.processor.prefetch_grid(REGION, timeout_s=WAIT_S).ok
        assert again.span() == (54.0, "measured", "uk_carbon_intensity")
        assert len(uk.requests) == requests  # from the file
        strict = App(grid="uk", grid_options=options, basis_strict=True)
        (problem,) = strict.processor.prefetch_grid(REGION, timeout_s=WAIT_S).problems()
        assert "basis_strict" in problem
        assert strict.span()[2] == "electricity_maps_yearly"


def test_marginal_hours_are_fetched_for_who_asks_for_them_alone(server: Loopback) -> None:
    app = App(grid=[LoopbackSource(server.port, basis=Basis.MARGINAL)])
    assert app.processor.prefetch_grid(REGION, timeout_s=WAIT_S).unserved == ("GB",)
    marginal = App(grid=[LoopbackSource(server.port, basis=Basis.MARGINAL)], basis="marginal")
    assert marginal.processor.prefetch_grid(REGION, timeout_s=WAIT_S).ok
    assert marginal.span()[1:] == ("measured", "loopback")


def test_a_partial_report_on_the_span(server: Loopback) -> None:
    now = this_hour()
    server.hours = lambda _zone, first, last: {
        h: (45.0 if h == now - 3 else 360.0, "measured") for h in range(first, last + 1)
    }
    app = App(grid=[LoopbackSource(server.port)])
    app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert app.span(at_s=(now - 3) * 3600) == (45.0, "estimated", "loopback")
    grid = app.processor._step.road.live
    assert grid is not None
    intensity = app.processor._step.road._resolver.at(
        app.processor._step.road._locator.locate({}, provider="openai", model="gpt-4o", resource_attributes={}),
        (now - 3) * 3600 * 10**9,
        (now - 3) * 3600 * 10**9,
    )
    assert intensity is not None
    assert intensity.intensity_g_per_kwh.high == 360.0
    assert grid.refreshes() == {("loopback", "ok"): 1, ("loopback", "implausible"): 1}
    (used,) = grid.in_use()
    assert (used.zone, used.intensity.source, used.intensity.quality.value) == ("GB", "loopback", "measured")
    assert used.age_s is not None


# -- real hours


@pytest.mark.parametrize("authority", ["PJM", "CISO"])
def test_a_year_of_real_hours_is_joined_hour_by_hour(authority: str, tmp_path: Path) -> None:
    """Old spans over a year: what is wanted and not known comes for the next time, defects included.

    The hours are those of 2022, moved by whole weeks into what Electricity Maps serves.
    """
    original = eia930.series(authority)
    weeks = (this_hour() - 48 - max(original)) // 168
    series = {hour + 168 * weeks: number for hour, number in original.items()}
    partial = {hour + 168 * weeks for hour in eia930.PARTIAL_REPORTS} if authority == "PJM" else set()
    zone, token = eia930.ZONES[authority], "a-key"
    options = {"electricity_maps": {"token": token}}
    with ElectricityMapsServer(zone, series, token) as server:
        options["electricity_maps"]["url"] = server.url
        grid = live.LiveGrid(made(["electricity_maps"], options, {}), cache_path=tmp_path / "grid.sqlite3")
        resolver = Resolver(grid.store, sources=grid.names, want=grid.want, stale_hours=0)
        place = parse_region(f"zone:{zone}")
        year = range(min(series), max(series) + 1)

        def joined(hour: int) -> tuple[float, str, str]:
            found = resolver.at(place, hour * 3600 * 10**9, hour * 3600 * 10**9)
            assert found is not None
            return found.intensity_g_per_kwh.central, found.source, found.quality.value

        for hour in year:
            joined(hour)
        (refresher,) = grid._refreshers
        end_s = time.monotonic() + 4 * WAIT_S
        while len(grid.store) < len(series):
            assert time.monotonic() < end_s
            for entry in tuple(refresher._zones.values()):
                entry.past_due = Moment(0.0, 0.0)  # no hurry, but for a test
            refresher.want(zone, PRESENT)
            time.sleep(0.01)
        found = {hour: joined(hour) for hour in year}
        is_live = {hour: row for hour, row in found.items() if row[1] == "electricity_maps"}
        assert {hour: number for hour, (number, _, _) in is_live.items()} == series
        assert {hour for hour, (_, _, quality) in is_live.items() if quality == "estimated"} == partial
        assert {quality for hour, (_, _, quality) in is_live.items() if hour not in partial} == {"measured"}
        # 365 days, up to ten at a time; the present; the zones of the key
        assert len(server.requests) <= 37 + 2 + 2
        grid.shut()
        # another process has it all from the file
        asked = len(server.requests)
        later = live.LiveGrid(made(["electricity_maps"], options, {}), cache_path=tmp_path / "grid.sqlite3")
        key = refresher.series()[0]
        assert len(later._shared.hours(key, year[0], year[-1])) == len(series)
        assert len(server.requests) == asked


# -- processes

WORKER = """
import sys, time
from tests.live.test_live import App, LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))], grid_cache=sys.argv[2])
sys.stdin.readline()
app.until(lambda found: found[2] == "loopback")
print("joined", flush=True)
"""


def worker(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this interpreter
        # From 3.12 on, a fork beside a thread is warned of: that is what is tested.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_eight_workers_ask_once(server: Loopback, tmp_path: Path) -> None:
    workers = [worker(WORKER, server.port, tmp_path / "grid.sqlite3") for _ in range(8)]
    for process in workers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=2 * WAIT_S) for process in workers] == 8 * [("joined\n", "")]
    assert server.asked == {"GB": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on_by_itself(server: Loopback, tmp_path: Path) -> None:
    code = """
import os, sys
from tests.live.test_live import App, LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))], grid_cache=sys.argv[2])
app.until(lambda found: found[2] == "loopback")
thread = app.processor._step.road.live._refreshers[0]._thread
child = os.fork()
if child == 0:
    live = app.processor._step.road.live
    assert live._refreshers[0]._thread is None
    assert app.span()[2] == "loopback"        # what the parent knew
    app.processor._step.road.live.want("FR", int(__import__("time").time() // 3600))
    assert app.processor.prefetch_grid(["zone:DE"], timeout_s=60).ok
    assert app.processor.refresh_grid(timeout_s=60).ok
    app.processor.shutdown()
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert thread.is_alive()
assert app.processor.prefetch_grid(["zone:DE", "GB"], timeout_s=60).ok
print("child", status, flush=True)
"""
    process = worker(code, server.port, tmp_path / "grid.sqlite3")
    assert process.communicate(timeout=2 * WAIT_S) == ("child 0\n", "")
    # each zone once: parent and child share the file
    assert server.asked == {"GB": 1, "DE": 1, "FR": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_first_span_of_a_forked_child_is_noted(server: Loopback) -> None:
    """Also where its hour and place were looked up before the fork: the child has no thread yet."""
    server.hours = lambda _zone, first, last: dict.fromkeys(range(first, last + 1), (50.0, "estimated"))
    code = """
import os, sys, time
from tests.live.test_live import App, LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))])
app.until(lambda found: found[2] == "loopback")
at_s = time.time()
app.span(at_s)
child = os.fork()
if child == 0:
    (refresher,) = app.processor._step.road.live._refreshers
    assert refresher._thread is None
    app.span(at_s)
    os._exit(0 if refresher._thread is not None else 1)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    assert worker(code, server.port).communicate(timeout=2 * WAIT_S) == ("child 0\n", "")


def test_the_interpreter_exits_while_a_source_hangs(server: Loopback, tmp_path: Path) -> None:
    code = """
import sys
from tests.live.test_live import App, LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]), timeout_s=600)], grid_cache=sys.argv[2])
app.span()
sys.stdin.readline()
print("end", flush=True)
"""
    server.gate.clear()
    process = worker(code, server.port, tmp_path / "grid.sqlite3")
    assert server.arrived.wait(WAIT_S)
    out, err = process.communicate("go\n", timeout=WAIT_S)
    assert (out, err, process.returncode) == ("end\n", "", 0)
    # the lease of the process that is gone holds nobody up
    server.gate.set()
    app = App(grid=[LoopbackSource(server.port)], grid_cache=str(tmp_path / "grid.sqlite3"))
    assert app.processor.prefetch_grid(REGION, timeout_s=WAIT_S).ok


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
    source = LoopbackSource(server.port)
    grid = live.LiveGrid(made([source], {}, {}))
    now = this_hour()

    class Reentrant(dict[Any, None]):
        def __contains__(self, key: object) -> bool:
            if not super().__contains__(("DE", -1)):
                super().__setitem__(("DE", -1), None)
                grid.want("FR", now)
            return super().__contains__(key)

    grid._noted = (float("inf"), Reentrant())
    grid.want("GB", now)
    refresher = grid._refreshers[0]
    assert refresher.bring(["GB"]).wait(WAIT_S)
    assert set(server.asked) == {"GB", "FR"}
    grid.shut()


def test_wants_are_passed_on_once_a_minute(server: Loopback) -> None:
    source = LoopbackSource(server.port)
    grid = live.LiveGrid(made([source], {}, {}))
    seen: list[tuple[str, int]] = []
    grid._refreshers[0].want = lambda zone, day: seen.append((zone, day))  # type: ignore[method-assign]
    now = this_hour()
    for _ in range(3):
        for hour in (now, now + 5, now - 3, now - 100, now - 100):
            grid.want("GB", hour)
    assert seen == [("GB", -1), ("GB", (now - 100) // 24)]
    grid._noted = (0.0, grid._noted[1])
    grid.want("GB", now)
    assert len(seen) == 3


def test_no_network_library_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, carbonspan; carbonspan.CarbonSpanProcessor();"
        "print([m for m in ('requests', 'sqlite3', 'platformdirs', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


def test_what_a_forked_child_begins_with(server: Loopback) -> None:
    """What the interpreter calls in the child, called here."""
    app = App(grid=[LoopbackSource(server.port)])
    app.until(lambda found: found[2] == "loopback")
    grid = app.processor._step.road.live
    assert grid is not None
    (refresher,) = grid._refreshers
    thread = refresher._thread
    assert thread is not None
    with live._opening:
        live._renew()
        assert not live._opening.locked()
    assert (refresher._thread, refresher.series(), grid._noted[1]) == (None, (), {})
    assert app.processor.prefetch_grid(["zone:DE"], timeout_s=WAIT_S).ok
    assert refresher._thread is not thread


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
