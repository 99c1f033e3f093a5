# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of hours become hours, and long windows are cut."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Quality
from carbonspan.grid._store import RANK
from carbonspan.live.sources._rows import Part, floor, hours, minutes_between, windows

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
M, E, F = Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST


def part(minute: int, value: float, quality: Quality = M) -> Part:
    return Part(NOON + timedelta(minutes=minute), value, quality)


@pytest.mark.parametrize(
    ("parts", "minutes", "expected"),
    [
        ([part(0, 10), part(30, 20)], 30, [part(0, 15)]),
        ([part(0, 10), part(30, 20, F)], 30, [part(0, 15, F)]),
        ([part(0, 10), part(30, 20, E)], 30, [part(0, 15, E)]),
        ([part(30, 20)], 30, [part(0, 20, E)]),  # half of it
        ([part(30, 20, F)], 30, [part(0, 20, F)]),
        ([part(0, 1), part(15, 2)], 15, [part(0, 1.5, E)]),
        ([part(0, 1)], 15, []),  # a quarter of it
        ([part(60, 1)], 60, [part(60, 1)]),
        ([part(0, 1), part(0, 2)], 60, [part(0, 2)]),  # equals: the last
        ([part(0, 1), part(0, 2, E), part(0, 3, F)], 60, [part(0, 1)]),  # the best
        ([part(0, 3, F), part(0, 1)], 60, [part(0, 1)]),
        ([part(60, 2), part(0, 1)], 60, [part(0, 1), part(60, 2)]),  # oldest first
        ([], 60, []),
    ],
)
def test_hours(parts: list[Part], minutes: int, expected: list[Part]) -> None:
    assert hours(parts, minutes) == expected


@given(
    st.lists(st.tuples(st.integers(0, 600), st.floats(0, 3000), st.sampled_from([M, E, F])), max_size=200),
    st.sampled_from([5, 10, 15, 30, 60]),
)
def test_an_hour_lies_between_its_parts_and_is_no_better(rows: list[tuple[int, float, Quality]], minutes: int) -> None:
    parts = [part(minute, value, quality) for minute, value, quality in rows]
    found = hours(parts, minutes)
    assert [hour.start for hour in found] == sorted({hour.start for hour in found})
    for hour in found:
        of_it = [one for one in parts if floor(one.start) == hour.start]
        values = [one.intensity_g_per_kwh for one in of_it]
        assert min(values) - 1e-9 <= hour.intensity_g_per_kwh <= max(values) + 1e-9
        assert RANK[hour.quality] <= max(RANK[one.quality] for one in of_it)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 15, 30], 15),
        ([0, 15, 45], 15),
        ([0, 60], 60),
        ([0], 15),
        ([], 15),
        ([0, 7], 15),
        ([0, 120], 15),
        ([0, 0.5], 15),
        ([0, 60, 65, 120, 180], 60),  # one stray row does not make an hour of five minutes
    ],
)
def test_minutes_between(minutes: list[int], expected: int) -> None:
    assert minutes_between((NOON + timedelta(minutes=minute) for minute in minutes), 15) == expected


def test_windows() -> None:
    day = timedelta(days=1)
    assert list(windows(NOON, NOON + 2.5 * day, day, 10)) == [
        (NOON, NOON + day),
        (NOON + day, NOON + 2 * day),
        (NOON + 2 * day, NOON + 2.5 * day),
    ]
    assert list(windows(NOON, NOON, day, 10)) == []
    assert list(windows(NOON + day, NOON, day, 10)) == []
    assert list(windows(NOON - 5 * day, NOON, day, 2)) == [(NOON - 2 * day, NOON - day), (NOON - day, NOON)]
