# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Read the tables that ship in `carbonspan/data`.

`pkgutil.get_data` rather than `importlib.resources`: both read from a wheel and from a zip, but importing the latter
costs about 20 ms, a third of what the whole package may take.
"""

from __future__ import annotations

import csv
import pkgutil


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of `data/<name>`, header to text; an empty field is an empty string.

    Raises:
        OSError: the file is not in the installation.
    """
    raw = pkgutil.get_data("carbonspan", f"data/{name}")
    if raw is None:
        raise OSError(f"carbonspan: the table data/{name} cannot be read from this installation")
    return list(csv.DictReader(raw.decode("utf-8").splitlines()))
