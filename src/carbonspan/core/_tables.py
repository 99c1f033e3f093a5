# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the tables that ship in `carbonspan/data`: the one place that knows how.

`pkgutil.get_data` rather than `importlib.resources`: both read from a wheel and from a zip, but importing the latter
costs about 20 ms, a third of what the whole package may take.
"""

from __future__ import annotations

import csv
import json
import pkgutil
from typing import Any


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of the CSV file `data/<name>`, header to text; an empty field is an empty string.

    Raises:
        OSError: the file is not in the installation.
    """
    return list(csv.DictReader(_text(name).splitlines()))


def load(name: str) -> dict[str, Any]:
    """Return the object in the JSON file `data/<name>`.

    Raises:
        OSError: the file is not in the installation.
    """
    table: dict[str, Any] = json.loads(_text(name))
    return table


def _text(name: str) -> str:
    raw = pkgutil.get_data("carbonspan", f"data/{name}")
    if raw is None:
        raise OSError(f"carbonspan: the table data/{name} cannot be read from this installation")
    return raw.decode("utf-8")
