# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the spans of this process hang together: below which another started, and what is kept of each.

What is kept hangs on the SDK's own span objects, under names of ours, so that it lives as long as they do and no
longer: spans that never end leave nothing behind. A parent is known by its ids (`_known`); where it is current in the
context as the SDK's own span, it is at hand without a look.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry.trace import get_current_span

from carbonspan import usage as usages
from carbonspan.core._outcome import Role
from carbonspan.counting._ancestry import MAX_DEPTH, Totals, Unknown
from carbonspan.otel import _known as known
from carbonspan.otel._writeback import held, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from carbonspan.estimate._plan import Figures

# The names under which it hangs there.
_CONTEXT = "_carbonspan_context"  # `None` once it was handled
_PARENT, _NODE = "_carbonspan_parent", "_carbonspan_node"
_UNKNOWN = "_carbonspan_unknown"  # what may be above it, where its parent is not known
_PATH = "_carbonspan_path"  # its own node and those above it: where a span comes from does not change
_COUNTED, _DEPTH, _HOPS = "_carbonspan_counted", "_carbonspan_depth", "_carbonspan_hops"

MAX_ENDED = 16
"""Ancestors in a row that had ended when their child started; beyond, a span forgets where it came from. Without this a
program that starts each step below the one before would keep every span it ever made."""

_DEEPEST = 1024
"""Spans in a row, each begun below the one before; beyond, a span forgets where it came from. The same with spans that
overlap: a task that starts the next one and then ends never has an ancestor in a row that had ended."""

MAX_OPEN = 64
"""Open spans of a trace, the oldest, among which those above a span of an unknown parent are looked for."""


class LiveNode:
    """What is kept of a span below which something reported usage: a `SpanNode`."""

    __slots__ = ("_attributes", "_span", "contains", "counted_as", "events", "loose", "totals")

    def __init__(self, span: Any) -> None:
        # Not the span itself, on which this hangs: then only the garbage collector could let go of both.
        self._span = weakref.ref(span)
        self._attributes, self.events = held(span)
        self.totals = Totals()
        self.loose: Totals | None = None
        self.contains = False
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


def started(span: Any, context: Context) -> None:
    """Remember what a span starts below, and the baggage.

    Args:
        span: The span that starts.
        context: The context it starts in.
    """
    above = span.parent
    if above is not None:
        parent: Any = get_current_span(context)
        if type(parent) is not type(span):  # a wrapper, or ids that came from elsewhere
            parent = known.find(above)
        if parent is None:
            unknown = _unknown(span, above)
            if unknown is not None:
                span._carbonspan_unknown = unknown  # noqa: SLF001 - ours
        else:
            if getattr(parent, "end_time", None) is not None:
                hops = getattr(parent, _HOPS, 0) + 1
                if hops > MAX_ENDED:
                    return
                span._carbonspan_hops = hops  # noqa: SLF001 - ours
            depth = getattr(parent, _DEPTH, 0) + 1
            if depth % MAX_DEPTH == 0 and not _let_go(parent, depth):
                return
            span._carbonspan_depth = depth  # noqa: SLF001 - ours
            span._carbonspan_parent = parent  # noqa: SLF001 - ours
    span._carbonspan_context = context  # noqa: SLF001 - ours


def _unknown(span: Any, above: SpanContext) -> Unknown | None:
    """Return what may be above a span whose parent is not known, `None` where nothing can be.

    That is whatever is open in its trace in this process, but for calls, which hold none, and for what stands beside
    it: spans of the same unknown parent, and requests of the same trace that came from elsewhere as this one did.
    """
    found: list[Any] = []
    for one in known.open_in(above.trace_id):
        if one is not span and len(found) < MAX_OPEN:
            top = (one, *ancestors(one))[-1]
            from_ = top.parent
            if from_ is not None and (from_.span_id == above.span_id or (from_.is_remote and above.is_remote)):
                continue
            if not _is_call(one):
                found.append(one)
    if not found:
        return None
    # Whose it was is inherited from what is above it for certain: the latest that is open, and what is above that, as
    # far as it is above all others that are open, too.
    latest = max(found, key=lambda one: one.start_time or 0)
    path = _path(latest)
    on_path = {id(node) for node in path}
    for one in found:
        theirs = _path(one)
        if id(theirs[0]) not in on_path:
            above_it = {id(node) for node in theirs}
            path = tuple(node for node in path if id(node) in above_it)
    return Unknown(tuple(map(_made, found)), path[:MAX_DEPTH])


def _is_call(span: Any) -> bool:
    """Return whether a span is known by now for a model's call: nothing is below it that it does not report itself."""
    scope = span.instrumentation_scope
    found = usages.read(plain(held(span)[0]), scope.name if scope else "")
    return found is not None and found.role is not Role.CONTAINER


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
    """Finds what is kept of the spans of this process, for the handler of a processor."""

    evicted = 0
    """None are ever forgotten for want of room."""

    @staticmethod
    def alone(span: Any, encodes: bool) -> bool:  # noqa: FBT001 - on every LLM span
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

    @staticmethod
    def count(span: Any, encodes: bool | None) -> None:  # noqa: FBT001 - as above
        """Keep that a span was counted itself, for what ends below it later; `None`: that it was not."""
        original(span)._carbonspan_counted = encodes  # noqa: SLF001 - ours

    @staticmethod
    def node(span: ReadableSpan) -> LiveNode | None:
        """Return what is kept of a span that ends, `None` where nothing is."""
        return getattr(original(span), _NODE, None)

    @staticmethod
    def made(span: ReadableSpan, figures: Figures | None = None) -> LiveNode:  # noqa: ARG004 - the interface's
        """Return what is kept of a span that ends, made where nothing was."""
        return _made(original(span))

    @staticmethod
    def around(
        span: ReadableSpan,
    ) -> tuple[LiveNode | None, tuple[LiveNode, ...], Mapping[str, object], Unknown | None]:
        """Return what is kept of a span that ends and of those above it, nearest first, and the baggage it has.

        Last what may be above the topmost of them, where its parent is not known.
        """
        one: Any = original(span)
        node = getattr(one, _NODE, None)
        context = getattr(one, _CONTEXT, None)
        if context is None:
            return node, (), _NOTHING, None
        parent = getattr(one, _PARENT, None)
        if parent is None:
            return node, (), baggage.get_all(context) if context else _NOTHING, getattr(one, _UNKNOWN, None)
        path: tuple[tuple[LiveNode, ...], Unknown | None] | None = getattr(parent, _PATH, None)
        if path is None:
            # On the span, not on its node: a node that holds itself is left to the garbage collector, and one that
            # holds others' paths would keep a chain of them.
            spans = (parent, *ancestors(parent))[:MAX_DEPTH]
            path = tuple(map(_made, spans)), getattr(spans[-1], _UNKNOWN, None)
            parent._carbonspan_path = path  # noqa: SLF001 - ours
        # The parent only: nothing else is carried.
        return node, path[0], _NOTHING if len(context) == 1 else baggage.get_all(context), path[1]


def _made(span: Any) -> LiveNode:
    node: LiveNode | None = getattr(span, _NODE, None)
    if node is None:
        node = span._carbonspan_node = LiveNode(span)  # noqa: SLF001 - ours
    return node


def _path(span: Any) -> tuple[LiveNode, ...]:
    """Return what is kept of a span, of those above it, and of those that are above the topmost for certain."""
    spans = (span, *ancestors(span))
    unknown = getattr(spans[-1], _UNKNOWN, None)
    return (*map(_made, spans), *(unknown.certain if unknown else ()))


def original(span: Any) -> Any:
    """Return the object that `started` was given for a span that ends: some SDKs and wrappers hand out a copy."""
    if hasattr(span, _CONTEXT):
        return span
    context = span.context
    found = known.find(context) if context else None
    return span if found is None else found


def was_ending(span: ReadableSpan) -> bool:
    """Return whether a span that is given to `on_end` was given to `_on_ending` before."""
    return getattr(original(span), _CONTEXT, span) is None
