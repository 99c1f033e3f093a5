# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Two clocks: the wall's, which names the hour and may jump; the monotonic one, which may stand still in a suspend."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from, in seconds."""

    wall_s: Callable[[], float] = time.time  # since 1970
    monotonic_s: Callable[[], float] = time.monotonic

    def hour(self) -> int:
        """Return the present hour since 1970, UTC."""
        return int(self.wall_s() // HOUR_S)


class Moment(NamedTuple):
    """A moment to come, by both clocks: it has come when either says so.

    After a suspend the wall clock is ahead and the monotonic one may not be; a wall clock that is set back would hold
    everything up for as long as it was set back.
    """

    wall_s: float
    monotonic_s: float

    @classmethod
    def after(cls, clock: Clock, wait_s: float) -> Moment:
        """Return the moment that is `wait_s` seconds from now."""
        return cls(clock.wall_s() + wait_s, clock.monotonic_s() + wait_s)

    def left_s(self, clock: Clock) -> float:
        """Return how many seconds are left, 0 where it has come."""
        return max(0.0, min(self.wall_s - clock.wall_s(), self.monotonic_s - clock.monotonic_s()))
