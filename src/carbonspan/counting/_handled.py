# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spans that a processor counted and that do not show it, for no attribute of ours had room.

All other spans say by their attributes that they were counted, to whichever processor or exporter sees them next.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

MAX_SPANS = 10_000
"""More than wait between processor and exporter: the SDK's queue holds 2,048 by default."""


class Handled:
    """Spans by their ids: the first to come are the first to go. Nearly always empty, which makes a look cheap."""

    def __init__(self, capacity: int = MAX_SPANS) -> None:
        self.spans: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._capacity = capacity

    def __len__(self) -> int:
        return len(self.spans)

    def __contains__(self, context: SpanContext | None) -> bool:
        return bool(self.spans) and context is not None and (context.trace_id, context.span_id) in self.spans

    def add(self, context: SpanContext | None) -> None:
        """Remember a span."""
        if context is not None:
            self.spans[context.trace_id, context.span_id] = None
            if len(self.spans) > self._capacity:
                self.spans.popitem(last=False)


handled = Handled()
"""The process's: processors and exporters share it."""
