# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The table reader, and that every table is whole."""

from __future__ import annotations

import pytest

from carbonspan.core import _tables as tables

SITE_TABLES = (
    "cloud_regions",
    "countries",
    "geographies",
    "hosts",
    "model_prefixes",
    "operator_aliases",
    "providers",
    "pue_wue",
    "region_prefixes",
    "span_attributes",
    "wue_offsite",
)
WITH_SOURCE = (
    "hosts",
    "model_prefixes",
    "operator_aliases",
    "providers",
    "pue_wue",
    "region_prefixes",
    "span_attributes",
)


@pytest.mark.parametrize("name", SITE_TABLES)
def test_every_row_has_every_field(name: str) -> None:
    table = tables.rows(f"sites/{name}.csv")
    assert table
    for row in table:
        assert None not in row  # a comma too many
        assert None not in row.values()  # one too few


@pytest.mark.parametrize("name", WITH_SOURCE)
def test_every_row_says_where_it_is_from(name: str) -> None:
    assert all(row["source"] for row in tables.rows(f"sites/{name}.csv"))
