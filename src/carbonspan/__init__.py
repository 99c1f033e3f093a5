# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energy and carbon on every LLM span of an OpenTelemetry pipeline: what users import, nothing else."""

from carbonspan.estimate import estimate
from carbonspan.footprint import Footprint
from carbonspan.processor import CarbonSpanProcessor
from carbonspan.values import Range
from carbonspan.version import __version__

__all__ = ["CarbonSpanProcessor", "Footprint", "Range", "__version__", "estimate"]
