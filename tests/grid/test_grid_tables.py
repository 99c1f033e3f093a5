# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The table reader, and that every table is whole."""

from __future__ import annotations

import pkgutil

import pytest

from carbonspan.grid import tables

GRID_TABLES = (
    "aggregates",
    "egrid_subregions",
    "eia930_hour_spread",
    "eia930_profile",
    "google_regions",
    "owid_countries",
    "sources",
    "stale_spread",
)


@pytest.mark.parametrize("name", GRID_TABLES)
def test_every_row_has_every_field(name: str) -> None:
    table = tables.rows(f"grid/{name}.csv")
    assert table
    for row in table:
        assert None not in row  # a comma too many
        assert None not in row.values()  # one too few


def test_a_table_that_does_not_ship_is_an_error() -> None:
    with pytest.raises(OSError, match="nothing"):
        tables.rows("grid/nothing.csv")


def test_an_installation_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkgutil, "get_data", lambda *_: None)
    with pytest.raises(OSError, match=r"grid/sources\.csv"):
        tables.rows("grid/sources.csv")
