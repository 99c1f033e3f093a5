# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Electricity Maps: shapes of its answers, which route is asked for what, and what a key's plan does to that."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core._options import warn_again
from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, GridError, NotCovered, Unauthorised
from carbonspan.live.sources._electricity_maps import ElectricityMaps, parse
from carbonspan.live.sources._rows import floor, now
from tests.live.sources.apis import electricity_maps
from tests.live.sources.faults import FaultServer, Play, Request, answer, by_request
from tests.live.sources.payloads import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UTC = timezone.utc
FETCHED = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(when: datetime, value: Any = 100, **other: Any) -> dict[str, Any]:
    return {
        "zone": "DE",
        "carbonIntensity": value,
        "datetime": when.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "emissionFactorType": "lifecycle",
        "isEstimated": False,
        **other,
    }


def hours_from(request: Request) -> Play:
    return electricity_maps(request, lambda _: 100)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(by_request(hours_from)) as running:
        yield running


def source(server: FaultServer, **options: Any) -> ElectricityMaps:
    return ElectricityMaps(token="secret", url=server.url, timeout_s=(5, 5), **options)  # noqa: S106 - not one


def test_recorded_history() -> None:
    values = parse(payload("em_history_200.json"), "DE", Basis.LIFE_CYCLE, FETCHED)
    assert len(values) == 24
    assert [value.quality for value in values] == [Quality.MEASURED] * 22 + [Quality.ESTIMATED] * 2
    first = values[0]
    assert (first.zone, first.hour, first.intensity_g_per_kwh) == ("DE", datetime(2024, 3, 5, 20, tzinfo=UTC), 599)
    assert (first.basis, first.accounting, first.source) == (Basis.LIFE_CYCLE, "consumption", "electricity_maps")
    assert first.fetched_at == FETCHED


@pytest.mark.parametrize(
    ("name", "zone", "basis", "expected"),
    [
        ("em_past_flat_200.json", "DE", Basis.LIFE_CYCLE, [322]),
        ("em_past_wrapped_200.json", "DE", Basis.LIFE_CYCLE, [322]),
        ("em_past_range_200.json", "NL", Basis.LIFE_CYCLE, [999, 998]),
        ("em_forecast_200.json", "NL", Basis.DIRECT, [999]),
        ("em_latest_200.json", "US-CAR-DUK", Basis.LIFE_CYCLE, [216]),
        ("em_latest_direct_200.json", "US-MIDW-MISO", Basis.LIFE_CYCLE, [506]),  # and says that it is direct
        ("em_history_null_intensity_200.json", "NL", Basis.LIFE_CYCLE, []),
    ],
)
def test_every_shape(name: str, zone: str, basis: Basis, expected: list[float]) -> None:
    values = parse(payload(name), zone, basis, FETCHED)
    assert [value.intensity_g_per_kwh for value in values] == expected
    own = Basis.DIRECT if "direct" in name else basis
    assert all(value.basis is own for value in values)


def test_a_forecast_is_marked() -> None:
    values = parse(payload("em_forecast_200.json"), "NL", Basis.LIFE_CYCLE, FETCHED, forecast=True)
    assert [value.quality for value in values] == [Quality.FORECAST]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (payload("em_error_no_recent_data.json"), NotCovered),  # with HTTP 200
        ({"status": "no-data", "data": None}, NotCovered),
        ({"zone": "DE", "history": [record(FETCHED, zone="FR")]}, BadAnswer),
        ({"zone": "FR", "history": [record(FETCHED)]}, BadAnswer),
        ({"history": [{"carbonIntensity": 1, "datetime": "2026-01-01T00:00:00Z"}]}, BadAnswer),
        ({"zone": "DE", "history": "none"}, BadAnswer),
        ({"zone": "DE", "history": None}, BadAnswer),
        ({"zone": "DE"}, BadAnswer),
        ([], BadAnswer),
        (None, BadAnswer),
    ],
)
def test_what_is_no_answer(answered: Any, expected: type[GridError]) -> None:
    with pytest.raises(expected):
        parse(answered, "DE", Basis.LIFE_CYCLE, FETCHED)


def test_bad_rows_are_skipped_counted_and_the_rest_used(caplog: pytest.LogCaptureFixture) -> None:
    bad = [float("nan"), -1, 10_000, "100", True, [], {}]
    records = [record(FETCHED + n * HOUR, value) for n, value in enumerate([*bad, None, 0, 55.5])]
    records += [
        record(FETCHED, datetime="yesterday"),
        record(FETCHED, datetime=None),
        record(FETCHED, emissionFactorType="other"),
        {},
    ]
    values = parse({"zone": "DE", "history": [*records, "row"]}, "DE", Basis.LIFE_CYCLE, FETCHED)
    assert [value.intensity_g_per_kwh for value in values] == [0, 55.5]
    assert [r.getMessage() for r in caplog.records] == ["electricity_maps: skipped 12 unusable rows of DE"]
    with pytest.raises(BadAnswer):
        parse({"zone": "DE", "history": [record(FETCHED, "100")]}, "DE", Basis.LIFE_CYCLE, FETCHED)


@pytest.mark.parametrize(
    "answered",
    [
        {"zone": "DE", "history": [record(FETCHED), record(FETCHED + HOUR, estimationMethod="SANDBOX_MODE_DATA")]},
        {"zone": "DE", "history": [record(FETCHED)], "_disclaimer": "This data is for testing only: SANDBOX MODE"},
        {"zone": "DE", "data": [record(FETCHED)], "_disclaimer": "Simulated values. DO NOT USE IN PRODUCTION."},
        {"zone": "DE", "forecast": [record(FETCHED, _disclaimer="Sandbox")]},
        {"zone": "DE", "history": [record(FETCHED)], "sandbox": True},
        record(FETCHED, estimationMethod="sandbox-mode"),
    ],
)
def test_values_that_say_they_are_made_up_are_refused_and_logged_once(
    answered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    warn_again()
    for _ in range(2):
        with pytest.raises(BadAnswer, match="made up") as caught:
            parse(answered, "DE", Basis.LIFE_CYCLE, FETCHED)
        assert "use a production key" in caught.value.hint
    (line,) = caplog.records
    assert "electricity_maps" in line.getMessage()
    assert "sandbox" in line.getMessage()


def test_a_disclaimer_of_rights_and_a_mark_that_is_false_say_nothing_of_the_values() -> None:
    answered = {"zone": "DE", "history": [record(FETCHED, sandbox=False)], "_disclaimer": "the exclusive property of"}
    assert len(parse(answered, "DE", Basis.LIFE_CYCLE, FETCHED)) == 1


def test_the_last_of_equals_and_the_better_of_others_wins() -> None:
    records = [record(FETCHED, 1), record(FETCHED, 2), record(FETCHED, 3, isEstimated=True)]
    values = parse({"zone": "DE", "history": records}, "DE", Basis.LIFE_CYCLE, FETCHED)
    assert [(value.intensity_g_per_kwh, value.quality) for value in values] == [(2, Quality.MEASURED)]


def routes(server: FaultServer) -> list[str]:
    return [request.path.rsplit("/", 1)[-1] for request in server.requests]


def test_the_last_day_is_one_call(server: FaultServer) -> None:
    present = floor(now())
    values = source(server).history("DE", present - 5 * HOUR, present + 9 * HOUR, Basis.DIRECT)
    assert [value.hour for value in values] == [present + n * HOUR for n in range(-5, 1)]
    assert all(value.basis is Basis.DIRECT for value in values)
    (request,) = server.requests
    assert request.path == "/v4/carbon-intensity/history"
    assert request.query == {"zone": "DE", "emissionFactorType": "direct", "disableCallerLookup": "true"}
    assert request.headers["auth-token"] == "secret"


def test_version_3(server: FaultServer) -> None:
    present = floor(now())
    assert source(server, version="v3").history("DE", present, present + HOUR, Basis.MARGINAL)
    assert server.requests[0].path == "/v3/carbon-intensity/history"
    assert server.requests[0].query["emissionFactorType"] == "lifecycle"


def test_older_hours_ten_days_a_call(server: FaultServer) -> None:
    present = floor(now())
    start = present - timedelta(days=25)
    values = source(server).history("DE", start, present, Basis.LIFE_CYCLE)
    assert [value.hour for value in values] == [start + n * HOUR for n in range(25 * 24)]
    assert routes(server) == ["past-range"] * 3
    server.requests.clear()
    assert source(server).history("DE", present + 2 * HOUR, present + 9 * HOUR, Basis.LIFE_CYCLE) == ()
    assert server.requests == []


def test_calls_are_bounded(server: FaultServer) -> None:
    present = floor(now())
    values = source(server).history("DE", present - timedelta(days=3000), present, Basis.LIFE_CYCLE)
    assert len(server.requests) == 40
    assert values[-1].hour == present - HOUR


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "Invalid auth-token"}, status=401),
        answer(b"Access denied", status=403),
        answer({"message": "Endpoint not available"}, status=403),
        answer(payload("em_error_404_no_data.json"), status=404),
    ],
)
def test_a_plan_without_past_range_falls_back_to_the_last_day(server: FaultServer, refusal: Play) -> None:
    present = floor(now())
    asked = source(server)
    server.usual = by_request(lambda request: refusal if "past" in request.path else hours_from(request))
    with pytest.raises((NotCovered, Unauthorised)):
        asked.history("DE", present - 48 * HOUR, present - 30 * HOUR, Basis.LIFE_CYCLE)
    assert routes(server) == ["past-range"]  # one refusal shows nothing: it would be asked again
    values = asked.history("DE", present - 48 * HOUR, present, Basis.LIFE_CYCLE)
    assert [value.hour for value in values] == [present + n * HOUR for n in range(-23, 0)]
    assert routes(server) == ["past-range", "past-range", "history"]
    server.requests.clear()
    with pytest.raises(NotCovered, match="before the last 24"):  # learnt: no call
        asked.history("DE", present - 48 * HOUR, present - 30 * HOUR, Basis.LIFE_CYCLE)
    assert len(asked.history("DE", present - 48 * HOUR, present, Basis.LIFE_CYCLE)) == 23
    assert routes(server) == ["history"]


def test_a_wrong_key_stays_a_wrong_key(server: FaultServer) -> None:
    present = floor(now())
    server.usual = answer({"error": "Invalid auth-token"}, status=401)
    with pytest.raises(Unauthorised):
        source(server).history("DE", present - 48 * HOUR, present, Basis.LIFE_CYCLE)


def test_forecast_where_the_plan_has_it(server: FaultServer) -> None:
    asked = source(server)
    values = asked.forecast("DE", Basis.LIFE_CYCLE)
    assert len(values) == 25
    assert {value.quality for value in values} == {Quality.FORECAST}
    assert routes(server) == ["zones", "forecast"]
    asked.forecast("DE", Basis.LIFE_CYCLE)
    assert routes(server) == ["zones", "forecast", "forecast"]  # the plan is asked for once a day
    server.usual = answer({"DE": {"access": ["carbon-intensity/history"]}})
    assert source(server).forecast("DE", Basis.LIFE_CYCLE) == ()


def test_capabilities(server: FaultServer) -> None:
    found = source(server).capabilities()
    assert found.zones == {"DE"}
    assert found.bases == {Basis.LIFE_CYCLE, Basis.DIRECT}
    assert (found.forecast_hours, found.history_hours) == (24, 9600)
    server.usual = answer(payload("em_zones_access_200.json"))
    found = source(server).capabilities()
    assert found.zones == {"NL"}
    assert (found.forecast_hours, found.history_hours) == (24, 24)
    server.usual = answer(payload("em_zones_200.json"))  # without saying what the key may
    found = source(server).capabilities()
    assert (len(found.zones), found.forecast_hours) == (8, 0)
    server.usual = answer([])
    with pytest.raises(BadAnswer):
        source(server).capabilities()


def test_a_zone_outside_the_plan_costs_no_call(server: FaultServer) -> None:
    asked = source(server)
    assert asked.serves("FR", Basis.DIRECT)
    assert not asked.serves("", Basis.DIRECT)
    asked.capabilities()
    server.requests.clear()
    assert not asked.serves("FR", Basis.DIRECT)
    calls: list[Callable[[], Any]] = [
        lambda: asked.history("FR", now() - HOUR, now(), Basis.DIRECT),
        lambda: asked.forecast("FR", Basis.DIRECT),
    ]
    for call in calls:
        with pytest.raises(NotCovered):
            call()
    assert server.requests == []


def test_an_older_window_with_a_plan_that_says_it_has_no_past_range(server: FaultServer) -> None:
    asked = source(server)
    server.usual = answer(payload("em_zones_access_200.json"))
    asked.capabilities()
    with pytest.raises(NotCovered, match="before the last 24"):
        asked.history("NL", now() - 60 * HOUR, now() - 50 * HOUR, Basis.DIRECT)
    assert routes(server) == ["zones"]


def test_a_zone_that_is_not_in_the_keys_plan(server: FaultServer) -> None:
    server.usual = answer({"message": "Token unauthorized for zoneKey"}, status=401)
    with pytest.raises(NotCovered):
        source(server).history("DE", now() - HOUR, now(), Basis.DIRECT)
