# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Adds floating-point numbers without rounding: a sum that does not depend on the order in which spans end."""

from __future__ import annotations

import math

# Numbers kept as they are before they are drawn together: most tasks hold fewer inferences.
_MOST = 64


class ExactSum:
    """A running sum, correctly rounded when asked for, of any number of finite values in bounded space.

    Shewchuk, Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates, 1997,
    https://doi.org/10.1007/PL00009321: the sum as a few numbers that do not overlap.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[float] = []

    def add(self, value: float) -> None:
        """Add a finite value."""
        self._values.append(value)
        if len(self._values) > _MOST:
            self._values = _drawn_together(self._values)

    def take(self, other: ExactSum) -> None:
        """Add another sum, as exactly."""
        for value in other._values:
            self.add(value)

    @property
    def total(self) -> float:
        """The sum, rounded once."""
        return math.fsum(self._values)


def _drawn_together(values: list[float]) -> list[float]:
    partials: list[float] = []
    for value in values:
        high = value
        kept = []
        for partial in partials:
            large, small = (high, partial) if abs(high) >= abs(partial) else (partial, high)
            high = large + small
            low = small - (high - large)
            if low:
                kept.append(low)
        kept.append(high)
        partials = kept
    return partials
