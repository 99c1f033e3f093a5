# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""When a source may be asked again for a zone, after how it answered. Only arithmetic: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbonspan.grid.source import GridError, NotCovered, RateLimited, Unauthorised
from carbonspan.live._clock import DAY_S, HOUR_S, MINUTE_S

if TYPE_CHECKING:
    from random import Random

OK = "ok"
EMPTY = "empty"  # an answer without a single hour

JITTER_S = (2 * MINUTE_S, 6 * MINUTE_S)
"""When after the full hour a zone is asked for: sources publish some minutes late, and a fleet of hosts that all
ask at the full hour is what makes them refuse."""

REFUSED_S = (MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S, 6 * HOUR_S)
"""Waits after refusals and zones that are not covered, the last one repeated. The first are short: valid keys were
once refused for a day by a fault of the source's (electricitymaps-contrib issue 7477, November 2024)."""

LIMITED_S = (5 * MINUTE_S, 15 * MINUTE_S, 30 * MINUTE_S, HOUR_S)
"""Waits after "too many requests" where the source does not say how long."""

FAILED_S = (30.0, 2 * MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S, 30 * MINUTE_S)
"""Waits after a fault of the network, the server or the answer."""

LONGEST_WAIT_S = DAY_S
"""No wait is longer, whatever a source asks for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last time a source was asked for something, and the next. Moments are seconds since 1970."""

    outcome: str = ""  # ok, empty, or the `outcome` of a `GridError`; "" where it was never asked
    hint: str = ""  # how to mend it, in one line
    failures: int = 0  # in a row
    last_s: float = 0.0
    success_s: float = 0.0  # the last one that delivered
    next_s: float = 0.0

    def due(self, now_s: float) -> bool:
        """Return whether it may be asked again: also where the clock has been set back to before the last time."""
        return now_s >= self.next_s or self.last_s > now_s + MINUTE_S


def answered(now_s: float, hours: int, random: Random) -> Attempt:
    """Return the attempt after an answer with so many hours: the next is due shortly after the next full hour."""
    return Attempt(
        outcome=OK if hours else EMPTY,
        last_s=now_s,
        success_s=now_s,
        next_s=(now_s // HOUR_S + 1) * HOUR_S + random.uniform(*JITTER_S),
    )


def answered_for_past(now_s: float, hours: int) -> Attempt:
    """Return the attempt after a day of the past was delivered: what it lacks is asked for again in a day."""
    return Attempt(outcome=OK if hours else EMPTY, last_s=now_s, success_s=now_s, next_s=now_s + DAY_S)


def failed(before: Attempt, now_s: float, error: Exception, random: Random) -> Attempt:
    """Return the attempt after an error: later with each one in a row, never earlier than the source asks for."""
    outcome = error.outcome if isinstance(error, GridError) else GridError.outcome
    hint = f"the source raised {type(error).__qualname__}"
    if isinstance(error, GridError):
        hint = error.hint or error.usual_hint
    waits = _waits(error)
    wait_s = waits[min(before.failures, len(waits) - 1)] * random.uniform(1.0, 1.25)
    asked_s = getattr(error, "retry_after_s", None) or 0.0
    return Attempt(
        outcome=outcome,
        hint=hint,
        failures=before.failures + 1,
        last_s=now_s,
        success_s=before.success_s,
        next_s=now_s + min(max(wait_s, asked_s), LONGEST_WAIT_S),
    )


def _waits(error: Exception) -> tuple[float, ...]:
    if isinstance(error, (Unauthorised, NotCovered)):
        return REFUSED_S
    return LIMITED_S if isinstance(error, RateLimited) else FAILED_S
