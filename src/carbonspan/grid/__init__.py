# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Carbon intensity of electricity: zone and hour -> gCO2e/kWh, from live sources or from tables."""

from carbonspan.grid.catalogue import SourceInfo, annual_g_per_kwh, bundled_sources
from carbonspan.grid.offline import load
from carbonspan.grid.resolver import STALE_HOURS, Resolver
from carbonspan.grid.source import Capabilities, GridSource, HourValue
from carbonspan.grid.store import HourStore

__all__ = [
    "STALE_HOURS",
    "Capabilities",
    "GridSource",
    "HourStore",
    "HourValue",
    "Resolver",
    "SourceInfo",
    "annual_g_per_kwh",
    "bundled_sources",
    "load",
]
