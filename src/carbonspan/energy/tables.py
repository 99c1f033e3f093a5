# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the tables that ship with the package."""

from __future__ import annotations

import csv
from importlib.resources import files


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of `data/energy/<name>`, in file order."""
    text = (files("carbonspan") / "data" / "energy" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
