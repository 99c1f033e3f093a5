# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What one processor or exporter has counted: outcomes for `counts()`, and the metrics of its meter provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbonspan.telemetry import cost
from carbonspan.telemetry.journal import Entry, journal
from carbonspan.telemetry.metrics import instruments
from carbonspan.telemetry.tally import ATTRIBUTE_LIMIT, ERROR, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext

    from carbonspan.telemetry.grid_metrics import Grid
    from carbonspan.telemetry.journal import Note


class Books:
    """Notes spans on their path, and counts them off it.

    Args:
        metrics: Whether there are metrics.
        labels: Names of span attributes that become labels.
        meter_provider: Whose metrics; the application's global provider by default.
        grid: Live sources to report beside the spans, where there are any.
    """

    def __init__(
        self,
        *,
        metrics: bool = True,
        labels: tuple[str, ...] = (),
        meter_provider: MeterProvider | None = None,
        grid: Grid | None = None,
    ) -> None:
        self._tally = Tally()
        self._labels = labels
        self._instruments = instruments(meter_provider) if metrics else None
        if self._instruments is not None and grid is not None:
            self._instruments.watch(grid)

    def note(
        self,
        note: Note,
        limited: bool,  # noqa: FBT001 - by position, as all here: every LLM span comes through
        attributes: Mapping[str, Any],
        context: SpanContext | None,
        tells_cost: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Note what became of a span: an append.

        Args:
            note: Its outcome and footprint.
            limited: Whether it lacked room for some attributes.
            attributes: Its attributes.
            context: Its context.
            tells_cost: Whether one of the attributes may say what it cost.
        """
        counted = self._instruments is not None and note[1] is not None
        stated = cost.stated(attributes) if tells_cost and counted else None
        labels = tuple(map(attributes.get, self._labels)) if self._labels and counted else ()
        # Through `tuple` itself: a named tuple's own constructor takes as long as all the rest.
        journal.add(tuple.__new__(Entry, (self, note, limited, context, stated, labels)))

    def take(self, entry: Entry, *, idle: bool) -> None:
        """Count an entry."""
        outcome, footprint, _, _, _ = entry.note
        self._tally.count(outcome, limited=entry.limited)
        if self._instruments is None:
            return
        self._instruments.count(outcome)
        if entry.limited:
            self._instruments.count(ATTRIBUTE_LIMIT)
        if footprint is not None:
            self._instruments.add(entry, footprint, self._labels, idle=idle)

    def swallow(self, error: Exception) -> None:
        """Count an error that must not reach the application, and log it once per cause."""
        self._tally.swallow(error)
        if self._instruments is not None:
            self._instruments.count(ERROR)

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome in this process, and how many lacked room for all attributes."""
        journal.drain()
        return self._tally.counts()
