# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours that live sources delivered: in memory, bounded, safe between threads and over fork."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from carbonspan.core._fork import renew_in_child
from carbonspan.core._hours import EPOCH, hour_index
from carbonspan.core.values import Basis, Quality

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.grid.source import HourValue

MAX_INTENSITY_G_PER_KWH = 3000.0
"""Above this a value is a fault, not a grid: the dirtiest country emits 1,306 g/kWh (Turkmenistan, life-cycle; Our
World in Data, https://ourworldindata.org/grapher/carbon-intensity-electricity)."""

RANK = {Quality.FORECAST: 0, Quality.ESTIMATED: 1, Quality.MEASURED: 2}
"""What replaces what: the higher the lower, never the other way."""

_KEPT = 0.9  # of the capacity, when it is exceeded: not every put may pay for making room


class HourStore:
    """Hours by source, zone, basis and hour. Reading takes no lock; writing happens in the background."""

    def __init__(self, *, capacity: int = 50_000) -> None:
        """Make an empty store; beyond `capacity` hours the oldest go (50,000 are about 15 MB)."""
        if capacity < 1:
            raise ValueError(f"the capacity of an hour store is 1 or more, not {capacity!r}")
        self._capacity = capacity
        self._series: dict[tuple[str, str, Basis], dict[int, HourValue]] = {}
        self._size = 0
        self.version = 0
        """Changes with every `put` that changed something: what was derived from an older version may be stale."""
        self._lock = threading.Lock()
        renew_in_child(self._renew)

    def __len__(self) -> int:
        return self._size

    def sources(self) -> tuple[str, ...]:
        """Return the names of the sources that delivered anything, first come first."""
        return tuple(dict.fromkeys(source for source, _, _ in tuple(self._series)))

    def get(self, source: str, zone: str, basis: Basis, hour: int) -> HourValue | None:
        """Return the value of an hour (hours since 1970, UTC), or `None`."""
        series = self._series.get((source, zone, basis))
        return None if series is None else series.get(hour)

    def put(self, values: Iterable[HourValue]) -> int:
        """Take values in, and return how many of them were new or better than what was there.

        A measured value replaces an estimate, an estimate a forecast, and never the other way; among equals the one
        fetched last stays, because sources revise. 0 is a value. What is no number, below 0, above
        `MAX_INTENSITY_G_PER_KWH` or of no known quality is refused.
        """
        taken = 0
        with self._lock:
            for value in values:
                if acceptable(value) and self._keep(value):
                    taken += 1
            if self._size > self._capacity:
                self._make_room()
            self.version += bool(taken)
        return taken

    def _keep(self, value: HourValue) -> bool:
        series = self._series.setdefault((value.source, value.zone, value.basis), {})
        hour = hour_index(value.hour)
        old = series.get(hour)
        if old is None:
            self._size += 1
        elif (RANK[value.quality], value.fetched_at) < (RANK[old.quality], old.fetched_at):
            return False
        series[hour] = value
        return value != old

    def _make_room(self) -> None:
        hours = sorted(hour for series in self._series.values() for hour in series)
        oldest = hours[-int(self._capacity * _KEPT) or -1]
        # New dictionaries: readers hold no lock and may be in the middle of the old ones.
        kept = {
            key: {hour: value for hour, value in series.items() if hour >= oldest}
            for key, series in self._series.items()
        }
        self._series = {key: series for key, series in kept.items() if series}
        self._size = sum(map(len, self._series.values()))

    def _renew(self) -> None:
        self._lock = threading.Lock()  # another thread of the parent may have held the old one
        self.version += 1  # what was derived before is looked up again: the child's own wants must be noted


def acceptable(value: HourValue) -> bool:
    """Return whether a value can be an hour of a grid: a number in range, a known quality, an aware hour, texts."""
    number: object = value.intensity_g_per_kwh  # whatever a response held
    return (
        isinstance(number, (int, float))
        and not isinstance(number, bool)
        and math.isfinite(number)
        and 0.0 <= number <= MAX_INTENSITY_G_PER_KWH
        and value.quality in RANK
        and value.hour.tzinfo is not None
        and value.hour >= EPOCH
        and value.fetched_at.tzinfo is not None
        and all(isinstance(text, str) for text in (value.accounting, value.vintage))  # the shared file takes no other
    )
