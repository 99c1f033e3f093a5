# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The user's own functions: what they may return, and that nothing of theirs gets out."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, GridError, GridSource, NotCovered, RateLimited, Unavailable
from carbonspan.live.sources._function import FunctionSource
from carbonspan.live.sources._rows import floor, now

if TYPE_CHECKING:
    from collections.abc import Iterator

UTC = timezone.utc
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = (NOON - 12 * HOUR, NOON + 12 * HOUR)


def values(source: GridSource, zone: str = "DE", basis: Basis = Basis.LIFE_CYCLE) -> list[float]:
    return [value.intensity_g_per_kwh for value in source.history(zone, *DAY, basis)]


def rows_of(*rows: Any) -> FunctionSource:
    return FunctionSource(function=lambda *_: rows)


def test_a_function() -> None:
    asked: list[Any] = []

    def mine(zone: str, start: datetime, end: datetime, basis: Basis) -> Iterator[Any]:
        asked.append((zone, start, end, basis))
        yield NOON + HOUR, 2, "estimated"
        yield (NOON.astimezone(timezone(2 * HOUR)), 1.0)
        yield [NOON - 24 * HOUR, 9]  # outside the window

    source = FunctionSource(function=mine, basis="direct", name="mine", zones="DE,FR")
    found = source.history("DE", *DAY, Basis.LIFE_CYCLE)
    assert [(v.hour, v.intensity_g_per_kwh, v.quality) for v in found] == [
        (NOON, 1, Quality.MEASURED),
        (NOON + HOUR, 2, Quality.ESTIMATED),
    ]
    assert {(v.basis, v.source) for v in found} == {(Basis.DIRECT, "mine")}
    assert asked == [("DE", *DAY, Basis.LIFE_CYCLE)]
    assert source.forecast("DE", Basis.DIRECT) == ()
    assert source.capabilities().zones == {"DE", "FR"}
    assert not source.serves("ES", Basis.DIRECT)
    with pytest.raises(NotCovered):
        source.history("ES", *DAY, Basis.DIRECT)
    source.close()
    assert repr(source) == "FunctionSource('mine')"


def test_a_function_asked_ahead() -> None:
    source = FunctionSource(function=lambda _, start, end, __: [(start, 1), (end, 2)], forecast_hours=6)
    (value,) = source.forecast("DE", Basis.LIFE_CYCLE)
    assert (value.hour, value.quality) == (floor(now()), Quality.FORECAST)
    assert source.serves("anything", Basis.DIRECT)


def test_a_function_that_fails() -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("planted-secret")

    with pytest.raises(Unavailable, match="raised KeyError") as caught:
        values(FunctionSource(function=broken))
    assert "planted" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None

    def limited(*_: Any) -> Any:
        raise RateLimited("mine: later", retry_after_s=5.0)

    with pytest.raises(RateLimited, match="mine: later"):
        values(FunctionSource(function=limited))
    with pytest.raises(Unavailable):
        values(FunctionSource(function=lambda *_: 5))
    assert values(FunctionSource(function=lambda *_: None)) == []
    assert values(rows_of()) == []


def test_bad_rows_of_a_function(caplog: pytest.LogCaptureFixture) -> None:
    bad = ["row", (1,), (NOON, "5"), ("noon", 5), (NOON.replace(tzinfo=None), 5), (NOON, 5, "annual"), (NOON, 5, [])]
    assert values(rows_of(*bad, (NOON, None), (NOON, 6, Quality.MEASURED))) == [6]
    assert [record.getMessage() for record in caplog.records] == ["function: skipped 7 unusable rows of DE"]
    with pytest.raises(BadAnswer):
        values(rows_of((NOON, "5")))


def test_a_generator_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.live.sources._function.MAX_ROWS", 1000)

    def endless(*_: Any) -> Iterator[Any]:
        while True:
            yield NOON, 1

    assert values(FunctionSource(function=endless)) == [1]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "function"),
        ({"function": 5}, "function"),
        ({"function": print, "zones": 5}, "zones"),
        ({"function": print, "basis": "x"}, "basis"),
        ({"function": print, "forecast_hours": 1000}, "forecast_hours"),
        ({"function": print, "name": ""}, "name"),
    ],
)
def test_options_of_a_function(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named}=.* is not allowed; allowed: "):
        FunctionSource(**options)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON | st.tuples(st.datetimes(timezones=st.just(UTC)) | JSON, JSON) | st.tuples(JSON, JSON, JSON)))
def test_a_function_may_return_anything(returned: list[Any]) -> None:
    try:
        found = rows_of(*returned).history("DE", *DAY, Basis.DIRECT)
    except GridError:
        return
    assert all(0 <= value.intensity_g_per_kwh <= 3000 for value in found)


def test_a_function_that_wants_to_exit_is_a_source_that_fails() -> None:
    def leaves(*_: object) -> None:
        raise SystemExit(3)

    with pytest.raises(Unavailable, match="the function raised SystemExit"):
        values(FunctionSource(function=leaves))
