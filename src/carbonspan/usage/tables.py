# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The room's tables (`data/usage/*.json`), as parsed JSON. They ship with the package and are read once, on import."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """Return the table `data/usage/<name>.json`.

    Args:
        name: The file's name without its ending.

    Raises:
        FileNotFoundError: The package is incomplete.
    """
    text = (resources.files("carbonspan") / "data" / "usage" / f"{name}.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
