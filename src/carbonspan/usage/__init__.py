# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span says was consumed: any instrumentation's attributes in, one normalised `Usage` out."""

from __future__ import annotations

from carbonspan.usage._dialects import MARKERS
from carbonspan.usage._reader import counts_of, read
from carbonspan.usage._shapes import Case, Shape, memorable, shape_of

__all__ = ["MARKERS", "Case", "Shape", "counts_of", "memorable", "read", "shape_of"]
