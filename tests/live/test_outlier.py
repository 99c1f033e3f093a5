# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Partial reports are marked, true hours are not: on a year of eight real grids, and case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.live._outlier import MAX_RUN_HOURS, mark_outliers
from tests.live import eia930

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def hours(numbers: Mapping[int, float], quality: Quality = Quality.MEASURED) -> list[HourValue]:
    fetched = hour_start(max(numbers) + 1)
    return [
        HourValue("GB", hour_start(hour), number, Basis.LIFE_CYCLE, quality, "production", "x", fetched)
        for hour, number in numbers.items()
    ]


def row(*numbers: float | None) -> dict[int, float]:
    return {hour: number for hour, number in enumerate(numbers) if number is not None}


def doubted(values: Iterable[HourValue]) -> dict[int, float]:
    return {hour_index(v.hour): v.around_g_per_kwh for v in values if v.around_g_per_kwh is not None}


@pytest.mark.parametrize("authority", eia930.ZONES)
def test_a_year_of_a_real_grid(authority: str) -> None:
    values = mark_outliers(hours(eia930.series(authority)), {})
    assert set(doubted(values)) == (eia930.PARTIAL_REPORTS if authority == "PJM" else set())
    assert all((v.quality is Quality.ESTIMATED) == (v.around_g_per_kwh is not None) for v in values)
    assert [v.intensity_g_per_kwh for v in values] == list(eia930.series(authority).values())


@pytest.mark.parametrize("authority", eia930.ZONES)
def test_the_newest_hour_of_a_real_grid_as_it_comes(authority: str) -> None:
    """Hour by hour, as a refresher sees it: with nothing after it."""
    series = eia930.series(authority)
    known: dict[int, HourValue] = {}
    found = set()
    for value in hours(series):
        (judged,) = mark_outliers([value], known)
        known[hour_index(value.hour)] = judged
        known.pop(min(known)) if len(known) > 8 else None
        if judged.around_g_per_kwh is not None:
            found.add(hour_index(value.hour))
    assert found == (eia930.PARTIAL_REPORTS if authority == "PJM" else set())


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (row(360, 45, 340), {1: 350}),
        (row(360, 45, 46, 47, 340), {1: 350, 2: 350, 3: 350}),
        (row(100, 900, 120), {1: 110}),
        (row(360, 45), {1: 360}),  # the newest: in doubt until another hour says otherwise
        (row(360, 45, None, None, 340), {1: 350}),  # hours without a value are stepped over
        (row(360, *[45.0] * MAX_RUN_HOURS, 340), dict.fromkeys(range(1, MAX_RUN_HOURS + 1), 350)),
        (row(360, *[45.0] * (MAX_RUN_HOURS + 1), 340), {8: 45}),  # how the grid runs now
        (row(360, 130, 340), {}),  # less than the factor
        (row(90, 1, 80), {}),  # less than the step: hardly anything burns
        (row(0, 0, 0), {}),
        (row(300, 0, 300), {1: 300}),
        (row(45), {}),
        (row(360, 45, 1200, 350), {1: 360, 2: 355}),
    ],
)
def test_case_by_case(numbers: dict[int, float], expected: dict[int, float]) -> None:
    found = doubted(mark_outliers(hours(numbers), {}))
    assert {hour: round(number) for hour, number in found.items()} == expected


def test_what_is_known_already_is_a_flank_and_stays_as_it_is() -> None:
    before = {hour_index(value.hour): value for value in hours({0: 360.0, 2: 340.0})}
    (judged,) = mark_outliers(hours({1: 45.0}), before)
    assert (judged.quality, judged.around_g_per_kwh) == (Quality.ESTIMATED, 350.0)
    assert mark_outliers([], before) == []


def test_an_hour_in_doubt_is_no_flank_and_is_cleared_when_the_next_bear_it_out() -> None:
    first = {hour_index(value.hour): value for value in mark_outliers(hours({0: 360.0, 1: 45.0}), {})}
    long_run = hours(dict.fromkeys(range(1, 9), 45.0))
    assert doubted(mark_outliers(long_run, first)) == {}


def test_only_measured_hours_are_mark_outliers() -> None:
    assert doubted(mark_outliers(hours(row(360, 45, 340), Quality.ESTIMATED), {})) == {}
