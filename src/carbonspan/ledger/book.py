# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: decides which of several spans of one call is counted, and adds up what every task caused.

1. Of nested spans the innermost that reports usage counts; those above it that report the same kind are duplicates.
2. Whatever ends first counts first: a span that ends below one that has been counted is the duplicate.
3. Spans of one answer (response id, provider, model) that overlap in time are one call; one that starts after the other
   ended was answered from a cache.
4. A container's usage counts only where nothing below it reported any.

Embeddings and rerankings are another kind than the answers of a model: a chat that holds an embedding call is not its
duplicate.
"""

from __future__ import annotations

import os
import threading
import weakref
from enum import Enum
from typing import TYPE_CHECKING, Any

from carbonspan.ledger import lineage
from carbonspan.ledger.attribution import MAX_FLAGS
from carbonspan.ledger.calls import Call, Calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.footprint import Footprint
    from carbonspan.ledger.lineage import Node
    from carbonspan.values import Usage

_ENCODING = frozenset({"embeddings", "rerank"})
_ANSWER, _ENCODED = "answer", "encoded"


class Verdict(str, Enum):
    """What a span that reports usage is."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    CACHED = "cached"


class Ledger:
    """What one processor has counted. Takes a lock of its own, for microseconds, and never over I/O."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = Calls() if calls is None else calls
        self._renew()
        if hasattr(os, "register_at_fork"):
            # A child must not inherit a lock that another thread of the parent held at the fork.
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _renew(self) -> None:
        # Reentrant: a signal handler that ends a span may interrupt one that ends on the same thread.
        self._lock = threading.RLock()

    def inference(self, span: Any, footprint: Footprint, start_ns: int, end_ns: int, above: Sequence[Any]) -> Verdict:
        """Return what an inference span is, and take it in.

        Args:
            span: The span, as it was when it started.
            footprint: What it would count for.
            start_ns: Its start.
            end_ns: Its end.
            above: Its ancestors, nearest first.
        """
        usage = footprint.shared.usage
        kind = _ENCODED if usage.operation in _ENCODING else _ANSWER
        with self._lock:
            own = lineage.node_of(span)
            if own is not None and kind in own.covered:
                return Verdict.DUPLICATE
            verdict = Verdict.COUNTED
            if any(lineage.counted_as(ancestor) == kind for ancestor in above):
                verdict = Verdict.DUPLICATE
            elif footprint.response_id:
                verdict = self._by_answer(footprint.response_id, usage, start_ns, end_ns)
            self._report(above, kind)
            if verdict is Verdict.COUNTED:
                self._count(span, own, above, kind, footprint)
            return verdict

    def cached(self, above: Sequence[Any]) -> None:
        """Take in a span that says itself that it was answered from a response cache."""
        with self._lock:
            self._report(above, _ANSWER)

    def container(self, span: Any, footprint: Footprint | None, above: Sequence[Any]) -> Verdict:
        """Return whether a container's own usage counts: it does where nothing below it has reported any.

        Args:
            span: The span, as it was when it started.
            footprint: What its usage would count for; `None` where it has none.
            above: Its ancestors, nearest first.
        """
        with self._lock:
            own = lineage.node_of(span)
            if footprint is None or (own is not None and own.covered) or any(map(lineage.counted_as, above)):
                return Verdict.DUPLICATE
            self._report(above, _ANSWER)
            self._count(span, lineage.make_node(span), above, _ANSWER, footprint)
            return Verdict.COUNTED

    def flagged(self, above: Sequence[Any], flags: Mapping[str, str]) -> None:
        """Show the flags of an inference on the root of its task, too."""
        if flags and above:
            with self._lock:
                node = lineage.make_node(above[-1])
                if len(node.flags) < MAX_FLAGS:
                    node.flags.update(flags)

    def totals(self, span: Any) -> Node | None:
        """Return what has been counted at and below a span that ends, `None` where nothing was."""
        node = lineage.node_of(span)
        return node if node is not None and node.inferences else None

    @staticmethod
    def _report(above: Sequence[Any], kind: str) -> None:
        for ancestor in above:
            lineage.make_node(ancestor).covered.add(kind)

    @staticmethod
    def _count(span: Any, own: Node | None, above: Sequence[Any], kind: str, footprint: Footprint) -> None:
        lineage.count_as(span, kind)
        grams, watt_hours = footprint.emissions_central_g, footprint.energy_central_wh
        if own is not None:
            own.add(grams, watt_hours)
        for ancestor in above:
            if not lineage.has_ended(ancestor):
                lineage.make_node(ancestor).add(grams, watt_hours)

    def _by_answer(self, response_id: str, usage: Usage, start_ns: int, end_ns: int) -> Verdict:
        model = usage.model
        known = self.calls.find(response_id, usage.provider, model)
        if known is None:
            self.calls.remember(response_id, usage.provider, Call(model, start_ns, end_ns))
            return Verdict.COUNTED
        overlap = start_ns < known.end_ns and known.start_ns < end_ns
        return Verdict.DUPLICATE if overlap or start_ns == known.start_ns else Verdict.CACHED
