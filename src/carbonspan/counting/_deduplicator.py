# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls have been counted, so that another span of one is known for what it is: bounded in number and time.

A call is known by the id its provider gave the answer. Some instrumentations write none (OpenInference, Bedrock's):
then by tokens, where two spans of different instrumentations overlap in time. Two of one instrumentation never are one
call. Instrumentations name providers and models differently (gcp.gemini and gcp.gen_ai, gpt-4o and
gpt-4o-2024-08-06): what is compared is the provider's family and the model's entry in the registry.

No lock: a thread that the interpreter interrupts while it holds one would hold up every other that ends a span. What
decides is in each case one operation on a dictionary, which no other thread can come between.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from itertools import count
from typing import TYPE_CHECKING

from carbonspan.core._fork import renew_in_child
from carbonspan.core._outcome import Role

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures

MAX_CALLS = 8192
"""Calls remembered, about 700 bytes each: an hour of two a second."""
MAX_AGE_NS = 3_600_000_000_000
"""How long an answer is remembered, by the spans' own time: an hour. Two spans of one call are seconds apart; an answer
from a cache may come later, and is then counted as an inference of its own."""
_MAX_ALIKE = 64  # calls of equal tokens among which a span without an id is looked for, the last ones first

# Looking a member of an Enum up runs Python code, on 3.11.
_COUNTED, _DUPLICATE, _CACHED = Role.INFERENCE, Role.DUPLICATE, Role.CACHED

# Azure serves OpenAI's models, and is called "openai" by whoever only sees the client.
_FAMILIES = {"azure": "openai"}


def _family(provider: str) -> str:
    first = provider.partition(".")[0]
    return _FAMILIES.get(first, first)


class _Call:
    """One call, as the first span that reported it had it, and the other instrumentations that have reported it."""

    __slots__ = ("first", "response_id", "scopes")

    def __init__(self, first: Figures) -> None:
        self.first = first
        self.response_id = first.response_id  # learnt from a later span where the first had none
        self.scopes: dict[str, object] = {first.plan.scope: first}

    def claimed(self, figures: Figures) -> bool:
        """Return whether the call is now this span's too: it is where none of its instrumentation came before."""
        return self.scopes.setdefault(figures.plan.scope, figures) is figures

    def is_too_old_for(self, figures: Figures, max_age_ns: int) -> bool:
        return figures.start_ns - self.first.end_ns > max_age_ns

    def overlaps(self, figures: Figures) -> bool:
        first = self.first
        return (
            figures.start_ns < first.end_ns and first.start_ns < figures.end_ns
        ) or figures.start_ns == first.start_ns

    def has_the_tokens_of(self, figures: Figures) -> bool:
        return _tokens(self.first) == _tokens(figures)

    def may_be_of(self, provider: str) -> bool:
        own, other = _family(self.first.plan.usage.provider), _family(provider)
        return own == other or not (own and other)


def _tokens(figures: Figures) -> tuple[int | None, int | None]:
    return figures.input_tokens, figures.output_tokens


class Deduplicator:
    """The calls that were counted: the first to come are the first to go.

    Args:
        capacity: Calls remembered.
        max_age_ns: How long.
    """

    def __init__(self, capacity: int = MAX_CALLS, max_age_ns: int = MAX_AGE_NS) -> None:
        # Not plain dicts: there, each look for the oldest passes over all that went before it. A call stands in them as
        # its figures until there is more to keep of it.
        self._by_id: OrderedDict[str, Figures | _Call] = OrderedDict()
        self._by_tokens: OrderedDict[tuple[int | None, int | None], list[_Call]] = OrderedDict()
        self._recent: deque[Figures] = deque(maxlen=capacity)  # not yet in `_by_tokens`, which only two scopes need
        self._indexed = 0  # calls in `_by_tokens`
        self._let_go = 0  # calls that went from there since they were last counted
        self._scope: str | None = None
        self._several = False  # whether calls were reported by more than one instrumentation
        self._capacity = capacity
        self._max_age_ns = max_age_ns
        self._forgotten = count().__next__  # one more; no other thread can come between
        self._asked = 0
        self._renew()
        renew_in_child(self._renew)

    def _renew(self) -> None:
        self._evicting = threading.Lock()  # never waited for

    def __len__(self) -> int:
        return max(len(self._by_id), len(self._recent) + self._indexed)

    def evicted(self) -> int:
        """Return how many calls were forgotten for want of room, before their time. Not for two threads at a time."""
        self._asked += 1
        return self._forgotten() - (self._asked - 1)

    def judge(self, figures: Figures) -> Role:
        """Return whether a call is new, another span of one that is known, or a cache's answer; and remember it.

        Returns:
            `Role.INFERENCE` for a new one, `Role.DUPLICATE` or `Role.CACHED`.
        """
        plan, response_id = figures[0], figures[3]
        if response_id:
            known = self._by_id.setdefault(response_id, figures)
            if known is not figures:
                role = self._of_known(known, figures)
                if role is not None:
                    return role
                self._by_id[response_id] = figures
            elif len(self._by_id) > self._capacity:
                self._evict_one(figures)
        if plan.encodes:
            return _COUNTED
        if self._several or plan.scope != self._scope:
            if self._scope is None:
                self._scope = plan.scope
            else:
                self._several = True
                if self._is_tied(figures):
                    return _DUPLICATE
        self._recent.append(figures)
        if self._several:
            self._index()
        return _COUNTED

    def remember(self, figures: Figures) -> None:
        """Remember the id of a span that is known for a duplicate by where it stands: its siblings are, too."""
        response_id = figures.response_id
        if response_id:
            known = self._by_id.setdefault(response_id, figures)
            if known is not figures and self._known(known, figures) is None:
                self._by_id[response_id] = figures
            if len(self._by_id) > self._capacity:
                self._evict_one(figures)

    def _known(self, found: Figures | _Call, figures: Figures) -> _Call | None:
        """Return the call under an id, if it is of the same model and not too long ago."""
        first = found.first if isinstance(found, _Call) else found
        if first.plan.energy.model_id != figures.plan.energy.model_id:
            return None
        call = found if isinstance(found, _Call) else _Call(found)
        if call is not found:
            self._by_id[figures.response_id] = call
        return None if call.is_too_old_for(figures, self._max_age_ns) else call

    def _of_known(self, found: Figures | _Call, figures: Figures) -> Role | None:
        call = self._known(found, figures)
        if call is None:
            return None
        alike = call.has_the_tokens_of(figures)
        # Servers that give every answer one id: of one instrumentation, other tokens are another call.
        if (alike or figures.plan.scope not in call.scopes) and call.overlaps(figures):
            call.scopes.setdefault(figures.plan.scope, figures)
            return _DUPLICATE
        return _CACHED if alike else None  # a cache replays the usage too

    def _is_tied(self, figures: Figures) -> bool:
        """Return whether a span is of one of the calls with the same tokens; that call is then also of its scope."""
        self._index()
        response_id, scope = figures.response_id, figures.plan.scope
        for call in reversed(self._by_tokens.get(_tokens(figures), ())):
            if (
                scope not in call.scopes
                and not (response_id and call.response_id and response_id != call.response_id)
                and call.overlaps(figures)
                and call.may_be_of(figures.plan.usage.provider)
                and call.claimed(figures)
            ):
                if response_id:
                    call.response_id = response_id
                    self._by_id[response_id] = call
                return True
        return False

    def _index(self) -> None:
        """Take the calls that came since the last time in by their tokens."""
        while self._recent:
            try:
                figures = self._recent.popleft()
            except IndexError:  # another thread was faster
                return
            response_id = figures.response_id
            known = self._by_id.get(response_id) if response_id else None
            if isinstance(known, _Call) and known.first is figures:  # another span of it came
                call = known
            else:
                call = _Call(figures)
                if known is figures:
                    self._by_id[response_id] = call
            key = _tokens(figures)
            alike = self._by_tokens.setdefault(key, [])
            alike.append(call)
            try:
                self._by_tokens.move_to_end(key)
            except KeyError:  # another thread has let all of these tokens go in between
                self._by_tokens.setdefault(key, []).append(call)
            # A count that another thread's overwrites lets a call more or less stay, until it is made anew.
            self._indexed += 1
            if len(alike) > _MAX_ALIKE:
                del alike[:1]
                self._indexed -= 1
            if self._indexed > self._capacity:
                self._make_room(figures)

    def _make_room(self, latest: Figures) -> None:
        if not self._evicting.acquire(blocking=False):
            return  # another thread is at it
        try:
            # All calls of the oldest tokens at once: a bound on the calls, not only on the keys.
            if self._let_go >= self._capacity:
                self._let_go = 0
                self._indexed = sum(map(len, tuple(self._by_tokens.values())))
            while self._indexed > self._capacity and len(self._by_tokens) > 1:
                for gone in self._by_tokens.popitem(last=False)[1]:
                    self._indexed -= 1
                    self._let_go += 1
                    # Only a span that overlaps is tied by tokens, and by another instrumentation: else none is missed.
                    if self._several and not gone.response_id and gone.first.end_ns > latest.start_ns:
                        self._forgotten()
        finally:
            self._evicting.release()

    def _evict_one(self, latest: Figures) -> None:
        try:
            _, gone = self._by_id.popitem(last=False)
        except KeyError:  # other threads were faster
            return
        first = gone.first if isinstance(gone, _Call) else gone
        if first.end_ns >= latest.end_ns - self._max_age_ns:
            self._forgotten()
