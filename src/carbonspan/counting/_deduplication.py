# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls have been counted, so that another span of one is known for what it is: bounded in number and time.

A call is known by the id its provider gave the answer. Some instrumentations write none (OpenInference, Bedrock's):
then by tokens, where two spans of different instrumentations overlap in time. Two of one instrumentation never are one
call. Instrumentations name providers and models differently (gcp.gemini and gcp.gen_ai, gpt-4o and
gpt-4o-2024-08-06): what is compared is the provider's family and the model's entry in the registry.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from carbonspan.estimate.footprint import Footprint

MAX_CALLS = 8192
"""Calls remembered, about 500 bytes each: an hour of two a second."""
MAX_AGE_NS = 3_600_000_000_000
"""How long an answer is remembered, by the spans' own time: an hour. Two spans of one call are seconds apart; an answer
from a cache may come later, and is then counted as an inference of its own."""
_MAX_SCOPES = 64
_MAX_ALIKE = 64  # calls of equal tokens among which a span without an id is looked for, the last ones first

# Verdicts on a span that reports usage. Texts, not an Enum: looking a member up runs Python code, on 3.11.
COUNTED: Final = "counted"
DUPLICATE: Final = "duplicate"
CACHED: Final = "cached"


Reported: TypeAlias = "tuple[Footprint, str, int, int]"
"""What a span says of the call it stands for: its footprint, its instrumentation scope, its start and its end (ns). A
plain tuple: every LLM span has one."""


# Azure serves OpenAI's models, and is called "openai" by whoever only sees the client.
_FAMILIES = {"azure": "openai"}


def _family(provider: str) -> str:
    first = provider.partition(".")[0]
    return _FAMILIES.get(first, first)


class _Call:
    """One call, as the first span that reported it had it."""

    __slots__ = ("end_ns", "response_id", "scopes", "shared", "start_ns", "tokens")

    def __init__(self, footprint: Footprint, scope: str, start_ns: int, end_ns: int) -> None:
        self.shared = footprint.shared
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.response_id = footprint.response_id
        self.tokens = (footprint.input_tokens, footprint.output_tokens)
        self.scopes: tuple[str, ...] = (scope,)

    def overlaps(self, start_ns: int, end_ns: int) -> bool:
        return (start_ns < self.end_ns and self.start_ns < end_ns) or start_ns == self.start_ns

    def may_be_of(self, provider: str) -> bool:
        own, other = _family(self.shared.usage.provider), _family(provider)
        return own == other or not (own and other)


class Calls:
    """The calls that were counted: the first to come are the first to go."""

    def __init__(self, capacity: int = MAX_CALLS, max_age_ns: int = MAX_AGE_NS) -> None:
        # Not plain dicts: there, each look for the oldest passes over all that went before it.
        self._by_id: OrderedDict[str, _Call] = OrderedDict()
        self._by_tokens: OrderedDict[tuple[int | None, int | None], list[_Call]] = OrderedDict()
        self._scopes: set[str] = set()  # that calls were reported by
        self._alike = 0  # calls that are kept by their tokens
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
        response_id, key = footprint.response_id, (footprint.input_tokens, footprint.output_tokens)
        if response_id:
            known = self._of_id(reported)
            # Servers that give every answer one id: of one instrumentation, other tokens are another call.
            alike_or_other = known is not None and (known.tokens == key or scope not in known.scopes)
            if known is not None and alike_or_other and known.overlaps(start_ns, end_ns):
                known.scopes += (scope,)
                return DUPLICATE
            if known is not None and known.tokens == key:  # a cache replays the usage too
                return CACHED
        alike = self._by_tokens.get(key)
        # With one instrumentation alone there is nothing to tie.
        if alike and ties and (len(self._scopes) > 1 or scope not in self._scopes) and self._tied(reported, alike):
            return DUPLICATE
        call = _Call(footprint, scope, start_ns, end_ns)
        if response_id:
            self._keep(response_id, call)
        if ties:
            if scope not in self._scopes and len(self._scopes) < _MAX_SCOPES:
                self._scopes.add(scope)
            self._keep_alike(key, alike, call)
        return COUNTED

    def _tied(self, reported: Reported, alike: list[_Call]) -> bool:
        """Return whether a span is of one of the calls with the same tokens; that call is then also of its scope."""
        footprint, scope, start_ns, end_ns = reported
        response_id = footprint.response_id
        for call in reversed(alike):
            if (
                scope not in call.scopes
                and not (response_id and call.response_id and response_id != call.response_id)
                and call.overlaps(start_ns, end_ns)
                and call.may_be_of(footprint.shared.usage.provider)
            ):
                call.scopes += (scope,)
                if response_id:
                    call.response_id = response_id
                    self._keep(response_id, call)
                return True
        return False

    def duplicate(self, reported: Reported) -> None:
        """Remember the id of a span that is known for a duplicate by where it stands: its siblings are, too."""
        response_id = reported[0].response_id
        if response_id and self._of_id(reported) is None:
            self._keep(response_id, _Call(*reported))

    def _of_id(self, reported: Reported) -> _Call | None:
        """Return the call of an answer's id and model, if it is not too long ago."""
        footprint, _, start_ns, _ = reported
        call = self._by_id.get(footprint.response_id)
        if call is None or call.shared.energy.model_id != footprint.shared.energy.model_id:
            return None
        return call if start_ns - call.end_ns <= self._max_age_ns else None

    def _keep(self, response_id: str, call: _Call) -> None:
        self._by_id[response_id] = call
        if len(self._by_id) > self._capacity:
            _, first = self._by_id.popitem(last=False)
            self.evicted += first.end_ns >= call.end_ns - self._max_age_ns

    def _keep_alike(self, key: tuple[int | None, int | None], alike: list[_Call] | None, call: _Call) -> None:
        if alike is None:
            self._by_tokens[key] = [call]
        else:
            alike.append(call)
            self._by_tokens.move_to_end(key)
            if len(alike) > _MAX_ALIKE:
                del alike[0]
                self._alike -= 1
        self._alike += 1
        # All calls of the oldest tokens at once: a bound on the calls, not on the keys alone.
        while self._alike > self._capacity and len(self._by_tokens) > 1:
            for gone in self._by_tokens.popitem(last=False)[1]:
                self._alike -= 1
                self._let_go(gone, call)

    def _let_go(self, gone: _Call, call: _Call) -> None:
        # Only a span that overlaps is tied by tokens, and by another instrumentation: else none is missed.
        self.evicted += len(self._scopes) > 1 and not gone.response_id and gone.end_ns > call.start_ns
