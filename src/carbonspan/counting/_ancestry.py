# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the spans of a process hang together: which was current when another started, and what is kept of each.

What is kept hangs on the SDK's own span objects, so that it lives as long as they do and no longer: spans that never
end leave nothing behind. What is private of a span is touched here and in `telemetry.writeback` alone.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from carbonspan.counting._sums import ExactSum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

# The names under which it hangs there.
_CONTEXT, _NODE, _HOPS = "_carbonspan_context", "_carbonspan_node", "_carbonspan_hops"
_COUNTED, _DEPTH = "_carbonspan_counted", "_carbonspan_depth"

MAX_DEPTH = 64
"""Ancestors looked at. Deeper traces are broken ones (a loop that starts each step below the last)."""
MAX_ENDED = 16
"""Ancestors in a row that had ended when their child started; beyond, a span forgets where it came from. Without this a
program that starts each step below the one before would keep every span it ever made."""

_DEEPEST = 1024
"""Spans in a row, each begun below the one before; beyond, a span forgets where it came from. The same with spans that
overlap: a task that starts the next one and then ends never has an ancestor in a row that had ended."""


class Node:
    """What is kept of a span below which usage was reported."""

    __slots__ = ("covered", "emissions_g", "energy_wh", "flags", "inferences")

    def __init__(self) -> None:
        self.covered: set[str] = set()  # the kinds of inference that were reported
        self.inferences = 0  # counted, at the span or below it, before it ended
        self.emissions_g = ExactSum()
        self.energy_wh = ExactSum()
        self.flags: dict[str, str] = {}

    def add(self, emissions_g: float, energy_wh: float) -> None:
        """Add one inference that was counted."""
        self.inferences += 1
        self.emissions_g.add(emissions_g)
        self.energy_wh.add(energy_wh)

    def take(self, other: Node) -> None:
        """Take over what was found out of a span below."""
        self.covered |= other.covered
        self.inferences += other.inferences
        self.emissions_g.take(other.emissions_g)
        self.energy_wh.take(other.energy_wh)
        self.flags.update(other.flags)


# Spans by id, for SDKs whose `on_end` is given a copy of the span that started (below 1.40).
_by_id: weakref.WeakValueDictionary[int, Span] = weakref.WeakValueDictionary()


def started(span: Any, parent_context: Context | None, *, copies: bool) -> None:
    """Remember the context a span starts in: its parent as an object, and the baggage. Called for every span.

    Args:
        span: The span that starts.
        parent_context: The context given for it; the current one where none is.
        copies: Whether the SDK hands out copies when it ends.
    """
    context = get_current() if parent_context is None else parent_context
    if not context:  # a root, and nothing carried: nothing above it to keep
        span._carbonspan_context = context  # noqa: SLF001 - ours
        if copies:
            _by_id[span.context.span_id] = span
        return
    parent = get_current_span(context)
    if getattr(parent, "_end_time", None) is not None:
        hops = getattr(parent, _HOPS, 0) + 1
        if hops > MAX_ENDED:
            return
        span._carbonspan_hops = hops  # noqa: SLF001 - ours
    depth = getattr(parent, _DEPTH, 0) + 1
    if depth % MAX_DEPTH == 0 and not _let_go(parent, depth):
        return
    span._carbonspan_depth = depth  # noqa: SLF001 - ours
    span._carbonspan_context = context  # noqa: SLF001 - ours
    if copies:
        _by_id[span.context.span_id] = span


def _let_go(parent: Any, depth: int) -> bool:
    """Let a span that has ended, far above one that starts, go of its own ancestors; return whether to go on below it.

    None that starts here looks that far. Where all are still live, as in a deep recursion, they are kept.
    """
    farthest = (parent, *ancestors(parent))[-1]
    if getattr(farthest, "_end_time", None) is not None:
        farthest._carbonspan_context = None  # noqa: SLF001 - ours
    return depth < _DEEPEST


def live(span: ReadableSpan) -> Any:
    """Return the object that `started` was given for a span that ends."""
    if hasattr(span, _CONTEXT) or not _by_id:
        return span
    return _by_id.get(span.context.span_id, span) if span.context else span


def context_of(span: Any) -> Context | None:
    """Return the context a span started in, `None` where it is not known."""
    return getattr(span, _CONTEXT, None)


def ancestors(span: Any) -> Iterator[Any]:
    """Yield the spans above one, nearest first, as far as they are of this process and known."""
    for _ in range(MAX_DEPTH):
        context = getattr(span, _CONTEXT, None)
        if not context:
            return
        span = get_current_span(context)
        if not hasattr(span, "_readable_span"):  # not recording, of another process, or none
            return
        yield span


def alone(span: Any) -> bool:
    """Return whether a span started below nothing, with no baggage, has no events, and nothing reported below it."""
    try:
        return not span._carbonspan_context and not span._events and not hasattr(span, _NODE)  # noqa: SLF001 - ours
    except AttributeError:  # where it came from is not known
        return False


def above_of(span: ReadableSpan) -> tuple[Any, tuple[Any, ...]]:
    """Return the object a span was when it started, and those above it, nearest first."""
    origin = live(span)
    return origin, tuple(ancestors(origin))


def node_of(span: Any) -> Node | None:
    """Return what is kept of a span, `None` where nothing is."""
    return getattr(span, _NODE, None)


def make_node(span: Any) -> Node:
    """Return what is kept of a span, made where nothing was."""
    node: Node | None = getattr(span, _NODE, None)
    if node is None:
        node = span._carbonspan_node = Node()  # noqa: SLF001 - ours
    return node


def is_of_call(span: Any, kind: str, start_ns: int) -> bool:
    """Return whether a span was itself counted, as `kind` or ("") as any, for a call that something below it reports.

    What starts there after it has ended is none of it.
    """
    counted = getattr(span, _COUNTED, "")
    return (
        bool(counted)
        and (not kind or counted == kind)
        and start_ns < (getattr(span, "_end_time", None) or start_ns + 1)
    )


def count_as(span: Any, kind: str) -> None:
    """Keep what a span was itself counted as."""
    span._carbonspan_counted = kind  # noqa: SLF001 - ours
