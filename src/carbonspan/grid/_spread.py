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

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Range
from carbonspan.grid._estimate import percentile

MEASURED = Range(0.89, 1.0, 1.076)
"""A measured hour is restated later: yearly means of five Electricity Maps zones moved by -11 % (IN-WE) to +7.6 % (GB)
between the export of January 2025 and the API in February 2026 (https://www.electricitymaps.com). Taken for every
source: an assumption for those that publish no restatement."""

ESTIMATED = Range(1 / 1.26, 1.0, 1.26)
"""An estimated or forecast hour. Assumption, from two recorded pairs of forecast and outcome: UK 43 and 54 g/kWh
(https://carbonintensity.org.uk, 2026-07-28), France 59.6 and 49.4 (https://api.energy-charts.info, 2026-10)."""


_MEDIAN = 0.5


def _powered(factors: Range, exponent: float) -> Range:
    return Range(factors.low**exponent, 1.0, factors.high**exponent)


@cache
def _hours() -> tuple[dict[str, Range], Range]:
    spread = {
        row["zone"]: Range(float(row["p5_over_mean"]), 1.0, float(row["p95_over_mean"]))
        for row in rows("grid/eia930_hour_spread.csv")
    }
    # The later year and the consumption mix win where a zone is in both.
    for row in rows("electricity_maps_yearly_odbl/hour_spread.csv"):
        mean = float(row["mean_g_per_kwh"])
        spread[row["zone"]] = Range(float(row["p5_g_per_kwh"]) / mean, 1.0, float(row["p95_g_per_kwh"]) / mean)
    lows, highs = [r.low for r in spread.values()], [r.high for r in spread.values()]
    return spread, Range(percentile(lows, _MEDIAN), 1.0, percentile(highs, _MEDIAN))


@cache
def _swing() -> tuple[dict[str, float], float]:
    """Return life-cycle over direct mean by zone, and what stands in for a zone that has none."""
    direct = {row["zone"]: (row["year"], float(row["direct_g_per_kwh"])) for row in rows("grid/google_regions.csv")}
    swing = {
        row["zone"]: float(row["mean_g_per_kwh"]) / direct[row["zone"]][1]
        for row in rows("electricity_maps_yearly_odbl/hour_spread.csv")
        if row["zone"] in direct and row["year"] == direct[row["zone"]][0]
    }
    largest = max(swing.values())
    for row in rows("electricity_maps_yearly_odbl/yearly.csv"):
        if row["zone"] in direct:
            swing.setdefault(row["zone"], max(largest, float(row["lifecycle_g_per_kwh"]) / direct[row["zone"]][1]))
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


@cache
def _narrowing() -> dict[str, float]:
    return {
        row["zone"]: float(row["mae_profile_g_per_kwh"]) / float(row["mae_constant_g_per_kwh"])
        for row in rows("electricity_maps_yearly_odbl/hour_spread.csv")
    }


def of_a_profile(zone: str) -> Range:
    """Return what an hour may be against its month-hour profile.

    The spread of the hours, shrunk (in logarithms) as the profile shrank the mean absolute error when it was trained on
    2021-23 and tested on the hours of 2024. A profile that was not tested claims no better than the yearly mean.
    """
    return _powered(of_an_hour(zone), _narrowing().get(zone, 1.0))


@cache
def _stale() -> tuple[Range, ...]:
    return tuple(
        Range(float(row["p5_over_last"]), 1.0, float(row["p95_over_last"])) for row in rows("grid/stale_spread.csv")
    )


def of_a_stale_hour(age_h: int, zone: str = "", basis: Basis = Basis.LIFE_CYCLE) -> Range:
    """Return what an hour may be against one `age_h` hours before it: 5th and 95th percentile, EIA-930, 2022."""
    table = _stale()
    return _in_basis(table[min(max(age_h, 1), len(table)) - 1], zone, basis)
