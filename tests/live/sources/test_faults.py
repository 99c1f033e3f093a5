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
from tests.live.sources.speakers import HOUR, PASSWORD, SPEAKERS, TOKEN, Speaker, Values, moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.grid.source import HourValue

UTC = timezone.utc
IN_PARTS = [speaker for speaker in SPEAKERS if speaker.minutes < 60]
YEARS_BACK = [speaker for speaker in SPEAKERS if speaker.name != "eco2mix"]  # a month; tested with its own payloads
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


@pytest.fixture(params=SPEAKERS, ids=[speaker.name for speaker in SPEAKERS])
def speaker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Speaker:
    monkeypatch.setattr(EnergyCharts, "spacing_s", 0.0)  # its pace has a test of its own
    found: Speaker = request.param
    return found


@pytest.fixture
def server(speaker: Speaker) -> Iterator[FaultServer]:
    with FaultServer(speaker.play(steady)) as running:
        yield running


def made(speaker: Speaker, server: FaultServer, timeout_s: Any = PATIENT) -> GridSource:
    source = speaker.make(url=server.url, timeout_s=timeout_s)
    assert isinstance(source, GridSource)
    return source


# An hour whose successors are out everywhere: all of them end two hours ago or earlier.
MORNING = floor(now()) - 8 * HOUR


def ask(source: GridSource, speaker: Speaker, hours: int = 5) -> list[HourValue]:
    return list(source.history(speaker.zone, MORNING, MORNING + hours * HOUR, speaker.basis))


def good(values: list[HourValue], speaker: Speaker, hours: int = 5) -> None:
    assert [value.hour for value in values] == moments(MORNING, MORNING + hours * HOUR, 60)
    for value in values:
        assert value.intensity_g_per_kwh == pytest.approx(steady(value.hour) * speaker.g_per_unit)
        assert (value.zone, value.source, value.basis) == (speaker.zone, speaker.name, speaker.basis)
        assert value.quality is (Quality.FORECAST if ":" in speaker.name else Quality.MEASURED)
        assert value.accounting in {"consumption", "production"}


def silent(text: str) -> None:
    assert TOKEN not in text
    assert PASSWORD not in text


def silent_error(error: BaseException) -> None:
    silent("".join((str(error), repr(error), repr(vars(error)), *traceback.format_exception(error))))
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_good_day(speaker: Speaker, server: FaultServer) -> None:
    source = made(speaker, server)
    good(ask(source, speaker), speaker)
    assert source.name == speaker.name
    silent(repr(source) + repr(vars(source).get("_client")) + repr(vars(source).get("_login")))
    if speaker.needs_key:
        assert any(request.holds(TOKEN) for request in server.requests)
    source.close()
    good(ask(source, speaker), speaker)
    source.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_and_passes(
    speaker: Speaker, server: FaultServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    play, expected = FAULTS[fault]
    server.usual = play
    source = made(speaker, server, IMPATIENT)
    with pytest.raises(GridError) as caught:
        ask(source, speaker)
    assert type(caught.value) is expected
    assert caught.value.outcome == expected.outcome
    silent_error(caught.value)
    assert len(server.requests) <= 6
    if fault == "429 with Retry-After":
        assert isinstance(caught.value, RateLimited)
        assert caught.value.retry_after_s == 600
    server.usual = speaker.play(steady)
    good(ask(made(speaker, server), speaker), speaker)
    source.close()
    silent(caplog.text)


def test_a_fault_once_is_forgotten_by_the_same_source(speaker: Speaker, server: FaultServer) -> None:
    source = made(speaker, server)
    good(ask(source, speaker), speaker)
    for play in (answer({"error": "Invalid auth-token"}, status=401), too_many(), answer({})):
        server.next(play)
        try:
            ask(source, speaker)
        except GridError as error:
            silent_error(error)
        good(ask(source, speaker), speaker)


def test_a_server_error_once_is_not_seen(speaker: Speaker, server: FaultServer) -> None:
    server.next(answer(b"", status=503), hang_up())
    good(ask(made(speaker, server), speaker), speaker)


def test_no_other_host_ever_sees_a_key(speaker: Speaker, server: FaultServer) -> None:
    with FaultServer(speaker.play(steady)) as other:
        for host in ("127.0.0.1", "localhost"):
            server.usual = redirect(f"http://{host}:{other.port}/v3/historical")
            with pytest.raises(Unavailable):
                ask(made(speaker, server), speaker)
        assert other.requests == []


def test_a_certificate_of_its_own_is_refused(speaker: Speaker) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with FaultServer(speaker.play(steady), tls=tls) as server:
        with pytest.raises(Unavailable, match="certificate"):
            ask(made(speaker, server), speaker)
        assert server.requests == []


def spoilt(hour: datetime, value: Any) -> Values:
    return lambda moment: value if floor(moment) == hour else steady(moment)


@pytest.mark.parametrize("value", [None, -5.0, 10_000.0, "12x", True, [1], {"v": 1}, 1e300, math.nan, math.inf])
def test_a_spoilt_hour_is_missing_and_the_others_are_there(speaker: Speaker, server: FaultServer, value: Any) -> None:
    hours = moments(MORNING, MORNING + 5 * HOUR, 60)
    lost = hours.pop(2)
    server.usual = speaker.play(spoilt(lost, value))
    values = ask(made(speaker, server), speaker)
    assert [found.hour for found in values] == hours


def test_text_for_numbers_is_taken_from_one_source_alone(speaker: Speaker, server: FaultServer) -> None:
    server.usual = speaker.play(spoilt(MORNING, "55"))
    values = ask(made(speaker, server), speaker)
    assert (values[0].hour == MORNING) is (speaker.name == "eco2mix")


def test_only_spoilt_hours_are_no_answer(speaker: Speaker, server: FaultServer) -> None:
    server.usual = speaker.play(lambda _: "none")
    with pytest.raises(BadAnswer):
        ask(made(speaker, server), speaker)
    server.usual = speaker.play(lambda _: None)  # nothing is out yet: an answer, and an empty one
    assert ask(made(speaker, server), speaker) == []


def test_zero_is_a_value(speaker: Speaker, server: FaultServer) -> None:
    server.usual = speaker.play(lambda _: 0)
    assert [value.intensity_g_per_kwh for value in ask(made(speaker, server), speaker)] == [0.0] * 5


def only(speakers: list[Speaker]) -> pytest.MarkDecorator:
    """Take the place of the fixture's own parameters."""
    return pytest.mark.parametrize("speaker", speakers, ids=[one.name for one in speakers], indirect=True)


@only(IN_PARTS)
def test_half_the_parts_of_an_hour_are_an_estimate(speaker: Speaker, server: FaultServer) -> None:
    for minutes, expected in ((30, 1), (30 + speaker.minutes, 0)):
        server.usual = speaker.play(
            lambda moment, missing=minutes: (  # type: ignore[misc] # mypy cannot infer a default's type
                None if floor(moment) == MORNING and moment.minute < missing else steady(moment)
            )
        )
        values = [value for value in ask(made(speaker, server), speaker) if value.hour == MORNING]
        assert len(values) == expected
        if values and ":" not in speaker.name:
            assert values[0].quality is Quality.ESTIMATED


def test_the_forecast(speaker: Speaker, server: FaultServer) -> None:
    values = list(made(speaker, server).forecast(speaker.zone, speaker.basis))
    if speaker.name == "eco2mix":
        assert values == []
        return
    assert len(values) >= 20
    assert values[0].hour >= floor(now()) - HOUR
    assert {value.quality for value in values} == {Quality.FORECAST}
    assert [value.hour for value in values] == sorted({value.hour for value in values})


def test_a_zone_that_is_not_served_costs_no_call(speaker: Speaker, server: FaultServer) -> None:
    source = made(speaker, server)
    assert source.serves(speaker.zone, speaker.basis)
    source.capabilities()
    server.requests.clear()
    for zone in ("", "AQ"):
        assert not source.serves(zone, speaker.basis)
        with pytest.raises(NotCovered):
            source.history(zone, MORNING, MORNING + HOUR, speaker.basis)
        if speaker.name != "eco2mix":
            with pytest.raises(NotCovered):
                source.forecast(zone, speaker.basis)
    assert server.requests == []


def test_capabilities_name_the_zone(speaker: Speaker, server: FaultServer) -> None:
    found = made(speaker, server).capabilities()
    assert speaker.zone in found.zones
    assert speaker.basis in found.bases
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
def test_no_hour_is_doubled_or_dropped(speaker: Speaker, server: FaultServer, start: datetime) -> None:
    end = start + timedelta(hours=34)
    values = list(made(speaker, server).history(speaker.zone, start, end, speaker.basis))
    assert [value.hour for value in values] == moments(start, end, 60)
    assert all(value.intensity_g_per_kwh == pytest.approx(steady(value.hour) * speaker.g_per_unit) for value in values)


@only(YEARS_BACK)
def test_a_long_window_is_cut_into_calls(speaker: Speaker, server: FaultServer) -> None:
    start = floor(now()) - timedelta(days=45)
    values = list(made(speaker, server).history(speaker.zone, start, start + timedelta(days=40), speaker.basis))
    assert [value.hour for value in values] == moments(start, start + timedelta(days=40), 60)
    assert len(server.requests) <= 6


def test_a_window_ahead_of_the_clock_is_empty(speaker: Speaker, server: FaultServer) -> None:
    start = floor(now()) + 5 * HOUR
    assert list(made(speaker, server).history(speaker.zone, start, start + HOUR, speaker.basis)) == []
    assert server.requests == []
