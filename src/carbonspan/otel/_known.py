# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The spans of this process by trace and span id, as long as the application or the SDK holds them.

What is current in a context need not be the SDK's own span: Logfire puts a wrapper there, a traceparent that comes back
over a queue is only ids, and a sampler leaves a span that does not record. An id is the same in all of them.

Every span that starts is entered, so an entry must cost next to nothing: a weak reference is appended. Only when a span
is asked for by its ids, or when many wait, are they filed; most are gone by then. Entries of spans that are gone are
swept out when there are twice as many as the last sweep left.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import Span
    from opentelemetry.trace import SpanContext

MOST_RECENT = 512
"""Entries that wait to be filed."""
_LEAST = 1024  # entries before the first sweep, some 200 bytes each
_NONE: dict[int, weakref.ref[Span]] = {}

# No lock: each step is one operation on a container. Two threads may file and sweep at a time, and do no harm.
recent: deque[weakref.ref[Span]] = deque()
"""For who appends a span that starts; beyond `MOST_RECENT` of them, `file` is to be called."""
_first: dict[int, weakref.ref[Span]] = {}  # of each trace: most have no more here, and a table for each would cost most
_others: dict[int, dict[int, weakref.ref[Span]]] = {}
_sweep_at = _LEAST


def file() -> None:
    """File the spans that were entered and are still there."""
    entries = []
    with suppress(IndexError):  # another thread may be faster
        while recent:
            entries.append(recent.popleft())
    for span, known in [(span, known) for known in entries if (span := known()) is not None]:
        trace_id, span_id = span.context[:2]
        if _first.setdefault(trace_id, known) is not known:
            spans = _others.get(trace_id) or _others.setdefault(trace_id, {})
            spans[span_id] = known
            if len(spans) > _sweep_at:
                sweep()
    if len(_first) > _sweep_at:
        sweep()


def find(context: SpanContext) -> Span | None:
    """Return the span with these ids, `None` where it is not of this process or is gone."""
    file()
    trace_id, span_id = context.trace_id, context.span_id
    first = _first.get(trace_id)
    if first is None:
        return None
    known = _others.get(trace_id, _NONE).get(span_id, first)
    span = known()
    return span if span is not None and span.context.span_id == span_id else None


def open_in(trace_id: int) -> Iterator[Span]:
    """Yield the spans of a trace that have started and not ended, in the order in which they started."""
    file()
    first = _first.get(trace_id)
    if first is None:
        return
    for known in (first, *tuple(_others.get(trace_id, _NONE).values())):
        span = known()
        if span is not None and span.end_time is None:
            yield span


def sweep() -> int:
    """Drop the entries of spans that are gone, and return how many are left."""
    global _sweep_at  # noqa: PLW0603 - of the process
    left = 0
    for trace_id, spans in tuple(_others.items()):
        for span_id, known in tuple(spans.items()):
            if known() is None:
                spans.pop(span_id, None)
        if not spans:
            _others.pop(trace_id, None)
            if spans:  # another thread has entered one in between
                _others.setdefault(trace_id, spans)
        left += len(spans)
    for trace_id, known in tuple(_first.items()):
        if known() is None and trace_id not in _others:
            _first.pop(trace_id, None)
    left += len(_first)
    _sweep_at = max(_LEAST, 2 * left)
    return left
