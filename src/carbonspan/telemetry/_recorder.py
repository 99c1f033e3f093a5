# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What one processor or exporter has counted: outcomes for `counts()`, and the metrics of its meter provider."""

from __future__ import annotations

import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.telemetry import _cost as cost
from carbonspan.telemetry._metrics import CACHED, instruments
from carbonspan.telemetry._queue import Entry, journal
from carbonspan.telemetry._tally import ATTRIBUTE_LIMIT, ERROR, EVICTED, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext

    from carbonspan.estimate.footprint import Footprint
    from carbonspan.telemetry._grid_metrics import Grid
    from carbonspan.telemetry._queue import Note


# Inferences that wait for a subscriber who is slower than spans come; what comes beyond is not told, and counted.
_MAX_UNTOLD = 5000


class Counted(NamedTuple):
    """One inference that was counted, and whose it was: what budgets and reports are made of."""

    footprint: Footprint
    start_ns: int
    end_ns: int
    trace_id: int  # 0 where the span has no context
    span_id: int
    labels: Mapping[str, Any]  # agent, flags and cohorts by name, as far as the settings name them


class Books:
    """Notes spans on their path, and counts them off it.

    Args:
        metrics: Whether there are metrics.
        labels: Names of the labels that inferences inherit or have of their own.
        meter_provider: Whose metrics; the application's global provider by default.
        grid: Live sources to report beside the spans, where there are any.
        evicted: Returns how many calls and spans the ledger has forgotten for want of room.
    """

    def __init__(
        self,
        *,
        metrics: bool = True,
        labels: tuple[str, ...] = (),
        meter_provider: MeterProvider | None = None,
        grid: Grid | None = None,
        evicted: Callable[[], int] = int,
    ) -> None:
        self._tally = Tally()
        self._labels = labels
        self._instruments = instruments(meter_provider) if metrics else None
        if self._instruments is not None and grid is not None:
            self._instruments.watch(grid)
        self._evicted = evicted
        self._evicted_noted = 0
        self._subscribers: tuple[Callable[[Counted], None], ...] = ()
        self._untold: deque[tuple[Entry, Footprint]] = deque()
        if hasattr(os, "register_at_fork"):
            # What waited is the parent's to tell.
            forget = weakref.WeakMethod(self._forget)
            os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def _forget(self) -> None:
        self._untold.clear()

    def subscribe(self, subscriber: Callable[[Counted], None]) -> Callable[[], None]:
        """Have `subscriber` called with every inference that is counted from now on; return how to end that.

        Off the path of spans: when a reader collects, `counts()` is asked, or some thousands wait. What it raises is
        logged once and counted, and the next subscriber is called.
        """
        self._subscribers = (*self._subscribers, subscriber)

        def end() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

        return end

    def note(  # noqa: PLR0917 - every LLM span comes through: naming its arguments would show in its cost
        self,
        note: Note,
        limited: bool,  # noqa: FBT001
        attributes: Mapping[str, Any],
        context: SpanContext | None,
        labels: tuple[object, ...],
        tells_cost: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Note what became of a span: an append.

        Args:
            note: Its outcome and footprint.
            limited: Whether it lacked room for some attributes.
            attributes: Its attributes.
            context: Its context.
            labels: The values of its own labels, () where it has none.
            tells_cost: Whether one of the attributes may say what it cost.
        """
        stated = (
            cost.stated(attributes) if tells_cost and note[1] is not None and self._instruments is not None else None
        )
        # Through `tuple` itself: a named tuple's own constructor takes as long as all the rest.
        journal.add(tuple.__new__(Entry, (self, note, limited, context, stated, labels)))

    def take(self, entry: Entry, *, idle: bool) -> None:
        """Count an entry."""
        outcome, footprint, _, _, _ = entry.note
        forgotten = self._evicted() - self._evicted_noted
        if forgotten:
            self._evicted_noted += forgotten
            self._count(EVICTED, forgotten)
        self._tally.count(outcome, limited=entry.limited)
        if footprint is not None and outcome != CACHED and self._subscribers:
            # Whoever ends a span must not wait for a subscriber: the next who may tells it.
            if len(self._untold) < _MAX_UNTOLD:
                self._untold.append((entry, footprint))
            else:
                self.swallow(OverflowError(), "left inferences untold to a subscriber, which is too slow")
            if idle:
                self._tell_all()
        if self._instruments is None:
            return
        self._instruments.count(outcome)
        if entry.limited:
            self._instruments.count(ATTRIBUTE_LIMIT)
        if footprint is not None:
            self._instruments.add(entry, footprint, self._labels, idle=idle)

    def _count(self, outcome: str, times: int) -> None:
        self._tally.count(outcome, times)
        if self._instruments is not None:
            self._instruments.count(outcome, times)

    def _tell_all(self) -> None:
        while self._untold:
            try:
                one = self._untold.popleft()
            except IndexError:  # another thread was faster
                return
            self._tell(*one)

    def _tell(self, entry: Entry, footprint: Footprint) -> None:
        _, _, _, start_ns, end_ns = entry.note
        context = entry.context
        own = zip(self._labels, entry.labels, strict=False)
        labels = {name: value for name, value in own if value is not None and value != ""}
        counted = Counted(
            footprint,
            start_ns,
            end_ns,
            context.trace_id if context else 0,
            context.span_id if context else 0,
            labels,
        )
        for subscriber in self._subscribers:
            self._told(subscriber, counted)

    def _told(self, subscriber: Callable[[Counted], None], counted: Counted) -> None:
        try:
            subscriber(counted)
        except Exception as error:  # noqa: BLE001 - whoever reads the counts must not see it
            self.swallow(error, "went on without a subscriber to its counts, which failed")

    def swallow(self, error: Exception, what: str = "left a span as it was") -> None:
        """Count an error that must not reach the application, and log it once per cause."""
        self._tally.swallow(error, what)
        if self._instruments is not None:
            self._instruments.count(ERROR)

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome in this process, and how many lacked room for all attributes."""
        journal.drain()
        self._tell_all()
        return self._tally.counts()
