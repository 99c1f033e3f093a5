# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energy-Charts, eCO2mix and Energinet: recorded answers, what is asked, and what is theirs alone."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, NotCovered
from carbonspan.live.sources import _eco2mix as eco2mix, _energinet as energinet, _energy_charts as energy_charts
from carbonspan.live.sources._eco2mix import Eco2Mix
from carbonspan.live.sources._energinet import Energinet
from carbonspan.live.sources._energy_charts import EnergyCharts
from carbonspan.live.sources._hourly import floor, now
from tests.live.sources.faults import FaultServer, answer, by_request
from tests.live.sources.payloads import payload, raw
from tests.live.sources.speakers import HOUR, energy_charts as energy_charts_says

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
    monkeypatch.setattr(energy_charts, "SPACING_S", 0.0)
    with FaultServer(answer(raw("energycharts_error_400.txt"), status=400, content_type="text/plain")) as server:
        with pytest.raises(NotCovered):
            EnergyCharts(url=server.url).history("XK", now() - HOUR, now(), Basis.DIRECT)
        server.usual = answer(b"bad date", status=400)
        with pytest.raises(BadAnswer):
            EnergyCharts(url=server.url).history("XK", now() - HOUR, now(), Basis.DIRECT)


def test_a_bidding_zone_by_option_and_the_basis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy_charts, "SPACING_S", 0.0)
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


def test_recorded_answers_of_eco2mix() -> None:
    records = eco2mix.parse(payload("eco2mix_records_200.json"))
    assert [(part.start, part.intensity_g_per_kwh, part.quality) for part in records] == [
        (datetime(2024, 7, 3, tzinfo=UTC), 13, Quality.MEASURED)  # the others have a quarter each
    ]
    assert eco2mix.parse(payload("eco2mix_export_200.json")) == []  # one quarter is no hour


def test_numbers_as_text_and_a_clock_change() -> None:
    """On 25 October 2026 the hour from two to three comes twice in Paris; with its offset it is two hours."""
    rows: list[dict[str, Any]] = []
    for offset in ("+02:00", "+01:00"):
        rows += [{"date_heure": f"2026-10-25T02:{minute}:00{offset}", "taux_co2": "20"} for minute in ("00", "30")]
    rows += [{"date_heure": "2026-10-25T02:00:00+01:00", "taux_co2": 40}, {"date_heure": "2026-10-25T03:00:00+01:00"}]
    parts = eco2mix.parse(rows)
    assert [(part.start.hour, part.intensity_g_per_kwh) for part in parts] == [(0, 20), (1, 30)]
    with pytest.raises(BadAnswer):
        eco2mix.parse([{"date_heure": "2026-10-25T02:00:00+01:00", "taux_co2": "nan"}])
    with pytest.raises(BadAnswer):
        eco2mix.parse({"error_code": "x"})


def test_what_eco2mix_is_asked() -> None:
    with FaultServer(answer([])) as server:
        source = Eco2Mix(url=server.url)
        present = floor(now())
        assert source.history("FR", present - timedelta(days=90), present, Basis.LIFE_CYCLE) == []
        (request,) = server.requests
        assert request.path.endswith("/eco2mix-national-tr/exports/json")
        assert "taux_co2 is not null" in request.query["where"]
        assert (present - timedelta(days=31)).strftime("date'%Y-%m-%dT%H:%M:%SZ'") in request.query["where"]
        server.requests.clear()
        assert source.history("FR", present - timedelta(days=90), present - timedelta(days=60), Basis.DIRECT) == ()
        assert server.requests == []


def test_five_minutes_of_denmark() -> None:
    def row(minute: int, value: Any, **other: Any) -> dict[str, Any]:
        return {"Minutes5UTC": f"2026-03-01T12:{minute:02}:00", "PriceArea": "DK1", "CO2Emission": value, **other}

    rows = [row(minute, minute) for minute in range(0, 60, 5)]
    (hour,) = energinet.parse({"records": rows}, "DK-DK1", Quality.MEASURED)
    assert (hour.start, hour.intensity_g_per_kwh) == (datetime(2026, 3, 1, 12, tzinfo=UTC), 27.5)
    assert hour.quality is Quality.MEASURED
    assert energinet.parse({"records": rows[:5]}, "DK-DK1", Quality.MEASURED) == []
    with pytest.raises(BadAnswer, match="another area"):
        energinet.parse({"records": [row(0, 1, PriceArea="DK2")]}, "DK-DK1", Quality.MEASURED)
    with pytest.raises(BadAnswer):
        energinet.parse({"total": 0}, "DK-DK1", Quality.MEASURED)


def test_what_energinet_is_asked() -> None:
    with FaultServer(answer({"records": []})) as server:
        source = Energinet(url=server.url)
        start = datetime(2026, 3, 1, tzinfo=UTC)
        assert source.history("DK-DK2", start, start + HOUR, Basis.DIRECT) == []
        source.forecast("DK-DK2", Basis.DIRECT)
        past, ahead = server.requests
        assert (past.path, ahead.path) == ("/dataset/CO2Emis", "/dataset/CO2EmisProg")
        assert json.loads(past.query["filter"]) == {"PriceArea": ["DK2"]}
        assert (past.query["start"], past.query["end"]) == ("2026-02-28T22:00", "2026-03-01T03:00")
        assert past.query["limit"] == "0"
