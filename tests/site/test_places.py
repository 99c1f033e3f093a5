# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The place tables: all 216 cloud regions, and what a name stands for."""

from __future__ import annotations

import pytest

from carbonspan.core.values import Place
from carbonspan.site._places import area_place, region_place, tables, zone_place, zones

REGIONS = sorted(tables().regions)


def test_no_region_is_missing() -> None:
    by_operator: dict[str, int] = {}
    for region in tables().regions.values():
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


@pytest.mark.parametrize("name", REGIONS)
def test_every_region_has_a_zone_a_country_and_a_geography(name: str) -> None:
    place = region_place(name, "", "setting")
    assert place is not None
    assert place.region == name
    assert place.zone in zones()
    assert place.country in tables().countries
    assert place.geography in tables().geographies
    # Electricity Maps' zones begin with the country's alpha-2
    assert tables().iso3[place.zone.partition("-")[0]] == place.country
    other = tables().regions[name].zone_alt
    assert not other or other in zones()


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("us-east-1", "US-MIDA-PJM"),
        ("us-west-2", "US-NW-BPAT"),
        ("eu-west-1", "IE"),
        ("northamerica-northeast2", "CA-ON"),
        ("japaneast", "JP-TK"),
        ("southeastasia", "SG"),
        ("westus", "US-CAL-CISO"),
        ("me-central1", "QA"),
    ],
)
def test_the_zones_that_other_tables_have_wrong(name: str, zone: str) -> None:
    place = region_place(name, "", "host")
    assert place is not None
    assert place.zone == zone


def test_a_region_may_be_written_as_its_portal_does() -> None:
    assert region_place(" Sweden Central ", "azure", "setting") == Place(
        "azure", "swedencentral", "setting", "SE-SE3", "SWE", "EU"
    )


@pytest.mark.parametrize(
    ("name", "operator", "expected"),
    [
        ("eu-west-9", "aws", Place("aws", "eu-west-9", "host", "", "", "EUROPE")),
        ("us-gov-north-1", "aws", Place("aws", "us-gov-north-1", "host", "", "USA", "US-GOV")),
        ("ca-east-1", "", Place("aws", "ca-east-1", "host", "", "CAN", "NORTH-AMERICA")),
        ("asia-northeast9", "gcp", Place("gcp", "asia-northeast9", "host", "", "", "APAC")),
        ("eu-west-9", "azure", None),
        ("atlantis", "", None),
        ("", "", None),
    ],
)
def test_a_region_that_opened_since_is_placed_by_its_prefix(name: str, operator: str, expected: Place | None) -> None:
    assert region_place(name, operator, "host") == expected


def test_every_prefix_names_a_known_area() -> None:
    for operator, _, name in tables().region_prefixes:
        assert area_place(name, operator, "host") is not None


@pytest.mark.parametrize(
    ("name", "region", "zone", "country", "geography"),
    [
        ("EU", "EU", "", "", "EU"),
        ("global", "WORLD", "", "", "WORLD"),
        ("us", "US", "", "USA", "US"),
        ("USA", "US", "", "USA", "US"),
        ("us-gov", "US-GOV", "", "USA", "US-GOV"),
        ("GBR", "GBR", "GB", "GBR", "EUROPE"),  # one zone serves every cloud region there
        ("jpn", "JPN", "", "JPN", "APAC"),  # several do
        ("CHN", "CHINA", "", "CHN", "CHINA"),
    ],
)
def test_areas(name: str, region: str, zone: str, country: str, geography: str) -> None:
    assert area_place(name, "h", "setting") == Place("h", region, "setting", zone, country, geography)


def test_what_is_no_area() -> None:
    assert area_place("", "", "setting") is None
    assert area_place("ATLANTIS", "", "setting") is None


def test_zones_by_name() -> None:
    assert zone_place("us-cal-ciso", "", "setting") == Place("", "US-CAL-CISO", "setting", "US-CAL-CISO", "USA", "US")
    assert zone_place("US-NOWHERE", "", "setting") is None
    for zone in zones():
        place = zone_place(zone, "", "setting")
        assert place is not None
        assert place.country


def test_every_geography_ends_in_the_world_or_stands_alone() -> None:
    table = tables().geographies
    for code in table:
        seen = [code]
        while table[seen[-1]].parent:
            seen.append(table[seen[-1]].parent)
            assert len(seen) < 5
        assert seen[-1] in {"WORLD", "CHINA"}
