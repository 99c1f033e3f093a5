# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Notes what a stack's spans say as an exporter gets them, whose children they are, and in which order they ran."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


class Recorder(SpanProcessor):
    """Stands where an exporting processor does, and takes from each span what that would export, when it would."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = 0
        self._open: dict[int, dict[str, Any]] = {}
        self.spans: list[dict[str, Any]] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the interface's
        """Note a span's beginning."""
        context, parent = span.get_span_context(), span.parent
        assert context is not None
        with self._lock:
            self._open[context.span_id] = {
                "name": span.name,
                "trace_id": f"{context.trace_id:032x}",
                "span_id": f"{context.span_id:016x}",
                "parent_id": f"{parent.span_id:016x}" if parent else None,
                "started": self._next(),
                "thread_started": threading.get_ident(),
            }

    def on_end(self, span: ReadableSpan) -> None:
        """Note a span as it is exported."""
        context, scope = span.context, span.instrumentation_scope
        assert context is not None
        with self._lock:
            noted = self._open.pop(context.span_id)
            noted |= {
                "name": span.name,
                "kind": span.kind.name,
                "scope": scope.name if scope else "",
                "attributes": dict(span.attributes or {}),
                "ended": self._next(),
                # Instrumentations may say when their span began, later than they make it.
                "start_ns": span.start_time,
                "end_ns": span.end_time,
                "same_thread": noted.pop("thread_started") == threading.get_ident(),
            }
            self.spans.append(noted)

    def unended(self) -> list[str]:
        """Return the names of spans that began and never ended."""
        with self._lock:
            return [noted["name"] for noted in self._open.values()]

    def _next(self) -> int:
        self._at += 1
        return self._at
