# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out: the names of attributes, and how they get onto a span."""

from carbonspan.telemetry.attributes import ATTRIBUTES, Attribute, Level, attributes_of, role_attributes, writer
from carbonspan.telemetry.tally import Tally
from carbonspan.telemetry.writeback import Path, path, read, write

__all__ = [
    "ATTRIBUTES",
    "Attribute",
    "Level",
    "Path",
    "Tally",
    "attributes_of",
    "path",
    "read",
    "role_attributes",
    "write",
    "writer",
]
