# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The SDK's ended span on the road, and what it gets: the step that processor and exporter share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbonspan.enrich import Road
from carbonspan.telemetry import Books, role_attributes, writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.settings import Settings
    from carbonspan.telemetry.attributes import Value
    from carbonspan.telemetry.journal import Note


class Step:
    """Works out what spans get under one set of settings, and notes what became of them."""

    def __init__(self, settings: Settings, meter_provider: MeterProvider | None = None) -> None:
        self.settings = settings
        self.road = Road.of(settings)
        self.known = self.road.known
        self._books = Books(
            metrics=settings.metrics, labels=settings.cohorts, meter_provider=meter_provider, grid=self.road.live
        )
        self.writer = writer(settings.attributes)
        self.note = self._books.note
        self.swallow = self._books.swallow
        self.counts = self._books.counts

    def note_of(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> Note | None:
        """Return what became of a span with these attributes, `None` where it is no LLM span.

        A span without a start takes the hour of its end.
        """
        scope = span.instrumentation_scope
        end_ns = span.end_time or 0
        start_ns = span.start_time or end_ns
        found = self.road.enrich(attributes, scope.name if scope else "", start_ns, end_ns, span.resource.attributes)
        return None if found is None else (found.outcome, found.footprint, found.uncounted, start_ns, end_ns)

    def additions(self, note: Note) -> dict[str, Value]:
        """Return what a span gets, most important first: a footprint's attributes, else its role if that says why."""
        _, footprint, uncounted, _, _ = note
        if footprint is not None:
            return self.writer.of(footprint)
        return role_attributes(uncounted.role) if uncounted else {}
