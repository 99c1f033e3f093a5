# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The rungs without a network, one by one."""

from __future__ import annotations

import math

import pytest

from carbonspan.core.values import Basis, Place, Quality, Range
from carbonspan.grid import _offline as offline, _spread as spread, load
from carbonspan.grid._yearly import yearly

LIFE_CYCLE = Basis.LIFE_CYCLE
CALIFORNIA = Place("azure", "westus", "host", "US-CAL-CISO", "USA", "US")
LONDON = Place("aws", "eu-west-2", "host", "GB", "GBR", "EUROPE")
JAPAN = Place("aws", "JPN", "model_prefix", "", "JPN", "APAC")


def test_profile() -> None:
    load()
    found = offline.profile(CALIFORNIA, LIFE_CYCLE, 1, 19)
    assert found is not None
    # January, 19:00 UTC is 11 in California: the year's mean times 0.6194
    mean = yearly("US-CAL-CISO", LIFE_CYCLE)
    assert mean is not None
    assert found.intensity_g_per_kwh.central == pytest.approx(mean.g_per_kwh * 0.6194)
    assert found.intensity_g_per_kwh == spread.of_a_profile("US-CAL-CISO").scaled(mean.g_per_kwh * 0.6194)
    assert found[1:] == ("US-CAL-CISO", "eia930_profile", LIFE_CYCLE, Quality.PROFILE, "consumption", "2025")
    assert offline.profile(CALIFORNIA, Basis.DIRECT, 1, 19) is None
    assert offline.profile(LONDON, LIFE_CYCLE, 1, 19) is None


def test_yearly_zone() -> None:
    found = offline.annual_zone(LONDON, LIFE_CYCLE)
    assert found is not None
    assert found.intensity_g_per_kwh == pytest.approx((176 * 71 / 162.7, 176, 176 * 298 / 162.7))
    assert found[1:] == ("GB", "electricity_maps_yearly", LIFE_CYCLE, Quality.ANNUAL, "consumption", "2025")
    direct = offline.annual_zone(LONDON, Basis.DIRECT)
    assert direct is not None
    assert direct.source == "google_region_2024"
    assert direct.intensity_g_per_kwh == pytest.approx((14.24, 105.94, 241.24))
    assert offline.annual_zone(JAPAN, LIFE_CYCLE) is None
    assert offline.annual_zone(LONDON, Basis.MARGINAL) is None


def test_yearly_country_takes_in_its_zones() -> None:
    found = offline.annual_country(JAPAN, LIFE_CYCLE)
    assert found is not None
    assert found[1:] == ("JPN", "owid_ember", LIFE_CYCLE, Quality.ANNUAL, "production", "latest")
    low, central, high = found.intensity_g_per_kwh
    assert central == 477.3
    # Tokyo's 535 above, Kansai's below, and the spread of the hours on top
    hours = spread.of_an_hour("")
    assert math.log(high / central) == pytest.approx(math.hypot(math.log(535 / central), math.log(hours.high)))
    kansai = yearly("JP-KN", LIFE_CYCLE)
    assert kansai is not None
    assert low < kansai.g_per_kwh < central


def test_a_country_without_a_cloud_region_is_as_far_from_its_zones_as_others() -> None:
    found = offline.annual_country(Place("", "MNG", "setting", "", "MNG", "APAC"), LIFE_CYCLE)
    assert found is not None
    low, central, high = found.intensity_g_per_kwh
    ratio = offline._zone_to_country()
    assert 0.3 < ratio.low < 1.0 < ratio.high < 1.5
    assert low < central * ratio.low
    assert high > central * ratio.high


@pytest.mark.parametrize(
    ("place", "basis"),
    [
        (JAPAN, Basis.DIRECT),
        (Place("", "US", "setting", "", "USA", "US"), LIFE_CYCLE),  # a geography: its mix
        (Place("", "x", "setting", "", "ATA", "WORLD"), LIFE_CYCLE),  # no figure for Antarctica
        (Place("", "EU", "setting", "", "", "EU"), LIFE_CYCLE),
    ],
)
def test_no_country_value(place: Place, basis: Basis) -> None:
    assert offline.annual_country(place, basis) is None


def test_mix() -> None:
    europe = offline.mix(Place("aws", "EU", "model_prefix", geography="EU"), LIFE_CYCLE)
    assert europe is not None
    assert europe.source == "mix:EU"
    for geography in ("", "ATLANTIS", "WORLD"):
        found = offline.mix(Place("", "x", "unknown", geography=geography), LIFE_CYCLE)
        assert found is not None
        assert found.source == "mix:WORLD"
    assert offline.mix(Place("", "x", "unknown", geography="EU"), Basis.DIRECT) is None


def test_a_wind_grid_is_wider_than_a_flat_one() -> None:
    def width(zone: str) -> float:
        found = offline.annual_zone(Place("", zone, "setting", zone), LIFE_CYCLE)
        assert found is not None
        bounds: Range = found.intensity_g_per_kwh
        return bounds.high / bounds.low

    assert width("DE") > 3
    assert 1.2 > width("ZA") > width("SG")
