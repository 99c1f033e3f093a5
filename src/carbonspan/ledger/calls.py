# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls have been counted, so that another span of one is known for what it is: bounded in number and time.

A call is known by the id its provider gave the answer. Some instrumentations write none (OpenInference, Bedrock's):
then by provider and tokens, where two spans of different instrumentations overlap in time. Two of one instrumentation
never are one call.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from carbonspan.footprint import Footprint

MAX_CALLS = 8192
"""Calls remembered, about 500 bytes each: an hour of two a second."""
MAX_AGE_NS = 3_600_000_000_000
"""How long an answer is remembered, by the spans' own time: an hour. Two spans of one call are seconds apart; an answer
from a cache may come later, and is then counted as an inference of its own."""
_MAX_ALIKE = 8  # calls of equal tokens among which a span without an id is looked for, the last ones first

# Verdicts on a span that reports usage. Texts, not an Enum: looking a member up runs Python code, on 3.11.
COUNTED: Final = "counted"
DUPLICATE: Final = "duplicate"
CACHED: Final = "cached"


class Reported(NamedTuple):
    """What a span says of the call it stands for."""

    footprint: Footprint
    scope: str  # its instrumentation
    start_ns: int
    end_ns: int

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        """Input and output."""
        return self.footprint.input_tokens, self.footprint.output_tokens


class _Call:
    """One call, as the first span that reported it had it."""

    __slots__ = ("end_ns", "model", "response_id", "scopes", "start_ns", "tokens")

    def __init__(self, reported: Reported) -> None:
        footprint, scope, self.start_ns, self.end_ns = reported
        self.model = footprint.shared.usage.model
        self.response_id = footprint.response_id
        self.tokens = (footprint.input_tokens, footprint.output_tokens)
        self.scopes = {scope}

    def overlaps(self, start_ns: int, end_ns: int) -> bool:
        return (start_ns < self.end_ns and self.start_ns < end_ns) or start_ns == self.start_ns


class Calls:
    """The calls that were counted: the first to come are the first to go."""

    def __init__(self, capacity: int = MAX_CALLS, max_age_ns: int = MAX_AGE_NS) -> None:
        # Not plain dicts: there, each look for the oldest passes over all that went before it.
        self._by_id: OrderedDict[tuple[str, str], _Call] = OrderedDict()
        self._by_tokens: OrderedDict[tuple[str, int | None, int | None], list[_Call]] = OrderedDict()
        self._capacity = capacity
        self._max_age_ns = max_age_ns
        self.evicted = 0  # forgotten for want of room, before their time

    def __len__(self) -> int:
        return max(len(self._by_id), len(self._by_tokens))

    def judge(self, reported: Reported, *, ties: bool = True) -> str:
        """Return whether a call is new, another span of one that is known, or a cache's answer; and remember it.

        Args:
            reported: What the span says.
            ties: Whether one without an id may be tied to a known one by its tokens.
        """
        footprint, scope, start_ns, end_ns = reported
        provider, response_id = footprint.shared.usage.provider, footprint.response_id
        if response_id:
            known = self._of_id(response_id, provider, footprint.shared.usage.model, start_ns)
            if known is not None and known.overlaps(start_ns, end_ns):
                known.scopes.add(scope)
                return DUPLICATE
            # A cache replays the usage too. Servers that give every answer one id do not.
            if known is not None and known.tokens == (footprint.input_tokens, footprint.output_tokens):
                return CACHED
        key = (provider, footprint.input_tokens, footprint.output_tokens)
        alike = self._by_tokens.get(key)
        if alike and ties:
            for call in reversed(alike):
                if (
                    scope not in call.scopes
                    and not (response_id and call.response_id and response_id != call.response_id)
                    and call.overlaps(start_ns, end_ns)
                ):
                    call.scopes.add(scope)
                    if response_id:
                        call.response_id = response_id
                        self._keep(response_id, provider, call)
                    return DUPLICATE
        call = _Call(reported)
        if response_id:
            self._keep(response_id, provider, call)
        if ties:
            self._keep_alike(key, alike, call)
        return COUNTED

    def duplicate(self, reported: Reported) -> None:
        """Remember the id of a span that is known for a duplicate by where it stands: its siblings are, too."""
        response_id, usage = reported.footprint.response_id, reported.footprint.shared.usage
        if response_id and self._of_id(response_id, usage.provider, usage.model, reported.start_ns) is None:
            self._keep(response_id, usage.provider, _Call(reported))

    def _of_id(self, response_id: str, provider: str, model: str, start_ns: int) -> _Call | None:
        """Return the call of an answer; a model that one of two spans does not name is the same."""
        call = self._by_id.get((response_id, provider))
        if call is None or (model and call.model and model != call.model):
            return None
        return call if start_ns - call.end_ns <= self._max_age_ns else None

    def _keep(self, response_id: str, provider: str, call: _Call) -> None:
        self._by_id[response_id, provider] = call
        if len(self._by_id) > self._capacity:
            _, first = self._by_id.popitem(last=False)
            self.evicted += first.end_ns >= call.end_ns - self._max_age_ns

    def _keep_alike(self, key: tuple[str, int | None, int | None], alike: list[_Call] | None, call: _Call) -> None:
        if alike is not None:
            alike.append(call)
            if len(alike) > _MAX_ALIKE:
                del alike[0]
            return
        self._by_tokens[key] = [call]
        if len(self._by_tokens) > self._capacity:
            self._by_tokens.popitem(last=False)
