# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran, and what that facility adds: provider, host name, attributes -> region -> zone, PUE, WUE."""

from carbonspan.site._facility import load, regions, site_of
from carbonspan.site._hosts import Names
from carbonspan.site._locate import Locator, calls, server_of
from carbonspan.site._places import parse_region

__all__ = ["Locator", "Names", "calls", "load", "parse_region", "regions", "server_of", "site_of"]
