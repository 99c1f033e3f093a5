# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Names that are no grid zones, and the zones that they may have meant."""

from __future__ import annotations

import pytest

from carbonspan.core._mistaken import MOST_ZONES, mistaken_names, zones_meant
from carbonspan.core._regions import countries, zones
from carbonspan.core._tables import rows


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("UK", "GB"),
        (" uk ", "GB"),
        ("United Kingdom", "GB"),
        ("GB-ENG", "GB"),
        ("GBR", "GB"),
        ("EL", "GR"),
        ("US-CA", "US-CAL-CISO"),
        ("us_ca", "US-CAL-CISO"),
        ("USA-CA", "US-CAL-CISO"),
        ("US-California", "US-CAL-CISO"),
        ("CAISO_NORTH", "US-CAL-CISO"),
        ("US-TX", "US-TEX-ERCO"),
        ("ERCOT", "US-TEX-ERCO"),
        ("US-NY", "US-NY-NYIS"),
        ("US-VA", "US-MIDA-PJM"),
        ("PJM", "US-MIDA-PJM"),
        ("US-PJM", "US-MIDA-PJM"),
        ("US-MIDA", "US-MIDA-PJM"),
        ("us-cal", "US-CAL-BANC"),
        ("US-MIDA-PJN", "US-MIDA-PJM"),
        ("IN-MH", "IN-WE"),
        ("BR-SP", "BR-CS"),
        ("AU-NSW1", "AU-NSW"),
        ("CA-ONT", "CA-ON"),
        ("DE-LU", "DE"),
        ("DE-BY", "DE"),
        ("SE3", "SE-SE3"),
        ("NO_1", "NO-NO1"),
        ("DK", "DK"),
        ("DK-84", "DK-DK1"),
        ("CHL", "CL-SEN"),
    ],
)
def test_what_a_name_may_mean(name: str, first: str) -> None:
    assert zones_meant(name)[:1] == (first,)


@pytest.mark.parametrize(
    "name", ["", "-", "1", "Q", "XX-1", "us-east", "eu-west", "US-ZZ", "JP-99", "ES-MD", "atlantis"]
)
def test_what_would_be_a_guess(name: str) -> None:
    assert zones_meant(name) == ()


def test_every_row_names_zones_that_there_are_and_its_source() -> None:
    names: list[str] = []
    for row in rows("sites/mistaken_zones.csv"):
        assert set(row["zones"].split()) <= zones().keys()
        assert "https://" in row["source"]
        names += row["names"].split(";")
    assert len(names) == len({name.upper() for name in names})
    assert not set(names) & zones().keys()
    assert all(set(meant) <= zones().keys() for meant in mistaken_names().values())


def test_the_zones_of_a_part_of_a_country_are_of_that_country() -> None:
    joint = {"IE-SEM"}  # the market of both parts of Ireland
    for country in countries().values():
        for part in ("A", "CA", "SE", "1", "NO", "ENG", "99", "SEM"):
            name = f"{country.iso2}-{part}"
            found = zones_meant(name)
            assert len(found) <= MOST_ZONES
            assert name in joint or {zone.partition("-")[0] for zone in found} <= {country.iso2}, name
