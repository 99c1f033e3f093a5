# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of places: all 216 cloud regions, and that the tables agree with each other."""

from __future__ import annotations

from carbonspan.core._regions import cloud_regions, countries, geographies, zones
from carbonspan.core._tables import rows


def test_no_region_is_missing() -> None:
    by_operator: dict[str, int] = {}
    for region in cloud_regions().values():
        by_operator[region.operator] = by_operator.get(region.operator, 0) + 1
    assert by_operator == {
        "aws": 38,
        "azure": 67,
        "gcp": 44,
        "hetzner": 6,
        "ibm": 12,
        "oracle": 31,
        "ovh": 14,
        "scaleway": 4,
    }


def test_each_table_is_read_once() -> None:
    for table in (cloud_regions, countries, geographies, zones):
        assert table() is table()


def test_no_row_is_lost_to_one_of_the_same_name() -> None:
    assert len(cloud_regions()) == len(rows("sites/cloud_regions.csv"))
    assert len(countries()) == len(rows("sites/countries.csv"))
    assert len(geographies()) == len(rows("sites/geographies.csv"))
    assert len(zones()) == len(rows("electricity_maps_yearly_odbl/yearly.csv")) == 352


def test_what_a_row_names_is_there() -> None:
    for region in cloud_regions().values():
        assert region.country in countries()
        assert region.zone in zones()
        assert region.confidence in {"high", "medium", "low"}
        assert (region.egrid_subregion != "") == (region.country == "USA"), region
    for country in countries().values():
        assert country.geography in geographies()
        assert country.zone in zones() or not country.zone
    for geography in geographies().values():
        assert geography.country in countries() or not geography.country
        assert all(alias == alias.lower() for alias in geography.aliases)


def test_every_geography_ends_in_the_world_or_stands_alone() -> None:
    table = geographies()
    for code in table:
        seen = [code]
        while table[seen[-1]].parent:
            seen.append(table[seen[-1]].parent)
            assert len(seen) < 5
        assert seen[-1] in {"WORLD", "CHINA"}
