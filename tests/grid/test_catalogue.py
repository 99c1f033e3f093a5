# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The list of sources, and the licence of what ships."""

from __future__ import annotations

import pkgutil

import pytest

from carbonspan.grid import annual_g_per_kwh, sources
from carbonspan.grid.tables import rows
from carbonspan.values import Basis

IDS = {source.id for source in sources()}


def test_every_source_can_be_cited() -> None:
    assert len(IDS) == len(sources()) == 7
    for source in sources():
        assert source.url.startswith("https://")
        assert source.licence in {"ODbL-1.0", "US public domain", "Apache-2.0", "CC-BY-4.0"}
        assert source.accounting in {"consumption", "production"}
        assert source.title
        assert source.year
        assert source.note


def test_every_value_names_a_source_of_the_list() -> None:
    assert {row["source"] for row in rows("grid/aggregates.csv")} <= IDS


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
