# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How spans hang together where only ended ones are seen: by their ids, as an exporter gets them.

Children mostly come before their parents. What is known of a span is kept under its id until it comes itself, and
handed up to those above it as soon as that shows who they are. Bounded: the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from carbonspan.counting._ancestry import MAX_DEPTH, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

MAX_SPANS = 20_000

Key = tuple[int, int]
"""Trace id and span id."""

_NOTHING: Mapping[str, Any] = {}


class ExportedNode:
    """A span that has come, or of which a child has: a `SpanNode`."""

    __slots__ = ("attributes", "counted_as", "end_ns", "events", "parent", "totals")

    def __init__(self) -> None:
        self.parent: Key | None = None  # known once it has come
        self.end_ns: int | None = None
        # While its batch is handled.
        self.attributes: Mapping[str, Any] = _NOTHING
        self.events: Sequence[Any] = ()
        self.counted_as: bool | None = None
        self.totals = Totals()


class ExportedSpans:
    """The spans of one exporter. Not for two threads at a time: its exporter sees to that."""

    def __init__(self, capacity: int = MAX_SPANS) -> None:
        self._spans: OrderedDict[Key, ExportedNode] = OrderedDict()
        self._capacity = capacity
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._spans)

    def expect(self, span: ReadableSpan) -> None:
        """Take in a span of a batch before any of it is handled, so that those that come later are known as parents."""
        context, parent = span.context, span.parent
        if context is None:
            return
        one = self._of((context.trace_id, context.span_id))
        one.attributes, one.events = span.attributes or _NOTHING, span.events
        one.end_ns = span.end_time
        if parent is not None and not parent.is_remote and one.parent is None:
            one.parent = (parent.trace_id, parent.span_id)
            if len(one.totals):
                # What came below it before it was known who is above it.
                for ancestor in self._above(one):
                    ancestor.totals.take(one.totals)

    def leave(self, span: ReadableSpan) -> None:
        """Let go, after its batch, of what only the batch itself needed of a span."""
        one = self._spans.get((span.context.trace_id, span.context.span_id)) if span.context else None
        if one is not None:
            one.attributes, one.events = _NOTHING, ()
        while len(self._spans) > self._capacity:
            self._spans.popitem(last=False)
            self.evicted += 1

    @staticmethod
    def alone(span: ReadableSpan, encodes: bool) -> bool:  # noqa: ARG004, FBT001 - the interface's
        """Return False: whether it is would have to be looked up as well."""
        return False

    def count(self, span: ReadableSpan, encodes: bool | None) -> None:  # noqa: FBT001 - the interface's
        """Keep that a span was counted itself, for what comes below it later; `None`: that it was not."""
        self.made(span).counted_as = encodes

    def node(self, span: ReadableSpan) -> ExportedNode:
        """Return what is kept of a span of the batch."""
        return self.made(span)

    def made(self, span: ReadableSpan) -> ExportedNode:
        """Return what is kept of a span of the batch, made where nothing was."""
        if span.context is None:
            return ExportedNode()  # it can be nobody's parent
        return self._of((span.context.trace_id, span.context.span_id))

    def around(self, span: ReadableSpan) -> tuple[ExportedNode, tuple[ExportedNode, ...], Mapping[str, object]]:
        """Return what is kept of a span of the batch and of those above it, nearest first; baggage is not exported."""
        node = self.made(span)
        return node, tuple(self._above(node)), _NOTHING

    def _above(self, one: ExportedNode) -> Iterator[ExportedNode]:
        key = one.parent
        for _ in range(MAX_DEPTH):
            if key is None:
                return
            ancestor = self._of(key)
            yield ancestor
            key = ancestor.parent

    def _of(self, key: Key) -> ExportedNode:
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = ExportedNode()
        return found
