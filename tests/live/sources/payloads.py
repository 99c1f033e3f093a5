# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the recorded answers in tests/data/grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "data" / "grid"


def raw(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def payload(name: str) -> Any:
    return json.loads(raw(name))
