# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Factors on a central value."""

from __future__ import annotations

import pytest

from carbonspan.grid import spread
from carbonspan.grid.estimate import percentile
from carbonspan.grid.tables import rows
from carbonspan.values import Range


def test_hours_of_a_zone_against_its_mean() -> None:
    # Germany 2024: p5 157, p95 540, mean 332.1 g/kWh
    assert spread.of_an_hour("DE") == pytest.approx((157 / 332.1, 1.0, 540 / 332.1))
    # public hours where there are no others
    assert spread.of_an_hour("US-NW-BPAT") == Range(0.445, 1.0, 1.656)
    # and the later year where there are both: 82, 357, 226.5, not 0.455 and 1.472
    assert spread.of_an_hour("US-CAL-CISO") == pytest.approx((82 / 226.5, 1.0, 357 / 226.5))


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
