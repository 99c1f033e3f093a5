# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The table reader, and that every table is whole."""

from __future__ import annotations

import pytest

from carbonspan.core import _tables as tables

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
