# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which answers have been counted, by the id their provider gave them: bounded in number and in time."""

from __future__ import annotations

from typing import NamedTuple

MAX_CALLS = 20_000
"""Answers remembered, about 300 bytes each: an hour of five calls a second."""
MAX_AGE_NS = 3_600_000_000_000
"""How long an answer is remembered, by the spans' own time: an hour. Two spans of one call are seconds apart; an answer
from a cache may come later, and is then counted as an inference of its own."""


class Call(NamedTuple):
    """One answer, as the first span that reported it had it."""

    model: str
    start_ns: int
    end_ns: int


class Calls:
    """Answers by response id and provider."""

    def __init__(self, capacity: int = MAX_CALLS, max_age_ns: int = MAX_AGE_NS) -> None:
        self._calls: dict[tuple[str, str], Call] = {}
        self._capacity = capacity
        self._max_age_ns = max_age_ns
        self.evicted = 0  # forgotten for want of room, before their time

    def __len__(self) -> int:
        return len(self._calls)

    def find(self, response_id: str, provider: str, model: str) -> Call | None:
        """Return the answer of this id, provider and model; a model that one of them does not name is the same."""
        call = self._calls.get((response_id, provider))
        if call is None or (model and call.model and model != call.model):
            return None
        return call

    def remember(self, response_id: str, provider: str, call: Call) -> None:
        """Keep an answer; the oldest go where they are too old, or too many."""
        calls = self._calls
        calls[response_id, provider] = call
        oldest = call.end_ns - self._max_age_ns
        # In the order of their ends, roughly: a few at each turn, so that no span pays for many.
        for key in [key for key, _ in zip(calls, range(2), strict=False)]:
            if len(calls) > self._capacity:
                self.evicted += calls.pop(key).end_ns >= oldest
            elif calls[key].end_ns < oldest:
                del calls[key]
