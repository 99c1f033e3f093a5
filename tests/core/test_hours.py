# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours of a span, weighted by hand."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._hours import (
    LAST_HOUR,
    MAX_HOURS,
    NS_PER_HOUR,
    clamped,
    hour_index,
    hour_start,
    hours_of,
    whole_ns,
)

SECOND = 10**9


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def at(text: str) -> int:
    return hour_index(datetime.fromisoformat(text))


def test_a_span_within_an_hour() -> None:
    start = ns("2026-03-01T10:15:00+00:00")
    assert hours_of(start, start + 20 * SECOND) == ((at("2026-03-01T10:00:00+00:00"), 1.0),)


def test_the_end_is_not_part_of_the_span() -> None:
    start = ns("2026-03-01T10:59:00+00:00")
    ten = at("2026-03-01T10:00:00+00:00")
    assert hours_of(start, start + 60 * SECOND) == ((ten, 1.0),)
    shares = hours_of(start, start + 60 * SECOND + 1)
    assert [hour for hour, _ in shares] == [ten, ten + 1]


def test_time_in_each_hour_is_the_weight() -> None:
    # 15 minutes from 10, all of 11, 45 minutes from 12: two hours
    shares = hours_of(ns("2026-03-01T10:45:00+00:00"), ns("2026-03-01T12:45:00+00:00"))
    ten = at("2026-03-01T10:00:00+00:00")
    assert shares == ((ten, 0.125), (ten + 1, 0.5), (ten + 2, 0.375))


def test_new_year_and_summer_time_are_hours_like_any_other() -> None:
    shares = hours_of(ns("2025-12-31T23:30:00+00:00"), ns("2026-01-01T00:30:00+00:00"))
    assert [(hour_start(hour).isoformat(), share) for hour, share in shares] == [
        ("2025-12-31T23:00:00+00:00", 0.5),
        ("2026-01-01T00:00:00+00:00", 0.5),
    ]
    # clocks go forward in the EU at 01:00 UTC: 01:59 +01:00 is followed by 03:00 +02:00
    shares = hours_of(ns("2026-03-29T01:30:00+01:00"), ns("2026-03-29T03:30:00+02:00"))
    assert [(hour_start(hour).hour, share) for hour, share in shares] == [(0, 0.5), (1, 0.5)]


@pytest.mark.parametrize("length", [0, -1, -NS_PER_HOUR * 50])
def test_a_span_that_ends_before_it_starts_lies_in_its_first_hour(length: int) -> None:
    start = ns("2026-03-01T10:15:00+00:00")
    assert hours_of(start, start + length) == ((at("2026-03-01T10:00:00+00:00"), 1.0),)


def test_a_span_of_months_costs_a_week() -> None:
    shares = hours_of(NS_PER_HOUR // 2, NS_PER_HOUR * 5000)
    assert len(shares) == MAX_HOURS == 168
    assert shares[0] == pytest.approx((0, 0.5 / 167.5))
    assert shares[-1] == pytest.approx((167, 1 / 167.5))
    assert math.fsum(share for _, share in shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("start", "end", "hour"),
    [(-1, 10, 0), (-(10**30), -(10**29), 0), (10**30, 10**31, LAST_HOUR), (0, 10**30, 0), (10**19, 10**30, 2_777_777)],
)
def test_times_that_no_date_can_express(start: int, end: int, hour: int) -> None:
    assert hours_of(start, end) == ((hour, 1.0),)


def test_the_last_hour_is_a_date() -> None:
    assert hour_start(LAST_HOUR) == datetime(9999, 12, 31, 23, tzinfo=timezone.utc)
    assert clamped(LAST_HOUR + 1) == LAST_HOUR
    assert clamped(-1) == 0


def test_an_hour_knows_no_time_zone_but_its_own() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert hour_index(datetime(2026, 3, 1, 15, 45, tzinfo=kolkata)) == at("2026-03-01T10:00:00+00:00")
    with pytest.raises(TypeError):
        hour_index(datetime(2026, 3, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), (5.9, 5), (None, 0), ("5", 0), (math.nan, 0), (math.inf, 0), (-math.inf, 0), (True, 1), ((1,), 0)],
)
def test_whole_ns(value: Any, expected: int) -> None:
    assert whole_ns(value) == expected


@given(st.integers(), st.integers())
def test_shares_of_any_span(start: int, end: int) -> None:
    shares = hours_of(start, end)
    assert 1 <= len(shares) <= MAX_HOURS
    assert math.fsum(share for _, share in shares) == pytest.approx(1.0)
    assert all(share > 0.0 and 0 <= hour <= LAST_HOUR for hour, share in shares)


@given(st.integers(0, 10**19), st.integers(0, 200 * NS_PER_HOUR))
def test_hours_follow_each_other(start: int, length: int) -> None:
    hours = [hour for hour, _ in hours_of(start, start + length)]
    assert hours == list(range(hours[0], hours[0] + len(hours)))
    assert hours[0] == start // NS_PER_HOUR
