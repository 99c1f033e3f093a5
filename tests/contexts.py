# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What stands for a span in a context, beside the span itself: a wrapper, as Logfire has it, or only its ids."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

DIRECT, WRAPPED, REMOTE = "direct", "wrapped", "remote"
VIAS = [DIRECT, WRAPPED, REMOTE]


class Wrapper(trace.Span):
    """Passes all that is public on, and nothing that is private."""

    def __init__(self, inner: trace.Span) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def end(self, end_time: int | None = None) -> None:
        self._inner.end(end_time)

    def get_span_context(self) -> trace.SpanContext:
        return self._inner.get_span_context()

    def set_attributes(self, attributes: Any) -> None:
        self._inner.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self._inner.set_attribute(key, value)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._inner.add_event(*args, **kwargs)

    def update_name(self, name: str) -> None:
        self._inner.update_name(name)

    def is_recording(self) -> bool:
        return self._inner.is_recording()

    def set_status(self, *args: Any, **kwargs: Any) -> None:
        self._inner.set_status(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._inner.record_exception(*args, **kwargs)


def as_current(span: trace.Span, via: str) -> trace.Span:
    """Return what stands for a span in the context of those below it."""
    if via == WRAPPED:
        return Wrapper(span)
    if via == REMOTE:  # over a queue, and back
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span))
        return trace.get_current_span(TraceContextTextMapPropagator().extract(carrier))
    return span
