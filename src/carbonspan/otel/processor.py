# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonSpanProcessor: the SDK's hooks, each of which makes one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import SpanProcessor

from carbonspan.otel._base import Carbon
from carbonspan.otel._known import MOST_RECENT, file, recent
from carbonspan.otel._live import LiveSpans, started, was_ending
from carbonspan.otel._writeback import Path, Remaining, path, read, remember, replace, write
from carbonspan.telemetry._contract import marked
from carbonspan.usage import MARKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from typing_extensions import Unpack

    from carbonspan.runtime import Options


def _nothing_written(_span: ReadableSpan, _held: Mapping[str, Any], _new: dict[str, Any]) -> int:
    """Stand for what puts attributes onto a span, on an SDK that takes none once they are known."""
    return 0


class CarbonSpanProcessor(Carbon, SpanProcessor):
    """Writes energy and carbon onto every LLM span, before any processor exports it.

        provider.add_span_processor(CarbonSpanProcessor())  # any place in the list

    On SDKs below 1.40 it must come before the exporting processor; `carbonspan doctor` says which case applies.
    Its hooks never raise, wait or touch the network.

    Args:
        meter_provider: Where its metrics go; by default to the application's global provider, whenever it is set.
        **options: See docs/reference/settings.md. An option left out comes from its environment variable, else from its
            default.

    Raises:
        ValueError: for a wrong option, naming it, its value and what is allowed.
    """

    def __init__(self, *, meter_provider: MeterProvider | None = None, **options: Unpack[Options]) -> None:
        way = path()
        put = _nothing_written if way is Path.NONE else write if way is Path.SET_ATTRIBUTES else replace
        self._spans = LiveSpans()
        self._set_up(options, meter_provider, self._spans, put)
        self._llm_span = self._handler.llm_span
        self._ending: Any = self  # the context of the span that `_on_ending` was last given: none yet

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remember what the span starts below: token counts are known at the end."""
        try:
            remember(span)
            context = get_current() if parent_context is None else parent_context
            recent.append(ref(span))
            if len(recent) > MOST_RECENT:
                file()
            if context:
                started(span, context)
            else:  # a root that carries nothing
                span._carbonspan_context = context  # type: ignore[attr-defined] # noqa: SLF001 - ours
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the application
            self._handler.recorder.swallow(error)

    def _on_ending(self, span: Any) -> None:
        try:
            self._ending = span.context
            attributes = read(span)
            if not attributes.keys().isdisjoint(MARKERS):
                self._llm_span(span, attributes)
            elif self._spans.node(span) is not None or type(attributes) is Remaining:
                # Nearly every span of an application: nothing is looked at, but for what ended below it.
                self._handler.other_span(span, attributes)
            # It needs it no more. Another attribute, which would say the same, would make the span's dict grow.
            span._carbonspan_context = None  # noqa: SLF001 - ours
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the application
            self._handler.recorder.swallow(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Do the work here only where no `_on_ending` came: an older SDK, or a wrapper that does not pass it on."""
        # That is found out span by span: of two providers one may have a wrapper. The SDK calls both hooks one after
        # the other, so mostly a look is enough.
        try:
            context = span.context
            if (context is self._ending and context is not None) or was_ending(span):
                return
            if self._ending is not self and marked(read(span)):
                return  # it started before there was a processor, and ended with one
        except Exception as error:  # noqa: BLE001 - as above
            self._handler.recorder.swallow(error)
        else:
            self._on_ending(span)

    def shutdown(self) -> None:
        """End the refreshing of the grid, where there is any: within a second."""
        self._runtime.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        """Return True: nothing is held back."""
        return True
