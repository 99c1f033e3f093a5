# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran, and what that facility adds: provider, host, attributes -> region -> zone, PUE, WUE."""

from carbonspan.site.facility import RegionInfo, load, regions, site_of
from carbonspan.site.locate import METHODS, Locator, locate
from carbonspan.site.parse import parse_region

__all__ = ["METHODS", "Locator", "RegionInfo", "load", "locate", "parse_region", "regions", "site_of"]
