# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonSpanProcessor: the SDK's hooks and the order of the steps, nothing more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanProcessor

from carbonspan.enrich import Road
from carbonspan.grid.report import TIMEOUT_S
from carbonspan.settings import Settings
from carbonspan.spans import additions, enrich
from carbonspan.telemetry import Path, Tally, path, read, write, writer
from carbonspan.usage import MARKERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from typing_extensions import Unpack

    from carbonspan.grid.report import GridReport
    from carbonspan.settings import Options


class CarbonSpanProcessor(SpanProcessor):
    """Writes energy and carbon onto every LLM span, before any processor exports it.

        provider.add_span_processor(CarbonSpanProcessor())  # any place in the list

    On SDKs below 1.40 it must come before the exporting processor; `carbonspan doctor` says which case applies.
    Its hooks never raise, wait or touch the network.

    Args:
        **options: See `carbonspan.settings.OPTIONS`. An option left out comes from its environment variable, else
            from its default.

    Raises:
        ValueError: for a wrong option, naming it, its value and what is allowed.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._settings = Settings.resolve(options, os.environ)
        self._road = Road.of(self._settings)
        self._attributes_of = writer(self._settings.attributes)
        self._writes = path() is not Path.NONE
        self._tally = Tally()
        self._saw_ending = False

    @property
    def settings(self) -> Settings:
        """The options in force."""
        return self._settings

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome, and how many lacked room for all attributes."""
        return self._tally.counts()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: token counts are known at the end."""

    def _on_ending(self, span: Span) -> None:
        self._saw_ending = True
        self._handle(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Do the work here only where no `_on_ending` comes: an older SDK, or a wrapper that does not pass it on."""
        if not self._saw_ending:
            self._handle(span)

    def refresh_grid(self, timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch what is due of the grid zones seen so far, and wait for it: see `carbonspan.grid.live`."""
        return self._road.refresh_grid(timeout_s)

    def prefetch_grid(self, regions: Iterable[str], timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch today's hours of these regions or zones before the first span, and wait for it."""
        return self._road.prefetch_grid(regions, timeout_s)

    def shutdown(self) -> None:
        """End the refreshing of the grid, where there is any: within a second."""
        self._road.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        """Return True: nothing is held back."""
        return True

    def _handle(self, span: ReadableSpan) -> None:
        try:
            attributes = read(span)
            if attributes.keys().isdisjoint(MARKERS):
                return  # nearly every span of an application: nothing else is looked at
            found = enrich(self._road, span, attributes)
            if found is None:
                return
            new = additions(found, self._attributes_of)
            missed = write(span, new) if new and self._writes else 0
            self._tally.count(found.outcome, limited=missed > 0)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the application
            self._tally.swallow(error)
