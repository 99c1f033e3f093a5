# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A file of live hours, and the regions to have them for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COVERED = ("aws:eu-west-1", "aws:eu-north-1", "aws:us-east-1")


def hours_file(folder: Path, values: dict[int, float], zone: str = "IE") -> Path:
    """Write hours, given by how many lie between them and the present one."""
    this_hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = [f"{zone},{this_hour + timedelta(hours=at):%Y-%m-%dT%H:%M:%SZ},{value}" for at, value in values.items()]
    path = folder / "hours.csv"
    path.write_text("\n".join(["zone,hour,g_per_kwh", *rows]), encoding="utf-8")
    return path
