# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The list of sources, and the licence of what ships."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Place
from carbonspan.grid import SourceInfo, _offline as offline, annual_g_per_kwh, bundled_sources
from carbonspan.grid._mix import mixes

LISTED = bundled_sources()
IDS = {source.id for source in LISTED}
ROOT = Path(__file__).parents[2]


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


def test_every_value_names_a_source_of_the_list() -> None:
    assert {row["source"] for row in rows("grid/aggregates.csv")} <= IDS


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
    for region in rows("sites/cloud_regions.csv"):
        for geography in ("US", "EU", "APAC", "WORLD"):
            place = Place(region["operator"], region["region"], "host", region["zone"], region["country"], geography)
            for basis in Basis:
                found = [rung(place, basis, 1, 0) for rung in offline.RUNGS]
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


@pytest.mark.parametrize(
    ("zone", "basis", "expected"),
    [("IE", Basis.LIFE_CYCLE, 301.0), ("IE", Basis.DIRECT, None), ("", Basis.LIFE_CYCLE, None)],
)
def test_yearly_value_for_a_list(zone: str, basis: Basis, expected: float | None) -> None:
    assert annual_g_per_kwh(zone, basis) == expected
