# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reading what ships with the package."""

from __future__ import annotations

import pkgutil

import pytest

from carbonspan.core import _tables as tables


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
