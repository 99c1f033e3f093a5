# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls have been counted, so that another span of one is known for what it is: bounded in number and time.

No single sign decides:

- An unguessable id that comes again is the same answer. Of another instrumentation, or at the same time, it is the same
  call; of the same one, later, with the same model and tokens, a cache's answer. With other tokens, it is no id.
- Without one, two spans are one call where they come from different instrumentations, overlap in time, have equal
  tokens, and nothing of what both say (id, server, provider, model) differs. Of several calls the nearest in time is
  meant. Two of one instrumentation never are one call.

Which ids are unguessable, and what else two spans say, is in `_evidence`.

No lock: a thread that the interpreter interrupts while it holds one would hold up every other that ends a span. What
decides is in each case one operation on a dictionary, which no other thread can come between.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from itertools import count, islice
from typing import TYPE_CHECKING

from carbonspan.core._fork import renew_in_child
from carbonspan.core._outcome import Role
from carbonspan.counting._evidence import (
    CLOSE_NS,
    agree,
    are_of_one_model,
    distance,
    is_common,
    is_unguessable,
    one_holds_the_other,
    overlap,
    tokens,
    tokens_agree,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.counting._evidence import Tokens
    from carbonspan.estimate._plan import Figures, Plan

MAX_CALLS = 8192
"""Calls remembered, about 700 bytes each: an hour of two a second."""
MAX_AGE_NS = 3_600_000_000_000
"""How long an answer is remembered, by the spans' own time: an hour. Two spans of one call are seconds apart; an answer
from a cache may come later, and is then counted as an inference of its own."""
_MAX_ALIKE = 256  # calls of equal tokens among which that of a span is looked for
_MAX_PARTIAL = 64  # tokens of calls among which those are looked for that agree with a partial usage
_MAX_ENDED = 16  # calls that had ended before it; those that came before them will have, too

# Looking a member of an Enum up runs Python code, on 3.11.
_COUNTED, _DUPLICATE, _CACHED = Role.INFERENCE, Role.DUPLICATE, Role.CACHED


class _Call:
    """One call, as the first span that reported it had it, and the other instrumentations that have reported it."""

    __slots__ = ("first", "repeats", "response_id", "scopes")

    def __init__(self, first: Figures, *, repeats: bool = False) -> None:
        self.first = first
        self.response_id = first.response_id  # learnt from a later span where the first had none
        self.repeats = repeats  # whether other calls have had its id
        self.scopes = {first.plan.scope: first}

    def claimed(self, figures: Figures) -> bool:
        """Return whether the call is now this span's too: it is where none of its instrumentation came before."""
        return self.scopes.setdefault(figures.plan.scope, figures) is figures

    def is_too_old_for(self, figures: Figures, max_age_ns: int) -> bool:
        return figures.start_ns - self.first.end_ns > max_age_ns

    def may_be_of(self, plan: Plan) -> bool:
        """Return whether a plan agrees with those of all spans that have reported the call."""
        return all(agree(figures.plan, plan) for figures in tuple(self.scopes.values()))

    def answered(self, figures: Figures) -> Role | None:
        """Return what a span is whose unguessable id the call has; `None` where it is of another call."""
        first, plan = self.first, figures.plan
        if not are_of_one_model(first.plan, plan):
            return None
        alike = tokens_agree(tokens(first), tokens(figures))
        if plan.scope not in self.scopes:
            # Some count a stream differently, or leave reasoning out.
            if not alike and not overlap(first, figures, CLOSE_NS):
                return None
            self.claimed(figures)
            return _DUPLICATE
        if not alike:
            return None
        return _DUPLICATE if overlap(first, figures) else _CACHED  # a cache replays the usage too

    def is_reported_by(self, figures: Figures) -> bool:
        """Return whether a span with the same guessable id is of the call; that is then also of its scope."""
        first = self.first
        return (
            figures.plan.scope not in self.scopes
            and overlap(first, figures)
            and self.may_be_of(figures.plan)
            and (
                tokens_agree(tokens(first), tokens(figures))
                or (
                    # One of them counts a stream differently, or leaves reasoning out.
                    not is_common(figures)
                    and first.input_tokens == figures.input_tokens
                    and one_holds_the_other(first, figures)
                )
            )
            and self.claimed(figures)
        )


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
        self._by_tokens: OrderedDict[Tokens, list[_Call]] = OrderedDict()
        self._partial = False  # whether a call reported one side of its tokens, or only their total
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
        response_id = figures[3]
        if not self._several and figures[0].scope != self._scope:
            self._note(figures)
        if response_id:
            known = self._by_id.setdefault(response_id, figures)
            if known is not figures:
                role = self._repeated(known, figures)
                if role is not None:
                    return role
            elif len(self._by_id) > self._capacity:
                self._evict_one(figures)
        if not self._several:
            self._recent.append(figures)
            return _COUNTED
        if self._is_tied(figures):
            return _DUPLICATE
        self._recent.append(figures)
        self._index()
        return _COUNTED

    def remember(self, figures: Figures) -> None:
        """Remember a span that is known for a duplicate by where it stands: its siblings are, too.

        The call that it is of is taken for reported by its instrumentation, too, so that the next span of that is
        another call's.
        """
        self._note(figures)
        response_id = figures.response_id
        if response_id:
            known = self._by_id.setdefault(response_id, figures)
            if len(self._by_id) > self._capacity:
                self._evict_one(figures)
            if known is not figures and self._repeated(known, figures) is not None:
                return
        if self._several:
            self._is_tied(figures)

    def _note(self, figures: Figures) -> None:
        """Keep whether there is more than one instrumentation: else there is nothing to tie."""
        if self._scope is None:
            self._scope = figures.plan.scope
        elif self._scope != figures.plan.scope:
            self._several = True

    def _repeated(self, found: Figures | _Call, figures: Figures) -> Role | None:
        """Return what a span is whose id is known, `None` where it is of a call that is not; the id is then its own."""
        response_id = figures.response_id
        if self._several:  # one object for each call, whichever way it is found
            self._index()
            found = self._by_id.get(response_id, found)
        call = found if isinstance(found, _Call) else _Call(found)
        if call is not found:
            self._by_id[response_id] = call
        if call.is_too_old_for(figures, self._max_age_ns):
            self._by_id[response_id] = figures
            return None
        if not call.repeats and is_unguessable(response_id):
            role = call.answered(figures)
            if role is not None:
                return role
        elif (self._several and self._is_tied(figures)) or call.is_reported_by(figures):
            return _DUPLICATE
        self._by_id[response_id] = _Call(figures, repeats=True)
        return None

    def _is_tied(self, figures: Figures) -> bool:
        """Return whether a span is of one of the calls with the same tokens; that call is then also of its scope."""
        self._index()
        response_id, plan = figures.response_id, figures.plan
        self._partial = self._partial or plan.usage.partial
        scope, start_ns, ended = plan.scope, figures.start_ns, 0
        found: list[tuple[bool, int, int, _Call]] = []
        same = self._by_tokens.get(tokens(figures), ())
        for call in (*self._agreeing(figures), *reversed(same)) if self._partial else reversed(same):
            first = call.first
            if not overlap(first, figures):
                if first.end_ns <= start_ns:
                    ended += 1
                    if ended > _MAX_ENDED:
                        break
            elif (
                scope not in call.scopes
                and not (response_id and call.response_id and response_id != call.response_id)
                and call.may_be_of(plan)
            ):
                part = first.plan.usage.partial is not plan.usage.partial  # the same tokens are the better sign
                found.append((part, distance(first, figures), len(found), call))
        found.sort()
        for *_, call in found:
            if call.claimed(figures):  # no other thread was faster
                if response_id and not call.response_id:
                    call.response_id = response_id
                    self._by_id[response_id] = call
                return True
        return False

    def _agreeing(self, figures: Figures) -> Iterable[_Call]:
        """Return recent calls at the same time that report a part of what a span reports, or more than it does."""
        own = tokens(figures)
        try:
            recent = tuple(islice(reversed(self._by_tokens.items()), _MAX_PARTIAL))
        except RuntimeError:  # another thread has added one meanwhile
            return ()
        agreeing = [calls for key, calls in recent if key != own and tokens_agree(key, own)]
        return [call for calls in agreeing for call in calls[-_MAX_PARTIAL:] if overlap(call.first, figures)]

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
            self._partial = self._partial or figures.plan.usage.partial
            key = tokens(figures)
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
