# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the refusal of a region's name points to: the right place, or none."""

from __future__ import annotations

import re

import pytest

from carbonspan.core._regions import cloud_regions
from carbonspan.site import parse_region


def refusal(text: str) -> str:
    with pytest.raises(ValueError, match="unknown region") as caught:
        parse_region(text)
    return str(caught.value)


def hinted(text: str) -> list[str]:
    found = re.search(r"did you mean (.*?)\?|this release knows (.*?):", refusal(text))
    return (found[1] or found[2]).split(", ") if found else []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("UK", ["GB"]),
        ("zone:UK", ["GB"]),
        ("aws:UK", ["GB"]),
        ("united kingdom", ["GB"]),
        ("US-CA", ["US-CAL-CISO", "US-CAL-LDWP", "US-CAL-BANC"]),
        ("zone:US-CA", ["US-CAL-CISO", "US-CAL-LDWP", "US-CAL-BANC"]),
        ("zone:US-TX", ["US-TEX-ERCO", "US-CENT-SWPP"]),
        ("zone:eu-west-1", ["eu-west-1"]),  # a region, not a zone
        ("zone:EU", ["EU"]),
        ("zone:Frankfurt", ["eu-central-1", "europe-west3", "germanywestcentral", "eu-frankfurt-1", "eu-de"]),
        ("azure:Frankfurt", ["germanywestcentral"]),
        ("useast1", ["us-east-1", "us-east1"]),
        ("aws:us_east_1", ["us-east-1"]),
        ("me-wst-1", ["me-west1"]),
        ("wrld", ["world"]),
        ("zones:GB", ["zone"]),
        ("US-ZZ", []),
        ("zone:US-ZZ", []),
        ("atlantis", []),
        ("gcp:atlantis", []),
        ("aws:me-west-1", []),  # not eu-west-1, though it is spelled nearly so, nor Montenegro
        ("gcp:af-south1", []),  # not Afghanistan
        ("br-soa", ["BR"]),
    ],
)
def test_what_a_name_may_have_meant(text: str, hint: list[str]) -> None:
    assert hinted(text) == hint


def test_a_region_of_another_operator_and_one_that_may_be_newer_are_named_as_such() -> None:
    assert "; eu-west-1 is a region of aws: allowed" in refusal("gcp:eu-west-1")
    newer = refusal("aws:ap-south-9")
    assert "this release knows ap-south-1, ap-south-2: name the grid zone or country of a newer one" in newer
    assert "did you mean" not in newer


def test_a_hint_comes_before_what_is_allowed_which_a_log_line_may_cut_off() -> None:
    assert refusal("zone:UK").startswith("unknown region 'zone:UK'; did you mean GB? allowed are ")


def test_a_region_without_one_of_its_letters_is_hinted_to_its_own_part_of_the_world() -> None:
    read_otherwise = {"usouth", "esteurope", "wsteurope"}  # us-south, Europe
    for region in cloud_regions().values():
        for n in range(len(region.id)):
            text = region.id[:n] + region.id[n + 1 :]
            try:
                parse_region(text)
            except ValueError:
                places = [parse_region(name) for name in hinted(text)]
                near = {place.geography for place in places} | {place.region for place in places}
                assert not places or near & {region.id, region.geography} or text in read_otherwise, text
