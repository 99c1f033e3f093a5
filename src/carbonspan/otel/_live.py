# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the spans of this process hang together: which was current when another started, and what is kept of each.

What is kept hangs on the SDK's own span objects, under names of ours, so that it lives as long as they do and no
longer: spans that never end leave nothing behind.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry.trace import INVALID_SPAN, get_current_span

from carbonspan.counting._ancestry import MAX_DEPTH, Totals
from carbonspan.otel._writeback import held, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

# The names under which it hangs there.
_CONTEXT, _PARENT, _NODE = "_carbonspan_context", "_carbonspan_parent", "_carbonspan_node"
_PATH = "_carbonspan_path"  # its own node and those above it: where a span comes from does not change
_COUNTED, _DEPTH, _HOPS = "_carbonspan_counted", "_carbonspan_depth", "_carbonspan_hops"

MAX_ENDED = 16
"""Ancestors in a row that had ended when their child started; beyond, a span forgets where it came from. Without this a
program that starts each step below the one before would keep every span it ever made."""

_DEEPEST = 1024
"""Spans in a row, each begun below the one before; beyond, a span forgets where it came from. The same with spans that
overlap: a task that starts the next one and then ends never has an ancestor in a row that had ended."""


class LiveNode:
    """What is kept of a span below which something reported usage: a `SpanNode`."""

    __slots__ = ("_attributes", "_span", "counted_as", "events", "totals")

    def __init__(self, span: Any) -> None:
        # Not the span itself, on which this hangs: then only the garbage collector could let go of both.
        self._span = weakref.ref(span)
        self._attributes, self.events = held(span)
        self.totals = Totals()
        self.counted_as: bool | None = getattr(span, _COUNTED, None)

    @property
    def end_ns(self) -> int | None:
        """Its end; 0 where nobody holds it any more, and it will never end."""
        span = self._span()
        return 0 if span is None else span.end_time

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes now."""
        return plain(self._attributes)


_NOTHING: Mapping[str, object] = {}

# Spans by id, for SDKs whose `on_end` is given a copy of the span that started (below 1.40).
_by_id: weakref.WeakValueDictionary[int, Span] = weakref.WeakValueDictionary()


def started(span: Any, context: Context, *, copies: bool) -> None:
    """Remember the context a span starts in: its parent as an object, and the baggage.

    Args:
        span: The span that starts.
        context: The context it starts in.
        copies: Whether the SDK hands out copies when it ends.
    """
    if context:
        parent = get_current_span(context)
        if parent is not INVALID_SPAN:
            if getattr(parent, "end_time", None) is not None:
                hops = getattr(parent, _HOPS, 0) + 1
                if hops > MAX_ENDED:
                    return
                span._carbonspan_hops = hops  # noqa: SLF001 - ours
            depth = getattr(parent, _DEPTH, 0) + 1
            if depth % MAX_DEPTH == 0 and not _let_go(parent, depth):
                return
            span._carbonspan_depth = depth  # noqa: SLF001 - ours
            if hasattr(parent, "_readable_span"):  # it records, in this process
                span._carbonspan_parent = parent  # noqa: SLF001 - ours
    span._carbonspan_context = context  # noqa: SLF001 - ours
    if copies:
        _by_id[span.context.span_id] = span


def _let_go(parent: Any, depth: int) -> bool:
    """Let a span that has ended, far above one that starts, go of its own ancestors; return whether to go on below it.

    None that starts here looks that far. Where all are still live, as in a deep recursion, they are kept.
    """
    farthest = (parent, *ancestors(parent))[-1]
    if getattr(farthest, "end_time", None) is not None:
        farthest._carbonspan_context = farthest._carbonspan_parent = None  # noqa: SLF001 - ours
    return depth < _DEEPEST


def ancestors(span: Any) -> Iterator[Any]:
    """Yield the spans above one, nearest first, as far as they are of this process and known."""
    for _ in range(MAX_DEPTH):
        span = getattr(span, _PARENT, None)
        if span is None:
            return
        yield span


class LiveSpans:
    """Finds what is kept of the spans of this process, for the handler of a processor.

    Args:
        copies: Whether the SDK hands out copies when a span ends.
    """

    evicted = 0
    """None are ever forgotten for want of room."""

    def __init__(self, *, copies: bool = False) -> None:
        self._copies = copies

    def alone(self, span: Any, encodes: bool) -> bool:  # noqa: FBT001 - on every LLM span
        """Return whether a span started below nothing, with no baggage, and nothing reported below it; then count it.

        False where in doubt.
        """
        try:
            if span._carbonspan_context or hasattr(span, _NODE):  # noqa: SLF001 - ours
                return False
        except AttributeError:  # where it came from is not known
            return False
        span._carbonspan_counted = encodes  # noqa: SLF001 - ours
        return True

    def count(self, span: Any, encodes: bool | None) -> None:  # noqa: FBT001 - as above
        """Keep that a span was counted itself, for what ends below it later; `None`: that it was not."""
        original = _original(span) if self._copies else span
        original._carbonspan_counted = encodes  # noqa: SLF001 - ours

    def node(self, span: ReadableSpan) -> LiveNode | None:
        """Return what is kept of a span that ends, `None` where nothing is."""
        return getattr(_original(span) if self._copies else span, _NODE, None)

    def made(self, span: ReadableSpan) -> LiveNode:
        """Return what is kept of a span that ends, made where nothing was."""
        return _made(_original(span) if self._copies else span)

    def around(self, span: ReadableSpan) -> tuple[LiveNode | None, tuple[LiveNode, ...], Mapping[str, object]]:
        """Return what is kept of a span that ends and of those above it, nearest first, and the baggage it has."""
        original: Any = _original(span) if self._copies else span
        node = getattr(original, _NODE, None)
        context = getattr(original, _CONTEXT, None)
        if not context:
            return node, (), _NOTHING
        parent = getattr(original, _PARENT, None)
        if parent is None:
            return node, (), baggage.get_all(context)
        path: tuple[LiveNode, ...] | None = getattr(parent, _PATH, None)
        if path is None:
            # On the span, not on its node: a node that holds itself is left to the garbage collector, and one that
            # holds others' paths would keep a chain of them.
            path = (_made(parent), *map(_made, ancestors(parent)))[:MAX_DEPTH]
            parent._carbonspan_path = path  # noqa: SLF001 - ours
        # The parent only: nothing else is carried.
        return node, path, _NOTHING if len(context) == 1 else baggage.get_all(context)


def _made(span: Any) -> LiveNode:
    node: LiveNode | None = getattr(span, _NODE, None)
    if node is None:
        node = span._carbonspan_node = LiveNode(span)  # noqa: SLF001 - ours
    return node


def _original(span: Any) -> Any:
    """Return the object that `started` was given for a span that ends."""
    if hasattr(span, _CONTEXT) or not _by_id:
        return span
    return _by_id.get(span.context.span_id, span) if span.context else span
