# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How values become text: those of spans and baggage so that every exporter can write them, numbers so that they read.

A Python text may hold half of a surrogate pair, which is no UTF-8: the Prometheus exporter then answers no more, and
OTLP drops the point. A Python integer has no bound: beyond a few thousand digits it cannot even be turned into text
(https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation), and OTLP holds 64 bits.
"""

from __future__ import annotations

import math
from typing import Any

MAX_CHARACTERS = 128
"""Of a label, a flag, an agent's name: spans hold any text."""

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


def clean(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return a text cut to `most` characters, with "?" for what is no character in UTF-8."""
    text = text[:most]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def as_text(value: object) -> str:
    """Return a text, number or truth as text, cut and clean; "" for all else, and for an integer of over 64 bits."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value)) if _MIN_INT <= value <= _MAX_INT else ""
    return str(value) if isinstance(value, float) else ""


def as_attribute(value: Any) -> Any:
    """Return the value of another span's attribute as one that may be written: texts cut and clean, others as they are.

    `None` for an integer of over 64 bits.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if _MIN_INT <= value <= _MAX_INT else None
    if isinstance(value, (tuple, list)):
        return tuple(one for one in map(as_attribute, value) if one is not None)
    return value


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
