# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Marks measured hours that read far off the hours around them: a report in which most plants are missing.

Calibrated on the 70,051 hours that eight US balancing authorities have for 2022 (US EIA-930). From one true hour to the
next the intensity changes by a factor of 2.15 at most (CISO); PJM has five hours of partial reports, a run of four and
a single one, that stand off the hour before by a factor of 6.39 or more. With a factor of 3 all five are marked and no
true hour is, neither between two flanks nor as the newest hour, which has only one. Below 2.15 true hours would be
marked: 5 of the 70,051 with a factor of 2, 55 with 1.5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from carbonspan.core._hours import hour_index
from carbonspan.core.values import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.grid.source import HourValue

FACTOR = 3.0
"""How far off both flanks a run of hours must be, see above."""

MIN_STEP_G_PER_KWH = 100.0
"""... and by how much: where hardly anything burns, 1 and 6 g/kWh may both be true. The steps into the five partial
reports of PJM are 252 g/kWh and more."""

MAX_RUN_HOURS = 6
"""The longest run in the calibration is 4 hours; what lasts longer is taken to be how the grid runs now."""


def mark_outliers(values: Sequence[HourValue], known: Mapping[int, HourValue]) -> list[HourValue]:
    """Return `values` with measured hours that are outliers turned into estimates that name what the hours around say.

    The newest hours have no flank after them: off the one before, they are outliers until a later hour confirms them.
    Hours without a value are stepped over. The value itself is left as it is.

    Args:
        values: hours of one source, zone and basis, in any order.
        known: hours of the same series that came earlier, by hour since 1970.
    """
    series = {hour: value.intensity_g_per_kwh for hour, value in known.items() if value.around_g_per_kwh is None}
    series.update((hour_index(value.hour), value.intensity_g_per_kwh) for value in values)
    outliers = _outliers(series)
    return [_marked(value, outliers.get(hour_index(value.hour))) for value in values]


def _marked(value: HourValue, around: float | None) -> HourValue:
    if around is None or value.quality is not Quality.MEASURED:
        return value
    return replace(value, quality=Quality.ESTIMATED, around_g_per_kwh=around)


def _outliers(series: Mapping[int, float]) -> dict[int, float]:
    """Return the hours that are outliers, each with the mean of its run's flanks, g/kWh."""
    hours = sorted(series)
    numbers = [series[hour] for hour in hours]
    found: dict[int, float] = {}
    flank = numbers[0] if numbers else 0.0  # the last hour that is not an outlier
    start = 1
    while start < len(numbers):
        end = start
        while end < len(numbers) and _off(numbers[end], flank) and (numbers[end] < flank) == (numbers[start] < flank):
            end += 1
        if 0 < end - start <= MAX_RUN_HOURS:
            # At the end of what is known, or before a run to the other side, there is no second flank.
            second = numbers[end] if end < len(numbers) and not _off(numbers[end], flank) else flank
            found.update(dict.fromkeys(hours[start:end], (flank + second) / 2))
        else:
            end = max(end, start + 1)
            flank = numbers[end - 1]
        start = end
    return found


def _off(value: float, flank: float) -> bool:
    low, high = sorted((value, flank))
    return high - low >= MIN_STEP_G_PER_KWH and low * FACTOR <= high
