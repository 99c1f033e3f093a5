# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of an answer become hours: what is a value, what is a moment, and the mean of the parts of an hour.

A null is a row whose value is not out yet: skipped, and no fault. Everything else that cannot be used (text, NaN, below
0, above `MAX_INTENSITY_G_PER_KWH`, no date) is skipped and counted; the rest of the answer is used.

All in UTC, where every hour has sixty minutes: a clock change neither doubles nor drops one.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import EPOCH
from carbonspan.core.values import Quality
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH, RANK
from carbonspan.grid.source import BadAnswer, HourValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from carbonspan.core.values import Basis

_log = logging.getLogger("carbonspan")

HOUR = timedelta(hours=1)
LEAST_SHARE = 0.5
"""Of its parts that an hour needs. With half of them the mean is an estimate and marked so; with less it would say
more of minutes than of the hour, and the hour before says it better."""

MADE_UP = (
    "sandbox",
    "for testing",
    "not for production",
    "do not use in production",
    "randomly generated",
    "fake data",
)
"""What is said of values that mean nothing. Electricity Maps answers a sandbox key with random ones, each marked
`"estimationMethod": "SANDBOX_MODE_DATA"`, under a `_disclaimer` that has SANDBOX MODE in it (Electricity Maps, "API
reference", 2026, https://app.electricitymaps.com/developer-hub/api/reference)."""
ABOUT = frozenset(
    {
        "dataestimationmethod",
        "disclaimer",
        "environment",
        "estimationmethod",
        "message",
        "mode",
        "note",
        "notes",
        "warning",
    }
)
"""Where it is said, in lower case and without spaces and underscores."""

_MINUTES = 60


class Part(NamedTuple):
    """A value of a part of an hour, or of a whole one."""

    start: datetime  # UTC
    intensity_g_per_kwh: float
    quality: Quality


class Rows:
    """Takes the rows of one answer, and knows at the end how many could not be used."""

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
        """Log in one line what was skipped.

        Raises:
            BadAnswer: not one row could be used, though there were some.
        """
        if not self._bad:
            return
        if not self._good:
            raise BadAnswer(f"{self._source}: none of the {self._bad} rows for {self._zone} can be used")
        _log.warning("%s: skipped %d unusable rows of %s", self._source, self._bad, self._zone)


def _number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def moment(value: Any, *, utc: bool) -> datetime | None:
    """Return a moment, UTC, from text or seconds, `None` from anything else; see `Rows.moment`."""
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
    except (ValueError, OverflowError, OSError):  # not a date, or one that this platform cannot express
        return None


def of_object(answer: Any, key: str, source: str) -> Any:
    """Return a member of an answer that has to be an object.

    Raises:
        BadAnswer: it is not one, or has no such member.
    """
    if isinstance(answer, dict) and key in answer:
        return answer[key]
    raise BadAnswer(f"{source}: the answer has no {key}")


def made_up(*objects: Mapping[str, Any]) -> str:
    """Return the mark by which one of these objects says that its values mean nothing; "" where none does.

    Looked for in the words about the values (`ABOUT`), and in the name of a member that is true (in CSV as text), such
    as `sandbox`.
    """
    for each in objects:
        for name, value in each.items():
            about = "".join(name.lower().replace("_", " ").split()) in ABOUT
            true = value is True or (isinstance(value, str) and value.lower() == "true")
            said: list[Any] = [name] if true else []
            if about:
                said += value if isinstance(value, list) else [value]
            words = " ".join(text for text in said if isinstance(text, str))
            plain = " ".join(words.lower().replace("_", " ").replace("-", " ").split())
            found = next((mark for mark in MADE_UP if mark in plain), "")
            if found:
                return found
    return ""


def of_list(answer: Any, source: str) -> list[dict[str, Any]]:
    """Return the objects of a list; what is not an object becomes an empty one, which the caller finds unusable.

    Raises:
        BadAnswer: it is not a list.
    """
    if not isinstance(answer, list):
        raise BadAnswer(f"{source}: the answer has no list of hours")
    return [row if isinstance(row, dict) else {} for row in answer]


def hours(parts: Iterable[Part], minutes: int) -> list[Part]:
    """Return the mean of each hour that has at least `LEAST_SHARE` of its parts, oldest first.

    Of two values for the same moment the better quality wins, among equals the last. An hour is as good as its worst
    part; one with parts missing is at best an estimate.

    Args:
        parts: in any order.
        minutes: how long a part is, 60 at most.
    """
    best: dict[datetime, Part] = {}
    for part in parts:
        known = best.get(part.start)
        if known is None or RANK[part.quality] >= RANK[known.quality]:
            best[part.start] = part
    of_hour: defaultdict[datetime, list[Part]] = defaultdict(list)
    for part in best.values():
        of_hour[floor(part.start)].append(part)
    whole = max(_MINUTES // minutes, 1)
    return [_mean(hour, of_hour[hour], whole) for hour in sorted(of_hour) if len(of_hour[hour]) >= LEAST_SHARE * whole]


def _mean(hour: datetime, parts: list[Part], whole: int) -> Part:
    quality = min((part.quality for part in parts), key=RANK.__getitem__)
    if len(parts) < whole and quality is Quality.MEASURED:
        quality = Quality.ESTIMATED
    return Part(hour, math.fsum(part.intensity_g_per_kwh for part in parts) / len(parts), quality)


def minutes_between(starts: Iterable[datetime], usual: int) -> int:
    """Return the length of the parts that start at these moments: the usual distance, where it divides an hour.

    Not the smallest: one row too many would make parts of all hours, and too few of them for any hour.

    Args:
        starts: in any order.
        usual: the answer where they do not show it.
    """
    ordered = sorted(set(starts))
    distances = Counter((after - before).total_seconds() for before, after in pairwise(ordered))
    most = max(distances.values(), default=0)
    minutes, rest = divmod(min((each for each, times in distances.items() if times == most), default=0.0), _MINUTES)
    return int(minutes) if not rest and 0 < minutes <= _MINUTES and _MINUTES % minutes == 0 else usual


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


def windows(start: datetime, end: datetime, longest: timedelta, most: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows, oldest first, into which a source wants a longer one cut; the newest `most` of them.

    A window longer than `most` calls, which nobody needs, loses its oldest part: calls are bounded.
    """
    start = max(start, end - longest * most)
    while start < end:
        stop = min(start + longest, end)
        yield start, stop
        start = stop


def floor(when: datetime) -> datetime:
    """Return the start of the hour that a moment lies in."""
    return when.replace(minute=0, second=0, microsecond=0)


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(timezone.utc)
