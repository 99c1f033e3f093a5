# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every source behind HTTP under every fault: the right error or the good rows, nothing of the key, and well again."""

from __future__ import annotations

import logging
import math
import ssl
import traceback
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from carbonspan.core.values import Quality
from carbonspan.grid.source import BadAnswer, GridError, GridSource, NotCovered, RateLimited, Unauthorised, Unavailable
from carbonspan.live.sources._energy_charts import EnergyCharts
from carbonspan.live.sources._rows import floor, now
from tests.live.sources.apis import APIS, HOUR, PASSWORD, TOKEN, Api, Values, moments
from tests.live.sources.faults import (
    FaultServer,
    Play,
    answer,
    gzip_bomb,
    half,
    hang_up,
    never,
    redirect,
    slow_bytes,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.grid.source import HourValue

UTC = timezone.utc
IN_PARTS = [api for api in APIS if api.minutes < 60]
YEARS_BACK = [api for api in APIS if api.name != "eco2mix"]  # a month; tested with its own payloads
PATIENT = (10, 10, 60)
IMPATIENT = (5, 0.3, 1.0)
FAULTS: dict[str, tuple[Play, type[GridError]]] = {
    "never answering": (never(), Unavailable),
    "hang up": (hang_up(), Unavailable),
    "slow bytes": (slow_bytes(b" " * 100_000), Unavailable),
    "half a body": (half({"long": "x" * 1000}), Unavailable),
    "wrong content type": (answer(b"<html>hello</html>", content_type="text/html"), BadAnswer),
    "wrong shape": (answer({"surprise": [1, 2, 3]}), BadAnswer),
    "a number": (answer(1), BadAnswer),
    "nothing": (answer({}), BadAnswer),
    "plain-text 403": (answer(b"Access denied", status=403, content_type="text/plain"), Unauthorised),
    "401": (answer({"error": "Invalid auth-token"}, status=401), Unauthorised),
    "404": (answer({"error": "no"}, status=404), NotCovered),
    "429": (too_many(), RateLimited),
    "429 with Retry-After": (too_many("600"), RateLimited),
    "500": (answer(b"oops", status=500), Unavailable),
    "NaN": (answer(b'{"data": [NaN]}'), BadAnswer),
    "gzip bomb": (gzip_bomb(9 * 1024 * 1024), BadAnswer),
}


def steady(moment: datetime) -> float:
    """Give every hour a value of its own, and every part of it the same."""
    return 100.0 + moment.hour


@pytest.fixture(params=APIS, ids=[api.name for api in APIS])
def api(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(EnergyCharts, "spacing_s", 0.0)  # its pace has a test of its own
    found: Api = request.param
    return found


@pytest.fixture
def server(api: Api) -> Iterator[FaultServer]:
    with FaultServer(api.play(steady)) as running:
        yield running


def made(api: Api, server: FaultServer, timeout_s: Any = PATIENT) -> GridSource:
    source = api.make(url=server.url, timeout_s=timeout_s)
    assert isinstance(source, GridSource)
    return source


# An hour whose successors are out everywhere: all of them end two hours ago or earlier.
MORNING = floor(now()) - 8 * HOUR


def ask(source: GridSource, api: Api, hours: int = 5) -> list[HourValue]:
    return list(source.history(api.zone, MORNING, MORNING + hours * HOUR, api.basis))


def good(values: list[HourValue], api: Api, hours: int = 5) -> None:
    assert [value.hour for value in values] == moments(MORNING, MORNING + hours * HOUR, 60)
    for value in values:
        assert value.intensity_g_per_kwh == pytest.approx(steady(value.hour) * api.g_per_unit)
        assert (value.zone, value.source, value.basis) == (api.zone, api.name, api.basis)
        assert value.quality is (Quality.FORECAST if ":" in api.name else Quality.MEASURED)
        assert value.accounting in {"consumption", "production"}


def silent(text: str) -> None:
    assert TOKEN not in text
    assert PASSWORD not in text


def silent_error(error: BaseException) -> None:
    silent("".join((str(error), repr(error), repr(vars(error)), *traceback.format_exception(error))))
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_good_day(api: Api, server: FaultServer) -> None:
    source = made(api, server)
    good(ask(source, api), api)
    assert source.name == api.name
    silent(repr(source) + repr(vars(source).get("_client")) + repr(vars(source).get("_login")))
    if api.needs_key:
        assert any(request.holds(TOKEN) for request in server.requests)
    source.close()
    good(ask(source, api), api)
    source.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_and_passes(
    api: Api, server: FaultServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    play, expected = FAULTS[fault]
    server.usual = play
    source = made(api, server, IMPATIENT)
    with pytest.raises(GridError) as caught:
        ask(source, api)
    assert type(caught.value) is expected
    assert caught.value.outcome == expected.outcome
    silent_error(caught.value)
    assert len(server.requests) <= 6
    if fault == "429 with Retry-After":
        assert isinstance(caught.value, RateLimited)
        assert caught.value.retry_after_s == 600
    server.usual = api.play(steady)
    good(ask(made(api, server), api), api)
    source.close()
    silent(caplog.text)


def test_a_fault_once_is_forgotten_by_the_same_source(api: Api, server: FaultServer) -> None:
    source = made(api, server)
    good(ask(source, api), api)
    for play in (answer({"error": "Invalid auth-token"}, status=401), too_many(), answer({})):
        server.next(play)
        try:
            ask(source, api)
        except GridError as error:
            silent_error(error)
        good(ask(source, api), api)


def test_a_server_error_once_is_not_seen(api: Api, server: FaultServer) -> None:
    server.next(answer(b"", status=503), hang_up())
    good(ask(made(api, server), api), api)


def test_no_other_host_ever_sees_a_key(api: Api, server: FaultServer) -> None:
    with FaultServer(api.play(steady)) as other:
        for host in ("127.0.0.1", "localhost"):
            server.usual = redirect(f"http://{host}:{other.port}/v3/historical")
            with pytest.raises(Unavailable):
                ask(made(api, server), api)
        assert other.requests == []


def test_a_certificate_of_its_own_is_refused(api: Api) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with FaultServer(api.play(steady), tls=tls) as server:
        with pytest.raises(Unavailable, match="certificate"):
            ask(made(api, server), api)
        assert server.requests == []


def spoilt(hour: datetime, value: Any) -> Values:
    return lambda moment: value if floor(moment) == hour else steady(moment)


@pytest.mark.parametrize("value", [None, -5.0, 10_000.0, "12x", True, [1], {"v": 1}, 1e300, math.nan, math.inf])
def test_a_spoilt_hour_is_missing_and_the_others_are_there(api: Api, server: FaultServer, value: Any) -> None:
    hours = moments(MORNING, MORNING + 5 * HOUR, 60)
    lost = hours.pop(2)
    server.usual = api.play(spoilt(lost, value))
    values = ask(made(api, server), api)
    assert [found.hour for found in values] == hours


def test_text_for_numbers_is_taken_from_only_one_source(api: Api, server: FaultServer) -> None:
    server.usual = api.play(spoilt(MORNING, "55"))
    values = ask(made(api, server), api)
    assert (values[0].hour == MORNING) is (api.name == "eco2mix")


def test_only_spoilt_hours_are_no_answer(api: Api, server: FaultServer) -> None:
    server.usual = api.play(lambda _: "none")
    with pytest.raises(BadAnswer):
        ask(made(api, server), api)
    server.usual = api.play(lambda _: None)  # nothing is out yet: an answer, and an empty one
    assert ask(made(api, server), api) == []


def test_zero_is_a_value(api: Api, server: FaultServer) -> None:
    server.usual = api.play(lambda _: 0)
    assert [value.intensity_g_per_kwh for value in ask(made(api, server), api)] == [0.0] * 5


def only(apis: list[Api]) -> pytest.MarkDecorator:
    """Take the place of the fixture's own parameters."""
    return pytest.mark.parametrize("api", apis, ids=[one.name for one in apis], indirect=True)


@only(IN_PARTS)
def test_half_the_parts_of_an_hour_are_an_estimate(api: Api, server: FaultServer) -> None:
    for minutes, expected in ((30, 1), (30 + api.minutes, 0)):
        server.usual = api.play(
            lambda moment, missing=minutes: (  # type: ignore[misc] # mypy cannot infer a default's type
                None if floor(moment) == MORNING and moment.minute < missing else steady(moment)
            )
        )
        values = [value for value in ask(made(api, server), api) if value.hour == MORNING]
        assert len(values) == expected
        if values and ":" not in api.name:
            assert values[0].quality is Quality.ESTIMATED


def test_the_forecast(api: Api, server: FaultServer) -> None:
    values = list(made(api, server).forecast(api.zone, api.basis))
    if api.name == "eco2mix":
        assert values == []
        return
    assert len(values) >= 20
    assert values[0].hour >= floor(now()) - HOUR
    assert {value.quality for value in values} == {Quality.FORECAST}
    assert [value.hour for value in values] == sorted({value.hour for value in values})


def test_a_zone_that_is_not_served_costs_no_call(api: Api, server: FaultServer) -> None:
    source = made(api, server)
    assert source.serves(api.zone, api.basis)
    source.capabilities()
    server.requests.clear()
    for zone in ("", "AQ"):
        assert not source.serves(zone, api.basis)
        with pytest.raises(NotCovered):
            source.history(zone, MORNING, MORNING + HOUR, api.basis)
        if api.name != "eco2mix":
            with pytest.raises(NotCovered):
                source.forecast(zone, api.basis)
    assert server.requests == []


def test_capabilities_name_the_zone(api: Api, server: FaultServer) -> None:
    found = made(api, server).capabilities()
    assert api.zone in found.zones
    assert api.basis in found.bases
    assert found.history_hours >= 24


@only(YEARS_BACK)
@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 3, 28, 20, tzinfo=UTC),  # summer time begins in Europe
        datetime(2025, 10, 25, 20, tzinfo=UTC),  # and ends
        datetime(2025, 12, 31, 20, tzinfo=UTC),  # New Year
        datetime(2024, 2, 28, 20, tzinfo=UTC),  # 29 February
    ],
)
def test_no_hour_is_doubled_or_dropped(api: Api, server: FaultServer, start: datetime) -> None:
    end = start + timedelta(hours=34)
    values = list(made(api, server).history(api.zone, start, end, api.basis))
    assert [value.hour for value in values] == moments(start, end, 60)
    assert all(value.intensity_g_per_kwh == pytest.approx(steady(value.hour) * api.g_per_unit) for value in values)


@only(YEARS_BACK)
def test_a_long_window_is_cut_into_calls(api: Api, server: FaultServer) -> None:
    start = floor(now()) - timedelta(days=45)
    values = list(made(api, server).history(api.zone, start, start + timedelta(days=40), api.basis))
    assert [value.hour for value in values] == moments(start, start + timedelta(days=40), 60)
    assert len(server.requests) <= 6


def test_a_window_ahead_of_the_clock_is_empty(api: Api, server: FaultServer) -> None:
    start = floor(now()) + 5 * HOUR
    assert list(made(api, server).history(api.zone, start, start + HOUR, api.basis)) == []
    assert server.requests == []
