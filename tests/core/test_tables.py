# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reading what ships with the package, and that every table is whole."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

from carbonspan.core import _tables as tables

DATA = Path(tables.__file__).parents[1] / "data"
TABLES = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.csv"))
WITH_SOURCE = [
    f"sites/{name}.csv"
    for name in (
        "hosts",
        "model_prefixes",
        "operator_aliases",
        "providers",
        "pue_wue",
        "region_prefixes",
        "span_attributes",
    )
]


def test_rows_and_objects() -> None:
    assert tables.rows("grid/sources.csv")[0]["id"] == "electricity_maps_yearly"
    assert tables.load("usage/operations.json")["default"] == "chat"


def test_a_table_that_does_not_ship_is_an_error() -> None:
    with pytest.raises(OSError, match="nothing"):
        tables.rows("grid/nothing.csv")


def test_an_installation_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkgutil, "get_data", lambda *_: None)
    with pytest.raises(OSError, match=r"grid/sources\.csv"):
        tables.rows("grid/sources.csv")


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_every_field(name: str) -> None:
    table = tables.rows(name)
    assert table
    for row in table:
        assert None not in row  # a comma too many
        assert None not in row.values()  # one too few


@pytest.mark.parametrize("name", WITH_SOURCE)
def test_every_row_says_where_it_is_from(name: str) -> None:
    assert all(row["source"] for row in tables.rows(name))
