# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span says was consumed: any instrumentation's attributes in, one normalised `Usage` out."""

from __future__ import annotations

from carbonspan.usage._counts import consistent
from carbonspan.usage._dialects import MARKERS
from carbonspan.usage._evicted import recovered, was_call
from carbonspan.usage._layout import ABSENT, Layout, layout_of
from carbonspan.usage._operations import OUTPUT_OPTIONAL
from carbonspan.usage._reader import read, text
from carbonspan.usage._sets import first_count
from carbonspan.usage._unnamed import MODEL, SERVICE, SpanModels

__all__ = [
    "ABSENT",
    "MARKERS",
    "MODEL",
    "OUTPUT_OPTIONAL",
    "SERVICE",
    "Layout",
    "SpanModels",
    "consistent",
    "first_count",
    "layout_of",
    "read",
    "recovered",
    "text",
    "was_call",
]
