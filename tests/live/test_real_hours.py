# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A year of the real hours of two grids, served as Electricity Maps serves them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_index
from carbonspan.grid._resolver import Resolver
from carbonspan.live import _refresher as refreshers
from carbonspan.live._live import LiveGrid
from carbonspan.live._refresher import PRESENT
from carbonspan.live._selection import make_sources
from carbonspan.live.cache._cache import HourCache
from carbonspan.site import parse_region
from tests.live import eia930
from tests.live.app import this_hour
from tests.live.loopback import WAIT_S
from tests.live.sources.apis import TOKEN, electricity_maps
from tests.live.sources.faults import FaultServer, by_request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("authority", ["PJM", "CISO"])
def test_a_year_of_real_hours_is_joined_hour_by_hour(
    authority: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old spans over a year: what is wanted and not known comes for the next time, defects included.

    The hours are those of 2022, moved by whole weeks into what Electricity Maps serves.
    """
    original = eia930.series(authority)
    monkeypatch.setattr(refreshers, "PAST_GAP_S", 0.0)  # no hurry, but for a test
    weeks = (this_hour() - 48 - max(original)) // 168
    series = {hour + 168 * weeks: number for hour, number in original.items()}
    partial = {hour + 168 * weeks for hour in eia930.PARTIAL_REPORTS} if authority == "PJM" else set()
    zone = eia930.ZONES[authority]
    api = by_request(lambda request: electricity_maps(request, lambda moment: series.get(hour_index(moment)), zone))
    with FaultServer(api) as server:
        options = {"electricity_maps": {"token": TOKEN, "url": server.url}}
        path = tmp_path / "grid.sqlite3"
        sources = make_sources(["electricity_maps"], options, {})
        grid = LiveGrid(sources, place_of=parse_region, cache_path=path)
        resolver = Resolver(grid.store, sources=grid.names, want=grid.want, stale_hours=0)
        place = parse_region(f"zone:{zone}")
        year = range(min(series), max(series) + 1)

        def joined(hour: int) -> tuple[float, str, str]:
            found = resolver.at(place, hour * 3600 * 10**9, hour * 3600 * 10**9)
            assert found is not None
            return found.intensity_g_per_kwh.central, found.source, found.quality.value

        for hour in year:
            joined(hour)
        (refresher,) = grid.refreshers
        end_s = time.monotonic() + 4 * WAIT_S
        while len(grid.store) < len(series):
            assert time.monotonic() < end_s
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
        assert all(request.headers["auth-token"] == TOKEN for request in server.requests)
        key = refresher.series()[0]
        assert len(HourCache(path).hours(key, year[0], year[-1])) == len(series)
        assert len(server.requests) == asked
