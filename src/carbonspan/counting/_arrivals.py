# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How spans hang together where only ended ones are seen: by their ids, as an exporter gets them.

Children mostly arrive before their parents. What is known of a span is kept under its id until it arrives itself, and
handed up to those above it as soon as that shows who they are. Bounded: the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from carbonspan.counting import _ancestry as lineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

MAX_SPANS = 20_000

Key = tuple[int, int]
"""Trace id and span id."""


class Arrival:
    """A span that has arrived, or of which a child has. It stands in the ledger for the SDK's span."""

    # The names are those under which `lineage` keeps what it knows of a span.
    __slots__ = ("_attributes", "_carbonspan_counted", "_carbonspan_node", "_end_time", "_events", "parent")

    def __init__(self) -> None:
        self.parent: Key | None = None  # known once it has arrived
        self._end_time: int | None = None
        self._attributes: Mapping[str, Any] | None = None  # while its batch is
        self._events: Sequence[Any] = ()


class Arrivals:
    """The spans of one exporter. Not for two threads at a time: its exporter sees to that."""

    def __init__(self, capacity: int = MAX_SPANS) -> None:
        self._spans: OrderedDict[Key, Arrival] = OrderedDict()
        self._capacity = capacity
        self.evicted = 0

    def expect(self, span: ReadableSpan) -> None:
        """Take in a span of a batch before any of it is handled, so that those that come later are known as parents."""
        context, parent = span.context, span.parent
        if context is None:
            return
        one = self._of((context.trace_id, context.span_id))
        one._attributes, one._events = span.attributes, span.events  # noqa: SLF001 - this module's
        one._end_time = span.end_time  # noqa: SLF001 - this module's
        if parent is not None and not parent.is_remote and one.parent is None:
            one.parent = (parent.trace_id, parent.span_id)
            self._hand_up(one)

    def leave(self, span: ReadableSpan) -> None:
        """Let go, after its batch, of what only the batch itself needed of a span."""
        one = self._spans.get((span.context.trace_id, span.context.span_id)) if span.context else None
        if one is not None:
            one._attributes, one._events = None, ()  # noqa: SLF001 - this module's
        while len(self._spans) > self._capacity:
            self._spans.popitem(last=False)
            self.evicted += 1

    def of(self, span: ReadableSpan) -> tuple[Any, tuple[Any, ...]]:
        """Return what stands for a span of the batch, and for those above it, nearest first."""
        if span.context is None:
            return Arrival(), ()  # it can be nobody's parent
        own = self._of((span.context.trace_id, span.context.span_id))
        return own, tuple(self._above(own))

    def _above(self, one: Arrival) -> Iterator[Arrival]:
        key = one.parent
        for _ in range(lineage.MAX_DEPTH):
            if key is None:
                return
            ancestor = self._of(key)
            yield ancestor
            key = ancestor.parent

    def _hand_up(self, one: Arrival) -> None:
        """Tell those above a span what arrived below it before it was known who they are."""
        node = lineage.node_of(one)
        if node is not None:
            for ancestor in self._above(one):
                lineage.make_node(ancestor).take(node)

    def _of(self, key: Key) -> Arrival:
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = Arrival()
        return found
