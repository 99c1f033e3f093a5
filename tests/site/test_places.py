# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The place that a name stands for: of the tables, and of what a person writes in a setting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._regions import cloud_regions, countries, geographies, zones
from carbonspan.core.values import Place
from carbonspan.site._places import area_place, other_names, parse_region, region_place, zone_place


@pytest.mark.parametrize("name", sorted(cloud_regions()))
def test_every_region_has_a_zone_a_country_and_a_geography(name: str) -> None:
    place = region_place(name, "", "setting")
    assert place is not None
    assert place.region == name
    assert place.zone in zones()
    assert place.country in countries()
    assert place.geography in geographies()
    # Electricity Maps' zones begin with the country's alpha-2
    assert other_names().iso3[place.zone.partition("-")[0]] == place.country
    other = cloud_regions()[name].zone_alt
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
    for operator, _, name in other_names().region_prefixes:
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


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("aws:eu-west-1", Place("aws", "eu-west-1", "setting", "IE", "IRL", "EU")),
        ("eu-west-1", Place("aws", "eu-west-1", "setting", "IE", "IRL", "EU")),
        (" GCP:europe-west4 ", Place("gcp", "europe-west4", "setting", "NL", "NLD", "EU")),
        ("oci:uk-london-1", Place("oracle", "uk-london-1", "setting", "GB", "GBR", "EUROPE")),
        ("Sweden Central", Place("azure", "swedencentral", "setting", "SE-SE3", "SWE", "EU")),
        ("zone:gb", Place("", "GB", "setting", "GB", "GBR", "EUROPE")),
        ("US-CAL-CISO", Place("", "US-CAL-CISO", "setting", "US-CAL-CISO", "USA", "US")),
        ("DE", Place("", "DE", "setting", "DE", "DEU", "EU")),
        ("MT", Place("", "MT", "setting", "MT", "MLT", "EU")),
        ("DK", Place("", "DK", "setting", "DK", "DNK", "EU")),
        ("GBR", Place("", "GBR", "setting", "GB", "GBR", "EUROPE")),
        ("EU", Place("", "EU", "setting", "", "", "EU")),
        ("azure:EU", Place("azure", "EU", "setting", "", "", "EU")),
        ("world", Place("", "WORLD", "setting", "", "", "WORLD")),
        ("US", Place("", "US", "setting", "", "USA", "US")),
    ],
)
def test_regions_that_are_known(text: str, place: Place) -> None:
    assert parse_region(text) == place


def test_an_alpha_2_code_without_a_zone_of_its_own_is_the_country() -> None:
    place = parse_region("VA")  # the Holy See
    assert place == Place("", "VAT", "setting", "", "VAT", "EUROPE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aws:eu-wst-1", r"'aws:eu-wst-1'.*did you mean eu-west-1"),
        ("zone:US-CAL-CIS", r"'zone:US-CAL-CIS'.*did you mean US-CAL-CISO"),
        ("awss:eu-west-1", r"'awss:eu-west-1'.*did you mean aws"),
        ("gcp:eu-west-1", r"'gcp:eu-west-1'"),  # a region of another operator
        ("swedncentral", r"did you mean swedencentral"),
        ("", r"unknown region ''"),
        ("zone:", r"unknown region 'zone:'"),
    ],
)
def test_what_is_unknown_names_the_value_what_is_allowed_and_near_matches(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_region(text)
    assert "zone:GB" in str(caught.value)
    assert "US-GOV" in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, True, ["EU"]])
def test_what_is_no_text(value: Any) -> None:
    with pytest.raises(TypeError, match="a region is text"):
        parse_region(value)


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_a_value_error(text: str) -> None:
    try:
        place = parse_region(text)
    except ValueError as error:
        assert repr(text) in str(error)  # noqa: PT017 - both outcomes are right, and each has its own shape
    else:
        assert place.method == "setting"
        assert place.geography
