# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonSpanProcessor: the SDK's hooks and the order of the steps, nothing more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from carbonspan.core._options import Settings
from carbonspan.core._outcome import Outcome
from carbonspan.counting import handled, node_of, started
from carbonspan.live._status import TIMEOUT_S
from carbonspan.otel._handler import Step
from carbonspan.otel._writeback import Path, facts, path, read, replace, write
from carbonspan.telemetry import marked
from carbonspan.usage import MARKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from typing_extensions import Unpack

    from carbonspan.core._options import Options
    from carbonspan.live._status import GridReport
    from carbonspan.otel._handler import Settled
    from carbonspan.telemetry import Counted


def _unknown(*_: object) -> None:
    """Stand for `Step.known` where attributes must take the long way onto a span."""


class CarbonSpanProcessor(SpanProcessor):
    """Writes energy and carbon onto every LLM span, before any processor exports it.

        provider.add_span_processor(CarbonSpanProcessor())  # any place in the list

    On SDKs below 1.40 it must come before the exporting processor; `carbonspan doctor` says which case applies.
    Its hooks never raise, wait or touch the network.

    Args:
        meter_provider: Where its metrics go; by default to the application's global provider, whenever it is set.
        **options: See `carbonspan.core._options.OPTIONS`. An option left out comes from its environment variable, else
            from its default.

    Raises:
        ValueError: for a wrong option, naming it, its value and what is allowed.
    """

    def __init__(self, *, meter_provider: MeterProvider | None = None, **options: Unpack[Options]) -> None:
        self._step = Step(Settings.resolve(options, os.environ), meter_provider)
        way = path()
        self._writes = way is not Path.NONE
        # The steps of nearly every span, bound once: each look-up, and each call in between, would show in its cost.
        self._copies = way in {Path.REBIND_END, Path.NONE}  # `on_end` is not given the span that started
        self._known = self._step.known if way in {Path.REBIND_ENDING, Path.REBIND_END} else _unknown
        self._onto = self._step.writer.onto
        self._note = self._step.note
        self._saw_ending = False

    @property
    def settings(self) -> Settings:
        """The options in force."""
        return self._step.settings

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome, and how many lacked room for all attributes."""
        return self._step.counts()

    def subscribe(self, subscriber: Callable[[Counted], None]) -> Callable[[], None]:
        """Have `subscriber` called with every inference that is counted, off the path of spans; return how to end it.

        See `carbonspan.Counted` for what it is given. What it raises is logged once, and counted.
        """
        return self._step.subscribe(subscriber)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remember what the span starts below: token counts are known at the end."""
        try:
            started(span, parent_context, copies=self._copies)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the application
            self._step.swallow(error)

    def _on_ending(self, span: Span) -> None:
        self._saw_ending = True
        self._handle(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Do the work here only where no `_on_ending` comes: an older SDK, or a wrapper that does not pass it on."""
        if not self._saw_ending:
            self._handle(span)

    def refresh_grid(self, timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch what is due of the grid zones seen so far, and wait for it: see `carbonspan.live._live`."""
        return self._step.road.refresh_grid(timeout_s)

    def prefetch_grid(self, regions: Iterable[str], timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch today's hours of these regions or zones before the first span, and wait for it."""
        return self._step.road.prefetch_grid(regions, timeout_s)

    def shutdown(self) -> None:
        """End the refreshing of the grid, where there is any: within a second."""
        self._step.road.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        """Return True: nothing is held back."""
        return True

    def _handle(self, span: ReadableSpan) -> None:
        try:
            attributes = read(span)
            if attributes.keys().isdisjoint(MARKERS):
                # Nearly every span of an application: nothing else is looked at, but for what ended below it.
                if node_of(span) is not None or self._copies:
                    new = self._step.root(span)
                    if new and self._writes:
                        write(span, new)
                return
            scope, start_ns, end_ns, resource, context = facts(span)
            if handled.spans and context in handled:
                self._note((Outcome.ALREADY, None, None, start_ns, end_ns), False, attributes, context, ())  # noqa: FBT003 - nothing was missed
                return
            known = self._known(attributes, scope, start_ns, end_ns, resource)
            if known is None:
                self._long_way(span, attributes, self._step.settle(span, attributes))
                return
            kind, footprint = known
            settled = self._step.inference(span, attributes, kind.outcome, footprint, scope, start_ns, end_ns)
            if settled.note[1] is footprint and settled.note[0] is kind.outcome:
                merged, added = self._onto(attributes, footprint)
                if settled.extra:
                    merged.update(settled.extra)
                    added += len(settled.extra)
                if replace(span, attributes, merged, added):
                    self._note(settled.note, False, attributes, context, settled.labels, kind.tells_cost)  # noqa: FBT003 - nothing was missed
                    return
            self._long_way(span, attributes, settled)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the application
            self._step.swallow(error)

    def _long_way(self, span: ReadableSpan, attributes: Mapping[str, Any], settled: Settled | None) -> None:
        new: Mapping[str, Any] = self._step.root(span) if settled is None else self._step.additions(settled)
        missed = write(span, new) if new and self._writes else 0
        if settled is not None:
            if missed and not marked(read(span)):
                handled.add(span.context)
            self._note(settled.note, missed > 0, attributes, span.context, settled.labels)
