# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of hours become hours: half-hours of the UK, quarters of Energy-Charts, five minutes of Denmark.

All in UTC, where every hour has sixty minutes: a clock change neither doubles nor drops one.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core.values import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOUR = timedelta(hours=1)
LEAST_SHARE = 0.5
"""Of its parts that an hour needs. With half of them the mean is an estimate and marked so; with less it would say
more of minutes than of the hour, and the hour before says it better."""

RANK = {Quality.FORECAST: 0, Quality.ESTIMATED: 1, Quality.MEASURED: 2}
_MINUTES = 60


class Part(NamedTuple):
    """A value of a part of an hour, or of a whole one."""

    start: datetime  # UTC
    intensity_g_per_kwh: float
    quality: Quality


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


def floor(when: datetime) -> datetime:
    """Return the start of the hour that a moment lies in."""
    return when.replace(minute=0, second=0, microsecond=0)


def minutes_between(starts: Iterable[datetime], usual: int) -> int:
    """Return the length of the parts that start at these moments: the usual distance, where it divides an hour.

    Not the smallest: one row too many would make parts of all hours, and too few of them for any hour.

    Args:
        starts: in any order.
        usual: the answer where they do not tell.
    """
    ordered = sorted(set(starts))
    distances = Counter((after - before).total_seconds() for before, after in pairwise(ordered))
    most = max(distances.values(), default=0)
    minutes, rest = divmod(min((each for each, times in distances.items() if times == most), default=0.0), _MINUTES)
    return int(minutes) if not rest and 0 < minutes <= _MINUTES and _MINUTES % minutes == 0 else usual


def windows(start: datetime, end: datetime, longest: timedelta, most: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows, oldest first, into which a source wants a longer one cut; the newest `most` of them.

    A window that nobody can want, longer than `most` calls, loses its oldest part: calls are bounded.
    """
    start = max(start, end - longest * most)
    while start < end:
        stop = min(start + longest, end)
        yield start, stop
        start = stop


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(timezone.utc)
