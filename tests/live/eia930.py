# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The real hours of tests/data/grid/eia930_2022_hourly, defects included."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from functools import cache
from pathlib import Path

from carbonspan.core._hours import hour_index

TABLE = Path(__file__).parents[1] / "data" / "grid" / "eia930_2022_hourly" / "lifecycle_g_per_kwh.csv.gz"
ZONES = {
    "AZPS": "US-SW-AZPS",
    "BPAT": "US-NW-BPAT",
    "CISO": "US-CAL-CISO",
    "ERCO": "US-TEX-ERCO",
    "MISO": "US-MIDW-MISO",
    "NYIS": "US-NY-NYIS",
    "PJM": "US-MIDA-PJM",
    "SOCO": "US-SE-SOCO",
}
PARTIAL_REPORTS = {
    hour_index(datetime.fromisoformat(text + ":00+00:00"))
    for text in ("2022-10-01T05", "2022-10-01T06", "2022-10-01T07", "2022-10-01T08", "2022-10-02T04")
}


@cache
def _rows() -> list[dict[str, str]]:
    with gzip.open(TABLE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def series(authority: str) -> dict[int, float]:
    """Return g/kWh by hour since 1970; hours without data are left out."""
    return {
        hour_index(datetime.fromisoformat(row["datetime_utc"].replace("Z", "+00:00"))): float(row[authority])
        for row in _rows()
        if row[authority]
    }
