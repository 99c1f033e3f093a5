# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How numbers are written for people: three significant digits, separators, an exponent only where it must be."""

from __future__ import annotations

import math

_DIGITS = 3
# Between these, three digits read well without an exponent.
_SMALLEST, _LARGEST = 1e-4, 1e9


def digits(value: float) -> str:
    """Return a number with three significant digits (0.0123, 1.20, 1,230); 0 and what is not finite as they are."""
    if not value or not math.isfinite(value):
        return f"{value:.0f}"
    rounded = f"{value:.{_DIGITS - 1}e}"
    if not _SMALLEST <= abs(value) < _LARGEST:
        return rounded
    # From the rounded number: 9.999 is 10.0, one digit fewer behind the point than 9.99.
    exponent = int(rounded.partition("e")[2])
    return f"{float(rounded):,.{max(0, _DIGITS - 1 - exponent)}f}"
