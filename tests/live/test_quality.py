# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which value a span gets: the best rung, the preferred source, the basis, and the tables at last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_start
from carbonspan.core.values import Basis
from carbonspan.grid._resolver import Resolver
from carbonspan.live import _backoff as backoff
from carbonspan.live._live import open_grids
from carbonspan.site import parse_region
from tests.live.app import REGION, App, this_hour
from tests.live.loopback import WAIT_S, Hours, Loopback, LoopbackSource
from tests.live.sources.faults import FaultServer, answer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("closed")


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_after_every_fault_the_next_rung_and_recovery(
    server: Loopback, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for waits in ("REFUSED_S", "LIMITED_S", "FAILED_S"):
        monkeypatch.setattr(backoff, waits, (1.5,))  # not the half minute and more of the real ones
    app = App(grid=[LoopbackSource(server.port)])
    server.status = status
    report = app.processor.prefetch_grid(REGION, timeout_s=WAIT_S)
    assert not report.ok
    assert app.span()[1:] == ("annual", "electricity_maps_yearly")
    assert app.processor.counts() == {"enriched": 1}
    server.status = 200
    assert app.until(lambda found: found[2] == "loopback")[1] == "measured"
    assert app.processor.refresh_grid(timeout_s=WAIT_S).ok


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


def test_marginal_hours_are_fetched_only_where_asked_for(server: Loopback) -> None:
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
    (grid,) = open_grids()
    at_ns = (now - 3) * 3600 * 10**9
    intensity = Resolver(grid.store, sources=grid.names).at(parse_region(REGION), at_ns, at_ns)
    assert intensity is not None
    assert intensity.intensity_g_per_kwh.high == 360.0
    assert grid.refreshes() == {("loopback", "ok"): 1, ("loopback", "implausible"): 1}
    (used,) = grid.in_use()
    assert (used.zone, used.intensity.source, used.intensity.quality.value) == ("GB", "loopback", "measured")
    assert used.age_s is not None
