# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out: the names of attributes, and how they get onto a span."""

from carbonspan.telemetry.attributes import (
    ATTRIBUTES,
    TASK,
    Attribute,
    Level,
    attributes_of,
    cached_attributes,
    marked,
    role_attributes,
    task_attributes,
    writer,
)
from carbonspan.telemetry.books import Books, Counted
from carbonspan.telemetry.grid_metrics import GRID_METRICS
from carbonspan.telemetry.metric import Metric
from carbonspan.telemetry.metrics import LABELS, METRICS
from carbonspan.telemetry.writeback import Path, facts, path, read, replace, write

__all__ = [
    "ATTRIBUTES",
    "GRID_METRICS",
    "LABELS",
    "METRICS",
    "TASK",
    "Attribute",
    "Books",
    "Counted",
    "Level",
    "Metric",
    "Path",
    "attributes_of",
    "cached_attributes",
    "facts",
    "marked",
    "path",
    "read",
    "replace",
    "role_attributes",
    "task_attributes",
    "write",
    "writer",
]
