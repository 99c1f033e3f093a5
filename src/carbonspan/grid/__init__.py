# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Carbon intensity of electricity: zone and hour -> gCO2e/kWh, from live sources or from tables."""

from carbonspan.core.values import Basis, Quality
from carbonspan.grid._bundled import bundled_sources
from carbonspan.grid._yearly import SourceInfo
from carbonspan.grid.source import (
    BadAnswer,
    Capabilities,
    GridError,
    GridSource,
    HourValue,
    NotCovered,
    RateLimited,
    Unauthorised,
    Unavailable,
)

__all__ = [
    "BadAnswer",
    "Basis",
    "Capabilities",
    "GridError",
    "GridSource",
    "HourValue",
    "NotCovered",
    "Quality",
    "RateLimited",
    "SourceInfo",
    "Unauthorised",
    "Unavailable",
    "bundled_sources",
]
