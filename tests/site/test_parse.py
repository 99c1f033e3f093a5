# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Regions that a person writes in a setting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Place
from carbonspan.site import parse_region


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
