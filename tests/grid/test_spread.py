# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Factors on a central value."""

from __future__ import annotations

import pytest

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Range
from carbonspan.grid import _spread as spread
from carbonspan.grid._spread import percentile


def test_hours_of_a_zone_against_its_mean() -> None:
    # Germany 2024: p5 157, p95 540, mean 332.1 g/kWh
    assert spread.of_an_hour("DE") == pytest.approx((157 / 332.1, 1.0, 540 / 332.1))
    # public hours where there are no others
    assert spread.of_an_hour("US-NW-BPAT") == Range(0.445, 1.0, 1.656)
    # and the later year where there are both: 82, 357, 226.5, not 0.455 and 1.472
    assert spread.of_an_hour("US-CAL-CISO") == pytest.approx((82 / 226.5, 1.0, 357 / 226.5))


def test_direct_hours_swing_more_about_a_lower_mean() -> None:
    # Great Britain 2024: life-cycle 162.7 (p5 71, p95 298), direct 105.94: 56.76 g/kWh of the first is not combustion
    direct = spread.of_an_hour("GB", Basis.DIRECT).scaled(105.94)
    assert direct == pytest.approx((71 - 56.76, 105.94, 298 - 56.76))
    assert (round(direct.low), round(direct.high)) == (14, 241)
    # Ontario: 23 - (87.7 - 58.56) is below 0: hours without combustion
    assert spread.of_an_hour("CA-ON", Basis.DIRECT).low == 0.0
    assert spread.of_a_stale_hour(3, "GB", Basis.DIRECT).low == pytest.approx(1 - 0.137 * 162.7 / 105.94)


def test_direct_hours_of_a_zone_without_both_means() -> None:
    hour, largest = spread.of_an_hour(""), 162.7 / 105.94
    widened = (1 - (1 - hour.low) * largest, 1.0, 1 + (hour.high - 1) * largest)
    for zone in ("", "US-SW-AZPS", "HK"):
        own = spread.of_an_hour(zone)
        expected = (1 - (1 - own.low) * largest, 1.0, 1 + (own.high - 1) * largest)
        assert spread.of_an_hour(zone, Basis.DIRECT) == pytest.approx(expected)
    # Sweden: 20 of life-cycle 2025 over 2.73 of direct 2024
    sweden = spread.of_an_hour("SE-SE3", Basis.DIRECT)
    assert sweden == pytest.approx((0.0, 1.0, 1 + (hour.high - 1) * 20 / 2.73))
    assert sweden.high > widened[2]


@pytest.mark.parametrize("zone", ["", *(row["zone"] for row in rows("grid/google_regions.csv"))])
def test_no_direct_hour_is_narrower_than_a_life_cycle_one(zone: str) -> None:
    life_cycle, direct = spread.of_an_hour(zone), spread.of_an_hour(zone, Basis.DIRECT)
    assert 0.0 <= direct.low < life_cycle.low
    assert direct.high > life_cycle.high


def test_flat_grids_are_narrow_and_solar_grids_wide() -> None:
    singapore, chile = spread.of_an_hour("SG"), spread.of_an_hour("CL-SEN")
    assert singapore.high / singapore.low < 1.1
    assert chile.high / chile.low > 4


def test_a_zone_without_hours_gets_the_median() -> None:
    zones = {row["zone"] for row in rows("electricity_maps_yearly_odbl/hour_spread.csv")}
    zones |= {row["zone"] for row in rows("grid/eia930_hour_spread.csv")}
    assert len(zones) == 18
    lows = sorted(spread.of_an_hour(zone).low for zone in zones)
    highs = sorted(spread.of_an_hour(zone).high for zone in zones)
    assert spread.of_an_hour("FR") == pytest.approx(((lows[8] + lows[9]) / 2, 1.0, (highs[8] + highs[9]) / 2))
    assert spread.of_an_hour("FR") == spread.of_an_hour("")


def test_a_profile_is_narrower_by_what_it_was_seen_to_save() -> None:
    hour, profile = spread.of_an_hour("US-CAL-CISO"), spread.of_a_profile("US-CAL-CISO")
    assert profile == pytest.approx((hour.low ** (47.5 / 79.7), 1.0, hour.high ** (47.5 / 79.7)))
    assert hour.low < profile.low < 1.0 < profile.high < hour.high
    assert spread.of_a_profile("US-SE-SOCO") == spread.of_an_hour("US-SE-SOCO")  # never tested


@pytest.mark.parametrize(
    ("age_h", "expected"),
    [(1, (0.942, 1.058)), (6, (0.773, 1.273)), (12, (0.711, 1.411)), (24, (0.826, 1.206)), (99, (0.826, 1.206))],
)
def test_stale_hours(age_h: int, expected: tuple[float, float]) -> None:
    found = spread.of_a_stale_hour(age_h)
    assert (found.low, found.high) == expected
    assert found.central == 1.0


def test_every_factor_surrounds_one() -> None:
    for factors in (
        spread.MEASURED,
        spread.ESTIMATED,
        *(spread.of_a_stale_hour(age) for age in range(1, 25)),
        *(spread.of_a_profile(row["zone"]) for row in rows("grid/eia930_profile.csv")),
        *(spread.of_an_hour(row["zone"]) for row in rows("electricity_maps_yearly_odbl/yearly.csv")),
    ):
        assert 0.0 < factors.low < 1.0 == factors.central < factors.high


def test_percentile() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([4.0, 1.0], 0.0) == 1.0
    assert percentile([4.0, 1.0], 1.0) == 4.0
    assert percentile([7.0], 0.05) == 7.0
    assert percentile(range(101), 0.05) == 5.0
