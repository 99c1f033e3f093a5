# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out: the names of attributes, and how they get onto a span."""

from carbonspan.telemetry.attributes import ATTRIBUTES, Attribute, Level, attributes_of, role_attributes, writer
from carbonspan.telemetry.books import Books
from carbonspan.telemetry.grid_metrics import GRID_METRICS
from carbonspan.telemetry.metric import Metric
from carbonspan.telemetry.metrics import LABELS, METRICS
from carbonspan.telemetry.writeback import Path, facts, path, read, replace, write

__all__ = [
    "ATTRIBUTES",
    "GRID_METRICS",
    "LABELS",
    "METRICS",
    "Attribute",
    "Books",
    "Level",
    "Metric",
    "Path",
    "attributes_of",
    "facts",
    "path",
    "read",
    "replace",
    "role_attributes",
    "write",
    "writer",
]
