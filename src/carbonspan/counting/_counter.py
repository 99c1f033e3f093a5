# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Decides which of several spans of one call is counted, and adds up what every task caused.

1. Of nested spans the innermost that reports usage counts; those above it that report the same sort are duplicates.
2. Whatever ends first counts first: a span that ends below one that has been counted is the duplicate, unless it had
   not started when that one ended (a context that leaked, work that was left running).
3. Spans whose evidence says so together are one call, wherever they stand; an answer that comes again after its call
   has ended came from a cache: see `deduplicator`.
4. A container's usage counts only where nothing below it reported any. What was reported below a parent that is not
   known counts as below every container that was open in its trace.

Embeddings and rerankings are another sort than the answers of a model: a chat that holds an embedding call is not its
duplicate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.core._outcome import ENCODING, Role
from carbonspan.counting._ancestry import loose_of, was_counted
from carbonspan.counting._attribution import MAX_FLAGS
from carbonspan.counting._deduplicator import Deduplicator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.counting._ancestry import SpanNode, Unknown
    from carbonspan.estimate._plan import Figures

_COUNTED, _DUPLICATE = Role.INFERENCE, Role.DUPLICATE


class Counter:
    """What one processor or exporter has counted. Holds no lock."""

    def __init__(self) -> None:
        self.deduplicator = Deduplicator()

    def inference(
        self,
        node: SpanNode | None,
        figures: Figures,
        above: Sequence[SpanNode],
        unknown: Unknown | None = None,
    ) -> Role:
        """Return what an inference span is, and take it in.

        Args:
            node: The span; `None` where nothing is kept of it, since nothing below it reported any usage.
            figures: What it amounts to.
            above: Its ancestors, nearest first.
            unknown: What may be above the topmost of them, where its parent is not known.

        Returns:
            `Role.INFERENCE` where it counts, else `Role.DUPLICATE` or `Role.CACHED`.
        """
        encodes, start_ns = figures.plan.encodes, figures.start_ns
        covered = node is not None and node.totals.covers(encodes=encodes)
        for ancestor in above:
            if ancestor.counted_as is not None and was_counted(ancestor, encodes, start_ns):
                covered = True
        if covered or (unknown is not None and _contained(unknown, start_ns)):
            role = _DUPLICATE
            self.deduplicator.remember(figures)
        else:
            role = self.deduplicator.judge(figures)
        if role is not _COUNTED:
            _cover(above, unknown, encodes=encodes)
            return role
        if node is not None:
            if len(node.totals):
                node.totals.add(figures)
            node.counted_as = encodes
        for ancestor in above:
            # Of one that has ended this comes too late to be shown, and does no harm.
            ancestor.totals.add(figures)
        if unknown is not None:
            _add_loosely(unknown, figures)
        return role

    def reported(
        self,
        above: Sequence[SpanNode],
        unknown: Unknown | None,
        operation: str,
        elsewhere: Figures | None = None,
    ) -> None:
        """Take in a span whose usage is not counted here, and nowhere above it: a cache's answer, a gateway's call.

        Args:
            above: Its ancestors.
            unknown: What may be above the topmost of them.
            operation: What it did.
            elsewhere: What it says of a call that another process counts: its siblings here are not counted, either.
        """
        _cover(above, unknown, encodes=operation in ENCODING)
        if elsewhere is not None:
            self.deduplicator.judge(elsewhere)

    def container(
        self,
        node: SpanNode,
        figures: Figures | None,
        start_ns: int,
        above: Sequence[SpanNode],
        unknown: Unknown | None = None,
    ) -> Role:
        """Return whether a container's own usage counts: it does where nothing below it has reported any.

        Args:
            node: The span.
            figures: What its usage would count for; `None` where it has none.
            start_ns: Its start.
            above: Its ancestors, nearest first.
            unknown: What may be above the topmost of them.

        Returns:
            `Role.INFERENCE` where it counts, else `Role.DUPLICATE`: also where a span elsewhere is of the same call.
        """
        if figures is None or node.totals.covers() or (node.loose is not None and node.loose.covers()):
            return _DUPLICATE
        if any(was_counted(one, None, start_ns) for one in above) or (unknown and _contained(unknown, start_ns)):
            return _DUPLICATE
        if self.deduplicator.judge(figures) is not _COUNTED:
            _cover(above, unknown, encodes=False)
            return _DUPLICATE
        node.totals.add(figures)
        node.counted_as = False  # in place of answers
        node.contains = True
        for ancestor in above:
            ancestor.totals.add(figures)
        if unknown is not None:
            _add_loosely(unknown, figures)
        return _COUNTED

    @staticmethod
    def flagged(above: Sequence[SpanNode], flags: Mapping[str, str]) -> None:
        """Show the flags of an inference on the root of its task, too."""
        if flags and above:
            totals = above[-1].totals
            if len(totals.flags) < MAX_FLAGS:
                totals.flags.update(flags)


def _contained(unknown: Unknown, start_ns: int) -> bool:
    """Return whether a container that may be above a span was itself counted, in place of what is below it."""
    return any(one.contains and was_counted(one, None, start_ns) for one in unknown.open)


def _cover(above: Sequence[SpanNode], unknown: Unknown | None, *, encodes: bool) -> None:
    for ancestor in above:
        ancestor.totals.cover(encodes=encodes)
    if unknown is not None:
        for one in unknown.open:
            loose_of(one).cover(encodes=encodes)


def _add_loosely(unknown: Unknown, figures: Figures) -> None:
    for one in unknown.open:
        loose_of(one).add(figures)
