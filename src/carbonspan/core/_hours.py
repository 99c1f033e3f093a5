# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours since 1970, UTC: which of them a span touches, and for how long. No clock, no time zone, no summer time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

NS_PER_HOUR = 3_600_000_000_000
MAX_HOURS = 168
"""A span is weighted over its first week at most. A workflow that runs for longer costs no more time here than that."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)
LAST_HOUR = (datetime(9999, 12, 31, 23, tzinfo=timezone.utc) - EPOCH) // _HOUR


def hour_start(hour: int) -> datetime:
    """Return the start of an hour, UTC."""
    return EPOCH + hour * _HOUR


def hour_index(when: datetime) -> int:
    """Return the hour that a moment lies in.

    Raises:
        TypeError: the moment has no time zone.
    """
    return (when - EPOCH) // _HOUR


def whole_ns(value: Any) -> int:
    """Return a span's time as whole nanoseconds; 0 for what is no number."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and math.isfinite(value) else 0


def clamped(hour: int) -> int:
    """Return the nearest hour that a date can express: a broken clock must not break a span."""
    return min(max(hour, 0), LAST_HOUR)


def hours_of(start_ns: int, end_ns: int) -> tuple[tuple[int, float], ...]:
    """Return the hours a span touches, each with its share of the span's time (of its first week; shares add to 1).

    A span that ends before it starts, or at once, lies in its first hour. The end is not part of the span: one that
    ends at 11:00:00 sharp does not touch the hour from 11.
    """
    first, last = start_ns // NS_PER_HOUR, (end_ns - 1) // NS_PER_HOUR
    if end_ns <= start_ns or first == last or first < 0 or last > LAST_HOUR:
        return ((clamped(first), 1.0),)
    last = min(last, first + MAX_HOURS - 1)
    stop = min(end_ns, (last + 1) * NS_PER_HOUR)
    duration = stop - start_ns
    return tuple(
        (hour, (min(stop, (hour + 1) * NS_PER_HOUR) - max(start_ns, hour * NS_PER_HOUR)) / duration)
        for hour in range(first, last + 1)
    )
