# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Live sources of hourly carbon intensity: what there is, and how one is made."""

from carbonspan.core._options import BUNDLED
from carbonspan.live.sources._registry import NAMES, SOURCES, SourceSpec, make, spec_of

__all__ = ["BUNDLED", "NAMES", "SOURCES", "SourceSpec", "make", "spec_of"]
