# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""WattTime: units, login, and a token that is renewed once at a time."""

from __future__ import annotations

import base64
import os
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core import _tables as tables
from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, NotCovered, Unauthorised
from carbonspan.live.sources import _watttime as watttime
from carbonspan.live.sources._rows import floor, now
from carbonspan.live.sources._watttime import WattTime, parse
from tests.live.sources.apis import HOUR, PASSWORD, TOKEN, watttime as says
from tests.live.sources.faults import Exchange, FaultServer, Play, Request, answer, by_request
from tests.live.sources.payloads import payload, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.grid.source import HourValue

UTC = timezone.utc
ZONE = "US-CAL-CISO"
MOMENT = datetime(2022, 7, 15, tzinfo=UTC)


def usual(request: Request) -> Play:
    return says(request, lambda _: 1000.0)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(by_request(usual)) as running:
        yield running


def source(server: FaultServer, **options: Any) -> WattTime:
    return WattTime(username="someone", password=PASSWORD, url=server.url, timeout_s=(10, 10, 60), **options)


def ask(asked: WattTime) -> list[HourValue]:
    return list(asked.history(ZONE, floor(now()) - 4 * HOUR, floor(now()) - 2 * HOUR, Basis.MARGINAL))


def logins(server: FaultServer) -> int:
    return sum(request.path == "/login" for request in server.requests)


def with_hours(name: str) -> Any:
    """Give a documented answer, which shows two points, the other five minutes of half an hour."""
    whole = payload(name)
    whole["data"] += [{"point_time": f"2022-07-15T00:{minute}:00+00:00", "value": 865} for minute in (10, 15, 20, 25)]
    return whole


@pytest.mark.parametrize(
    ("name", "first_two", "quality"),
    [
        ("watttime_historical_moer_200.json", 870 + 860, Quality.ESTIMATED),  # half the hour
        ("watttime_forecast_200.json", 1048.4131919701972 + 1051.0880801214637, Quality.FORECAST),
    ],
)
def test_documented_answers(name: str, first_two: float, quality: Quality) -> None:
    assert parse(payload(name), "CAISO_NORTH", ZONE) == []  # ten minutes are no hour
    (hour,) = parse(with_hours(name), "CAISO_NORTH", ZONE, forecast="forecast" in name)
    assert hour.intensity_g_per_kwh == pytest.approx((first_two + 4 * 865) / 6 * 0.45359237)
    assert (hour.start, hour.quality) == (MOMENT, quality)


def test_what_is_imputed_is_an_estimate() -> None:
    whole = payload("watttime_historical_moer_200.json")
    whole["meta"]["data_point_period_seconds"] = 3600
    whole["data"] = [{"point_time": "2022-07-15T00:00:00+00:00", "value": 870, "imputed_data_used": True}]
    (hour,) = parse(whole, "CAISO_NORTH", ZONE)
    assert hour.quality is Quality.ESTIMATED
    del whole["data"][0]["imputed_data_used"]
    (hour,) = parse(whole, "CAISO_NORTH", ZONE)
    assert hour.quality is Quality.MEASURED


@pytest.mark.parametrize(
    "meta", [{"region": "PJM_DC"}, {"units": "kg_co2_per_mwh"}, {"signal_type": "co2_aoer"}, {"region": None}]
)
def test_another_region_unit_or_signal(meta: dict[str, Any]) -> None:
    whole = payload("watttime_historical_moer_200.json")
    whole["meta"].update(meta)
    with pytest.raises(BadAnswer):
        parse(whole, "CAISO_NORTH", ZONE)
    with pytest.raises(BadAnswer):
        parse({"data": [], "meta": None}, "CAISO_NORTH", ZONE)


def test_one_login_for_many_questions(server: FaultServer) -> None:
    asked = source(server)
    for _ in range(3):
        assert [value.intensity_g_per_kwh for value in ask(asked)] == [pytest.approx(453.59237)] * 2
    assert logins(server) == 1
    expected = "Basic " + base64.b64encode(f"someone:{PASSWORD}".encode()).decode()
    assert server.requests[0].headers["authorization"] == expected
    assert server.requests[1].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.requests[1].query["signal_type"] == "co2_moer"


def test_a_token_is_renewed_before_it_ends(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watttime, "TOKEN_S", 0.0)
    asked = source(server)
    ask(asked)
    ask(asked)
    assert logins(server) == 2


def test_a_token_that_is_refused_is_renewed_once(server: FaultServer) -> None:
    asked = source(server)
    ask(asked)
    server.next(answer({"error": "expired"}, status=401))
    assert len(ask(asked)) == 2
    assert logins(server) == 2
    server.usual = by_request(lambda request: usual(request) if request.path == "/login" else answer({}, status=401))
    server.requests.clear()
    with pytest.raises(Unauthorised) as caught:
        ask(asked)
    assert caught.value.__context__ is None
    assert [request.path for request in server.requests] == ["/v3/historical", "/login", "/v3/historical"]


def test_eight_threads_log_in_once(server: FaultServer) -> None:
    ready = threading.Barrier(8)
    asked = source(server)
    failed: list[BaseException] = []

    def slow_login(exchange: Exchange) -> None:
        exchange.pause(0.3)  # long enough for the others to come
        answer({"token": TOKEN})(exchange)

    server.usual = by_request(lambda request: slow_login if request.path == "/login" else usual(request))

    def run() -> None:
        try:
            ready.wait(60)
            assert len(ask(asked)) == 2
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert logins(server) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_a_process_in_the_middle_of_a_login(server: FaultServer) -> None:
    asked = source(server)
    with asked._login.lock:  # as another thread of the parent's would hold it
        child = os.fork()
        if child == 0:
            os._exit(0 if len(ask(asked)) == 2 else 1)
    deadline = time.monotonic() + 60
    done = (0, 0)
    while done[0] == 0 and time.monotonic() < deadline:
        done = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if done[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert done[0] == child
    assert os.waitstatus_to_exitcode(done[1]) == 0


@pytest.mark.parametrize("token", [None, "", 5, "new\nline", "é"])
def test_a_login_that_gives_no_token(server: FaultServer, token: Any) -> None:
    server.usual = answer({"token": token})
    with pytest.raises(BadAnswer):
        ask(source(server))


def test_errors_it_has_shown(server: FaultServer) -> None:
    def failing(body: bytes, status: int) -> Play:
        return by_request(lambda request: usual(request) if request.path == "/login" else answer(body, status=status))

    for name, status, expected in (
        ("watttime_error_403.json", 403, NotCovered),  # outside the plan
        ("watttime_error_403.html", 403, Unauthorised),
        ("watttime_error_400.json", 400, BadAnswer),
    ):
        server.usual = failing(raw(name), status)
        with pytest.raises(expected):
            ask(source(server))


@pytest.mark.parametrize("basis", [Basis.LIFE_CYCLE, Basis.DIRECT])
def test_no_other_basis(server: FaultServer, basis: Basis) -> None:
    asked = source(server)
    assert not asked.serves(ZONE, basis)
    with pytest.raises(NotCovered):
        asked.history(ZONE, MOMENT, now(), basis)
    with pytest.raises(NotCovered):
        asked.forecast(ZONE, basis)
    assert server.requests == []


def test_regions(server: FaultServer) -> None:
    first = source(server)
    assert first.capabilities() == first.capabilities()
    assert first.capabilities().zones == {ZONE, "GB"}
    assert [request.path for request in server.requests] == ["/login", "/v3/my-access"]
    asked = source(server, regions={"US-TEX-ERCO": "ERCOT_WEST"})
    assert asked.serves("US-TEX-ERCO", Basis.MARGINAL)
    asked.forecast("US-TEX-ERCO", Basis.MARGINAL)
    assert server.requests[-1].query == {"region": "ERCOT_WEST", "signal_type": "co2_moer", "horizon_hours": "24"}
    server.usual = by_request(
        lambda request: usual(request) if request.path == "/login" else answer(payload("watttime_my_access_200.json"))
    )
    asked.capabilities()
    assert not asked.serves("US-TEX-ERCO", Basis.MARGINAL)  # not in the plan


def test_the_table_of_regions() -> None:
    rows = tables.rows("grid/watttime_regions.csv")
    zones = {row["zone"] for row in tables.rows("sites/cloud_regions.csv")}
    assert {row["zone"] for row in rows} <= zones
    assert len({row["zone"] for row in rows}) == len(rows)
    assert all(row["watttime_region"].isupper() for row in rows)


def test_a_long_window(server: FaultServer) -> None:
    start = floor(now()) - timedelta(days=61)
    values = source(server).history(ZONE, start, start + timedelta(days=60), Basis.MARGINAL)
    assert len(values) == 60 * 24
    assert logins(server) == 1
    assert len(server.requests) == 3
