# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a row of the tables of metrics says."""

from __future__ import annotations

from typing import NamedTuple

HISTOGRAM, COUNTER, GAUGE = "histogram", "counter", "gauge"


class Metric(NamedTuple):
    """One instrument."""

    name: str
    kind: str
    unit: str  # UCUM, but for kWh, which nobody would know as kW.h
    meaning: str
    boundaries: tuple[float, ...] = ()
    label: str = ""  # one it has beside those of all
