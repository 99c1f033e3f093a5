# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Carbon intensity of electricity: zone and hour -> gCO2e/kWh, from live sources or from tables."""

from carbonspan.core.values import Basis, Quality
from carbonspan.grid._catalogue import SourceInfo, annual_g_per_kwh, bundled_sources
from carbonspan.grid._offline import load
from carbonspan.grid._resolver import STALE_HOURS, Resolver
from carbonspan.grid._store import HourStore
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
    "STALE_HOURS",
    "BadAnswer",
    "Basis",
    "Capabilities",
    "GridError",
    "GridSource",
    "HourStore",
    "HourValue",
    "NotCovered",
    "Quality",
    "RateLimited",
    "Resolver",
    "SourceInfo",
    "Unauthorised",
    "Unavailable",
    "annual_g_per_kwh",
    "bundled_sources",
    "load",
]
