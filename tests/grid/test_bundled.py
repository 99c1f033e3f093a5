# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The rungs without a network, one by one; the list of sources, and the licence of what ships."""

from __future__ import annotations

import math
import pkgutil
from pathlib import Path

import pytest

from carbonspan.core._regions import cloud_regions
from carbonspan.core.values import Basis, Place, Quality, Range
from carbonspan.grid import SourceInfo, _bundled as bundled, _spread as spread, bundled_sources
from carbonspan.grid._mix import mixes
from carbonspan.grid._yearly import yearly

LISTED = bundled_sources()
ROOT = Path(__file__).parents[2]
LIFE_CYCLE = Basis.LIFE_CYCLE
CALIFORNIA = Place("azure", "westus", "host", "US-CAL-CISO", "USA", "US")
LONDON = Place("aws", "eu-west-2", "host", "GB", "GBR", "EUROPE")
JAPAN = Place("aws", "JPN", "model_prefix", "", "JPN", "APAC")


def test_profile() -> None:
    bundled.load()
    found = bundled.profile(CALIFORNIA, LIFE_CYCLE, 1, 19)
    assert found is not None
    # January, 19:00 UTC is 11 in California: the year's mean times 0.6194
    mean = yearly("US-CAL-CISO", LIFE_CYCLE)
    assert mean is not None
    assert found.intensity_g_per_kwh.central == pytest.approx(mean.g_per_kwh * 0.6194)
    assert found.intensity_g_per_kwh == spread.of_a_profile("US-CAL-CISO").scaled(mean.g_per_kwh * 0.6194)
    assert found[1:] == ("US-CAL-CISO", "eia930_profile", LIFE_CYCLE, Quality.PROFILE, "consumption", "2025")
    assert bundled.profile(CALIFORNIA, Basis.DIRECT, 1, 19) is None
    assert bundled.profile(LONDON, LIFE_CYCLE, 1, 19) is None


def test_yearly_zone() -> None:
    found = bundled.annual_zone(LONDON, LIFE_CYCLE)
    assert found is not None
    assert found.intensity_g_per_kwh == pytest.approx((176 * 71 / 162.7, 176, 176 * 298 / 162.7))
    assert found[1:] == ("GB", "electricity_maps_yearly", LIFE_CYCLE, Quality.ANNUAL, "consumption", "2025")
    direct = bundled.annual_zone(LONDON, Basis.DIRECT)
    assert direct is not None
    assert direct.source == "google_region_2024"
    assert direct.intensity_g_per_kwh == pytest.approx((14.24, 105.94, 241.24))
    assert bundled.annual_zone(JAPAN, LIFE_CYCLE) is None
    assert bundled.annual_zone(LONDON, Basis.MARGINAL) is None


def test_yearly_country_takes_in_its_zones() -> None:
    found = bundled.annual_country(JAPAN, LIFE_CYCLE)
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
    found = bundled.annual_country(Place("", "MNG", "setting", "", "MNG", "APAC"), LIFE_CYCLE)
    assert found is not None
    low, central, high = found.intensity_g_per_kwh
    ratio = bundled.zone_to_country()
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
    assert bundled.annual_country(place, basis) is None


def test_mix() -> None:
    europe = bundled.mix(Place("aws", "EU", "model_prefix", geography="EU"), LIFE_CYCLE)
    assert europe is not None
    assert europe.source == "mix:EU"
    for geography in ("", "ATLANTIS", "WORLD"):
        found = bundled.mix(Place("", "x", "unknown", geography=geography), LIFE_CYCLE)
        assert found is not None
        assert found.source == "mix:WORLD"
    assert bundled.mix(Place("", "x", "unknown", geography="EU"), Basis.DIRECT) is None


def test_a_wind_grid_is_wider_than_a_flat_one() -> None:
    def width(zone: str) -> float:
        found = bundled.annual_zone(Place("", zone, "setting", zone), LIFE_CYCLE)
        assert found is not None
        bounds: Range = found.intensity_g_per_kwh
        return bounds.high / bounds.low

    assert width("DE") > 3
    assert 1.2 > width("ZA") > width("SG")


def test_every_source_can_be_cited() -> None:
    assert len([source for source in bundled_sources() if not source.id.startswith("mix:")]) == 7
    assert len({(source.id, source.basis) for source in bundled_sources()}) == len(bundled_sources())
    for source in bundled_sources():
        assert source.url.startswith("https://")
        assert set(source.licence.split(" AND ")) <= {"ODbL-1.0", "US public domain", "Apache-2.0", "CC-BY-4.0"}
        assert source.accounting in {"consumption", "production", "consumption mean x production shape"}
        assert source.title
        assert source.year
        assert source.note


def listed(name: str, basis: Basis = Basis.LIFE_CYCLE) -> SourceInfo:
    return next(source for source in bundled_sources() if (source.id, source.basis) == (name, basis))


def test_a_profile_names_both_of_its_sources() -> None:
    profile = listed("eia930_profile")
    assert profile.licence == "US public domain AND ODbL-1.0"
    assert (profile.year, profile.accounting) == ("2022 x 2025", "consumption mean x production shape")
    assert "https://www.electricitymaps.com" in profile.note
    assert "EIA-930" in profile.note


def test_every_mix_names_what_it_stands_on() -> None:
    assert {(source.id, source.basis) for source in bundled_sources() if source.id.startswith("mix:")} == {
        (mix.source, basis) for (_, basis), mix in mixes().items()
    }
    us = listed("mix:US")
    assert us.licence == "CC-BY-4.0 AND ODbL-1.0"
    assert us.title == "Mix of United States: Our World in Data: carbon intensity of electricity (Ember)"
    assert us.note.startswith("centre: owid_ember; bounds: cloud regions by electricity_maps_yearly")
    assert listed("mix:EU").note.startswith("centre: ember_2024;")
    assert listed("mix:APAC").licence == "ODbL-1.0"
    direct = listed("mix:US", Basis.DIRECT)
    assert direct.licence == "US public domain AND Apache-2.0 AND ODbL-1.0"
    assert "google_region_2024" in direct.note
    assert "egrid2023" in direct.note


def test_no_value_is_without_an_entry() -> None:
    for region in cloud_regions().values():
        for geography in ("US", "EU", "APAC", "WORLD"):
            place = Place(region.operator, region.id, "host", region.zone, region.country, geography)
            for basis in Basis:
                found = [rung(place, basis, 1, 0) for rung in bundled.RUNGS]
                assert {(value.source, value.basis) for value in found if value} <= {
                    (source.id, source.basis) for source in LISTED
                }


@pytest.mark.parametrize("name", ["data/grid/README.md", "NOTICE"])
def test_data_under_cc_by_are_attributed(name: str) -> None:
    raw = pkgutil.get_data("carbonspan", name) if "/" in name else (ROOT / name).read_bytes()
    assert raw is not None
    text = raw.decode()
    for part in (
        "https://creativecommons.org/licenses/by/4.0/",
        "https://ourworldindata.org/grapher/carbon-intensity-electricity",
        "https://ember-energy.org/data/yearly-electricity-data/",
        "Our World in Data",
        "Ember",
    ):
        assert part in text


def test_the_share_alike_table_lives_alone_with_its_licence_and_attribution() -> None:
    folder = "data/electricity_maps_yearly_odbl/"
    licence = pkgutil.get_data("carbonspan", folder + "LICENSE")
    readme = pkgutil.get_data("carbonspan", folder + "README.md")
    assert licence is not None
    assert readme is not None
    assert "Open Database License (ODbL)" in licence.decode()[:200]
    assert "10.4 Choice of law" in licence.decode()
    assert (
        "Contains information from Electricity Maps (https://www.electricitymaps.com), made available under the Open "
        "Database License (ODbL)."
    ) in readme.decode()
