# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How far off a grid value may be: factors on a central value, `low <= 1 <= high`, each from real hours.

The hours are life-cycle ones. Building and fuelling plants adds nearly as much to an hour of wind as to one of coal, so
that direct emissions swing more about a lower mean. With that addition taken as constant (the difference of the two
means), a deviation of `f - 1` from the life-cycle mean is one of `(f - 1) * life-cycle mean / direct mean` from the
direct mean. Where the two means of one zone and year are not known, the largest such ratio that is known stands in, or
that of the zone's two yearly values, though of different years, where it is larger still: where hardly anything burns.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._regions import zones
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Quality, Range
from carbonspan.grid._yearly import direct_means

if TYPE_CHECKING:
    from collections.abc import Iterable


class Estimate(NamedTuple):
    """What one rung says of one hour."""

    intensity_g_per_kwh: Range
    zone: str
    source: str
    basis: Basis
    quality: Quality
    accounting: str
    year: str


MEASURED = Range(0.89, 1.0, 1.076)
"""A measured hour is restated later: yearly means of five Electricity Maps zones moved by -11 % (IN-WE) to +7.6 % (GB)
between the export of January 2025 and the API in February 2026 (https://www.electricitymaps.com). Taken for every
source: an assumption for those that publish no restatement."""

ESTIMATED = Range(1 / 1.26, 1.0, 1.26)
"""An estimated or forecast hour. Assumption, from two recorded pairs of forecast and outcome: UK 43 and 54 g/kWh
(https://carbonintensity.org.uk, 2026-07-28), France 59.6 and 49.4 (https://api.energy-charts.info, 2026-10)."""


_MEDIAN = 0.5


class _Series(NamedTuple):
    """A year of a zone's hours, life-cycle, by data/electricity_maps_yearly_odbl/hour_spread.csv."""

    year: str
    mean_g_per_kwh: float
    hours: Range  # 5th and 95th percentile over the mean
    narrowing: float  # mean absolute error of a month-hour profile over that of a constant, out of sample


@cache
def _series() -> dict[str, _Series]:
    return {
        row["zone"]: _Series(
            row["year"],
            float(row["mean_g_per_kwh"]),
            Range(
                float(row["p5_g_per_kwh"]) / float(row["mean_g_per_kwh"]),
                1.0,
                float(row["p95_g_per_kwh"]) / float(row["mean_g_per_kwh"]),
            ),
            float(row["mae_profile_g_per_kwh"]) / float(row["mae_constant_g_per_kwh"]),
        )
        for row in rows("electricity_maps_yearly_odbl/hour_spread.csv")
    }


@cache
def _hours() -> tuple[dict[str, Range], Range]:
    """Return the spread of the hours by zone, and what stands in for a zone that has no series."""
    spread = {
        row["zone"]: Range(float(row["p5_over_mean"]), 1.0, float(row["p95_over_mean"]))
        for row in rows("grid/eia930_hour_spread.csv")
    }
    # The later year and the consumption mix win where a zone is in both.
    spread |= {zone: series.hours for zone, series in _series().items()}
    lows, highs = [r.low for r in spread.values()], [r.high for r in spread.values()]
    return spread, Range(percentile(lows, _MEDIAN), 1.0, percentile(highs, _MEDIAN))


@cache
def _swing() -> tuple[dict[str, float], float]:
    """Return life-cycle over direct mean by zone, and what stands in for a zone that has none."""
    direct = direct_means()
    swing = {
        zone: series.mean_g_per_kwh / direct[zone].g_per_kwh
        for zone, series in _series().items()
        if zone in direct and series.year == direct[zone].year
    }
    largest = max(swing.values())
    for name, zone in zones().items():
        if name in direct:
            swing.setdefault(name, max(largest, zone.lifecycle_g_per_kwh / direct[name].g_per_kwh))
    return swing, largest


def _in_basis(factors: Range, zone: str, basis: Basis) -> Range:
    """Return life-cycle factors in a basis, see above; marginal ones are taken to swing like direct ones.

    The low one ends at 0: a grid may have hours without any combustion.
    """
    if basis is Basis.LIFE_CYCLE:
        return factors
    known, largest = _swing()
    swing = known.get(zone, largest)
    return Range(max(0.0, 1.0 + (factors.low - 1.0) * swing), 1.0, 1.0 + (factors.high - 1.0) * swing)


def of_an_hour(zone: str, basis: Basis = Basis.LIFE_CYCLE) -> Range:
    """Return what an hour may be against its zone's yearly mean: 5th and 95th percentile of a year's real hours.

    For a zone without a series the median of those that have one stands in.
    """
    spread, typical = _hours()
    return _in_basis(spread.get(zone, typical), zone, basis)


def of_a_profile(zone: str) -> Range:
    """Return what an hour may be against its month-hour profile.

    The spread of the hours, shrunk (in logarithms) as the profile shrank the mean absolute error when it was trained on
    2021-23 and tested on the hours of 2024. A profile that was not tested claims no better than the yearly mean.
    """
    series, hours = _series().get(zone), of_an_hour(zone)
    exponent = 1.0 if series is None else series.narrowing
    return Range(hours.low**exponent, 1.0, hours.high**exponent)


@cache
def _stale() -> tuple[Range, ...]:
    return tuple(
        Range(float(row["p5_over_last"]), 1.0, float(row["p95_over_last"])) for row in rows("grid/stale_spread.csv")
    )


def of_a_stale_hour(age_h: int, zone: str = "", basis: Basis = Basis.LIFE_CYCLE) -> Range:
    """Return what an hour may be against one `age_h` hours before it: 5th and 95th percentile, EIA-930, 2022."""
    table = _stale()
    return _in_basis(table[min(max(age_h, 1), len(table)) - 1], zone, basis)


def percentile(values: Iterable[float], share: float) -> float:
    """Return a percentile, interpolated between the two values next to it."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def load() -> None:
    """Read every table of this module now."""
    of_a_stale_hour(1, "", Basis.DIRECT)
    of_an_hour("")
