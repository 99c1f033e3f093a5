# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out: the names of attributes, and how they get onto a span."""

from carbonspan.telemetry._contract import (
    ATTRIBUTES,
    TASK,
    Attribute,
    attributes_of,
    cached_attributes,
    marked,
    role_attributes,
    task_attributes,
    writer,
)
from carbonspan.telemetry._grid_metrics import GRID_METRICS
from carbonspan.telemetry._metric import Metric
from carbonspan.telemetry._metrics import LABELS, METRICS
from carbonspan.telemetry._recorder import Books, Counted

__all__ = [
    "ATTRIBUTES",
    "GRID_METRICS",
    "LABELS",
    "METRICS",
    "TASK",
    "Attribute",
    "Books",
    "Counted",
    "Metric",
    "attributes_of",
    "cached_attributes",
    "marked",
    "role_attributes",
    "task_attributes",
    "writer",
]
