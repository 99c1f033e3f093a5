# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran, and what that facility adds: provider, host name, attributes -> region -> zone, PUE, WUE."""

from carbonspan.site._facility import RegionInfo, load, regions, site_of
from carbonspan.site._hosts import Names
from carbonspan.site._locate import METHODS, Locator, calls, locate
from carbonspan.site._parse import parse_region

__all__ = ["METHODS", "Locator", "Names", "RegionInfo", "calls", "load", "locate", "parse_region", "regions", "site_of"]
