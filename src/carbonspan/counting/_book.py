# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: decides which of several spans of one call is counted, and adds up what every task caused.

1. Of nested spans the innermost that reports usage counts; those above it that report the same kind are duplicates.
2. Whatever ends first counts first: a span that ends below one that has been counted is the duplicate, unless it had
   not started when that one ended (a context that leaked, work that was left running).
3. Spans of one answer (response id, provider, model) that overlap in time are one call; one that starts after the other
   ended was answered from a cache. Where there is no id, see `calls`.
4. A container's usage counts only where nothing below it reported any.

Embeddings and rerankings are another kind than the answers of a model: a chat that holds an embedding call is not its
duplicate.
"""

from __future__ import annotations

import os
import threading
import weakref
from itertools import repeat
from typing import TYPE_CHECKING, Any

from carbonspan.counting import _ancestry as lineage
from carbonspan.counting._attribution import MAX_FLAGS
from carbonspan.counting._deduplication import COUNTED, DUPLICATE, Calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.counting._ancestry import Node
    from carbonspan.counting._deduplication import Reported
    from carbonspan.estimate.footprint import Footprint

_ENCODING = frozenset({"embeddings", "rerank"})
_ANSWER, _ENCODED = "answer", "encoded"


def _kind(operation: str) -> str:
    return _ENCODED if operation in _ENCODING else _ANSWER


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

    def inference(self, span: Any, reported: Reported, above: Sequence[Any]) -> str:
        """Return what an inference span is, and take it in.

        Args:
            span: The span, as it was when it started.
            reported: What it says of its call.
            above: Its ancestors, nearest first.
        """
        footprint, _, start_ns, _ = reported
        kind = _kind(footprint.shared.usage.operation)
        with self._lock:
            own = lineage.node_of(span)
            if (own is not None and kind in own.covered) or (
                above and any(map(lineage.is_of_call, above, repeat(kind), repeat(start_ns)))
            ):
                verdict = DUPLICATE
                self.calls.duplicate(reported)
            else:
                verdict = self.calls.judge(reported, ties=kind is _ANSWER)
            if above:
                self._report(above, kind)
            if verdict is COUNTED:
                if above or own is not None:
                    self._add(own, above, footprint)
                lineage.count_as(span, kind)
            return verdict

    def reported(self, above: Sequence[Any], operation: str, elsewhere: Reported | None = None) -> None:
        """Take in a span whose usage is not counted here, and nowhere above it: a cache's answer, a gateway's call.

        Args:
            above: Its ancestors.
            operation: What it did.
            elsewhere: What it says of a call that another process counts: its siblings here are not counted, either.
        """
        kind = _kind(operation)
        with self._lock:
            self._report(above, kind)
            if elsewhere is not None:
                self.calls.judge(elsewhere, ties=kind is _ANSWER)

    def container(self, span: Any, footprint: Footprint | None, start_ns: int, above: Sequence[Any]) -> str:
        """Return whether a container's own usage counts: it does where nothing below it has reported any.

        Args:
            span: The span, as it was when it started.
            footprint: What its usage would count for; `None` where it has none.
            start_ns: Its start.
            above: Its ancestors, nearest first.
        """
        with self._lock:
            own = lineage.node_of(span)
            if (
                footprint is None
                or (own is not None and own.covered)
                or any(lineage.is_of_call(ancestor, "", start_ns) for ancestor in above)
            ):
                return DUPLICATE
            self._report(above, _ANSWER)
            self._add(lineage.make_node(span), above, footprint)
            lineage.count_as(span, _ANSWER)
            return COUNTED

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
    def _add(own: Node | None, above: Sequence[Any], footprint: Footprint) -> None:
        grams, watt_hours = footprint.emissions_central_g, footprint.energy_central_wh
        if own is not None:
            own.add(grams, watt_hours)
        for ancestor in above:
            # Of one that has ended this comes too late to be shown, and does no harm.
            lineage.make_node(ancestor).add(grams, watt_hours)
