# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energy-Charts: recorded answers, countries and bidding zones, and its pace."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, NotCovered
from carbonspan.live.sources import _energy_charts as energy_charts
from carbonspan.live.sources._energy_charts import EnergyCharts
from carbonspan.live.sources._rows import floor, now
from tests.live.sources.apis import HOUR, energy_charts as energy_charts_says
from tests.live.sources.faults import FaultServer, answer, by_request
from tests.live.sources.payloads import payload, raw

UTC = timezone.utc


def test_a_recorded_day_of_france() -> None:
    parts = energy_charts.parse(payload("energycharts_co2eq_fr_200.json"), "FR")
    assert [part.quality for part in parts[:6]] == [Quality.MEASURED] * 6  # 24 quarters are measured
    assert {part.quality for part in parts[6:]} == {Quality.FORECAST}
    assert parts[0].start == datetime.fromtimestamp(1791064800, UTC)
    assert parts[0].intensity_g_per_kwh == pytest.approx((64.8 + 64.7 + 64.0 + 63.8) / 4)
    assert len(parts) == 25  # 99 quarters have a value, the last hour three of them
    assert parts[-1].quality is Quality.FORECAST


def test_a_documented_answer_with_two_hours_begun() -> None:
    (hour,) = energy_charts.parse(payload("energycharts_co2eq_200.json"), "DE")
    assert hour.intensity_g_per_kwh == pytest.approx((491.5 + 497.4 + 502.6 + 505.0) / 4)
    assert hour.quality is Quality.FORECAST  # its last quarter is


@pytest.mark.parametrize(
    "answered",
    [
        None,
        {"unix_seconds": [], "co2eq": []},
        {"unix_seconds": [1], "co2eq": [], "co2eq_forecast": []},
        {"unix_seconds": None, "co2eq": None, "co2eq_forecast": None},
        {"unix_seconds": ["1791064800"], "co2eq": ["1"], "co2eq_forecast": [None]},
        {"unix_seconds": [1e300, None], "co2eq": [1, 2], "co2eq_forecast": [None, None]},
    ],
)
def test_lists_that_are_not_parallel(answered: Any) -> None:
    with pytest.raises(BadAnswer):
        energy_charts.parse(answered, "DE")


def test_a_country_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EnergyCharts, "spacing_s", 0.0)
    with FaultServer(answer(raw("energycharts_error_400.txt"), status=400, content_type="text/plain")) as server:
        with pytest.raises(NotCovered):
            EnergyCharts(url=server.url).history("XK", now() - HOUR, now(), Basis.DIRECT)
        server.usual = answer(b"bad date", status=400)
        with pytest.raises(BadAnswer):
            EnergyCharts(url=server.url).history("XK", now() - HOUR, now(), Basis.DIRECT)


def test_a_bidding_zone_by_option_and_the_basis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EnergyCharts, "spacing_s", 0.0)
    with FaultServer(by_request(lambda request: energy_charts_says(request, lambda _: 7))) as server:
        assert not EnergyCharts(url=server.url).serves("DK-DK1", Basis.DIRECT)
        source = EnergyCharts(url=server.url, countries="DK-DK1=dk", basis="direct")
        values = source.history("DK-DK1", floor(now()) - 5 * HOUR, floor(now()) - 3 * HOUR, Basis.LIFE_CYCLE)
        assert [(value.zone, value.basis) for value in values] == [("DK-DK1", Basis.DIRECT)] * 2
        assert server.requests[0].query["country"] == "dk"
        assert server.requests[0].query["start"].endswith(":00Z")


def test_calls_are_two_seconds_apart() -> None:
    with FaultServer(by_request(lambda request: energy_charts_says(request, lambda _: 7))) as server:
        began = time.monotonic()
        for _ in range(2):  # two sources of one process share the pace
            EnergyCharts(url=server.url).history("DE", now() - HOUR, now(), Basis.DIRECT)
        assert time.monotonic() - began >= 1.99
