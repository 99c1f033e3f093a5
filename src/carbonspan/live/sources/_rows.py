# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of an answer: what is a value, what is a moment, and a count of what is neither.

A null is a row whose value is not out yet: skipped, and no fault. Everything else that cannot be used (text, NaN, below
0, above `MAX_INTENSITY_G_PER_KWH`, no date) is skipped and counted; the rest of the answer is used.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from carbonspan.core._hours import EPOCH
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH
from carbonspan.grid.source import BadAnswer, HourValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core.values import Basis
    from carbonspan.live.sources._hourly import Part

_log = logging.getLogger("carbonspan")


class Rows:
    """Takes the rows of one answer, and knows at the end how many were no good."""

    def __init__(self, source: str, zone: str) -> None:
        """Take whose answer it is, for the log."""
        self._source = source
        self._zone = zone
        self._good = 0
        self._bad = 0

    def number(self, value: Any, *, per_unit: float = 1.0, text: bool = False) -> float | None:
        """Return a value in g/kWh, or `None` where the row has none.

        Args:
            value: what stands in the row.
            per_unit: g/kWh in one unit of the source.
            text: whether a number may be written as text.
        """
        if value is None:
            return None
        if text and isinstance(value, str):
            value = _number_in(value)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.bad()
            return None
        # Compared before it is converted: a whole number may be larger than any float.
        if not 0 <= value <= MAX_INTENSITY_G_PER_KWH / per_unit:  # NaN is neither
            self.bad()
            return None
        self._good += 1
        return float(value) * per_unit

    def moment(self, value: Any, *, utc: bool = False) -> datetime | None:
        """Return a moment, UTC, or `None` where there is none.

        Args:
            value: ISO 8601 text with its offset (`.000Z`, `Z`, `+00:00`), or whole seconds since 1970.
            utc: whether text without an offset is UTC; otherwise it is refused.
        """
        when = moment(value, utc=utc)
        if when is None or when < EPOCH:
            self.bad()
            return None
        return when

    def bad(self) -> None:
        """Count a row that cannot be used."""
        self._bad += 1

    def done(self) -> None:
        """Say in one line what was skipped.

        Raises:
            BadAnswer: not one row could be used, though some were there to be.
        """
        if not self._bad:
            return
        if not self._good:
            raise BadAnswer(f"{self._source}: none of the {self._bad} rows for {self._zone} can be used")
        _log.warning("%s: skipped %d unusable rows of %s", self._source, self._bad, self._zone)


def hour_values(
    parts: Iterable[Part],
    *,
    zone: str,
    source: str,
    basis: Basis,
    accounting: str,
    fetched_at: datetime,
    window: tuple[datetime, datetime | None] | None = None,
    vintage: str = "",
) -> list[HourValue]:
    """Return hours as the store takes them, those that start inside the window."""
    return [
        HourValue(
            zone, part.start, part.intensity_g_per_kwh, basis, part.quality, accounting, source, fetched_at, vintage
        )
        for part in parts
        if window is None or (window[0] <= part.start and (window[1] is None or part.start < window[1]))
    ]


def _number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def moment(value: Any, *, utc: bool) -> datetime | None:
    """Return a moment, UTC, from text, seconds or nothing of the kind; see `Rows.moment`."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, timezone.utc)
        if not isinstance(value, str):
            return None
        # Python 3.10 reads +00:00 and not yet Z.
        when = datetime.fromisoformat(value[:-1] + "+00:00" if value.endswith(("Z", "z")) else value)
        if when.tzinfo is None:
            return when.replace(tzinfo=timezone.utc) if utc else None
        return when.astimezone(timezone.utc)
    except (ValueError, OverflowError, OSError):  # no date, or none that this platform can express
        return None


def of_object(answer: Any, key: str, source: str) -> Any:
    """Return a member of an answer that has to be an object.

    Raises:
        BadAnswer: it is none, or has no such member.
    """
    if isinstance(answer, dict) and key in answer:
        return answer[key]
    raise BadAnswer(f"{source}: the answer has no {key}")


def of_list(answer: Any, source: str) -> list[dict[str, Any]]:
    """Return the objects of a list; what is no object is left out by the caller's own look at it.

    Raises:
        BadAnswer: it is no list.
    """
    if not isinstance(answer, list):
        raise BadAnswer(f"{source}: the answer has no list of hours")
    return [row if isinstance(row, dict) else {} for row in answer]
