# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Records what became of spans: outcomes for `counts()`, metrics, and inferences for subscribers."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._fork import renew_in_child
from carbonspan.core._outcome import ATTRIBUTE_LIMIT, EVICTED, Outcome
from carbonspan.telemetry._metrics import instruments
from carbonspan.telemetry._queue import Entry, queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext

    from carbonspan.estimate._plan import Figures
    from carbonspan.estimate.footprint import Footprint
    from carbonspan.telemetry._grid_metrics import Grid

_log = logging.getLogger("carbonspan")

# Inferences that wait for a subscriber who is slower than spans come; what comes beyond is not passed on, and counted.
_MAX_WAITING = 5000


class InferenceRecord(NamedTuple):
    """One inference that was counted, and whose it was: what budgets and reports are made of."""

    footprint: Footprint
    start_ns: int
    """Start of its span, nanoseconds since the epoch."""
    end_ns: int
    trace_id: int
    """0 where the span has no context."""
    span_id: int
    labels: Mapping[str, Any]
    """Agent, flags and cohorts by name, as far as the settings name them."""


class Recorder:
    """Notes spans on their path, and records them off it. One for each processor or exporter.

    Args:
        metrics: Whether there are metrics.
        labels: Names of the labels that inferences inherit or have of their own.
        meter_provider: Whose metrics; the application's global provider by default.
        grid: Live sources to report beside the spans, where there are any.
        evicted: Returns how many calls and spans were forgotten for want of room, before their time.
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
        self._labels = labels
        self._instruments = instruments(meter_provider) if metrics else None
        if self._instruments is not None and grid is not None:
            self._instruments.watch(grid)
        self._subscribers: tuple[Callable[[InferenceRecord], None], ...] = ()
        self._logged: set[str] = set()
        self._evicted = evicted
        self._evicted_noted = 0
        self._renew()
        renew_in_child(self._renew)

    def _renew(self) -> None:
        # Each process counts its own, and what waited is the parent's to pass on. Reentrant: a signal handler that ends
        # a span may interrupt a count on the same thread.
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        self._waiting: deque[tuple[Entry, Figures]] = deque()

    def subscribe(self, subscriber: Callable[[InferenceRecord], None]) -> Callable[[], None]:
        """Have `subscriber` called with every inference that is counted from now on; return how to end that.

        Off the path of spans: when a reader collects, `counts()` is asked, or some thousands wait. What it raises is
        logged once and counted, and the next subscriber is called.
        """
        self._subscribers = (*self._subscribers, subscriber)

        def end() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

        return end

    def note(self, outcome: str, context: SpanContext | None = None) -> None:
        """Note what became of a span that has no figures: an append."""
        queue.add(Entry(self, outcome, None, False, context, None, ()))  # noqa: FBT003 - a row

    def take(self, entry: Entry, *, idle: bool) -> None:
        """Record an entry."""
        outcome, figures = entry.outcome, entry.figures
        with self._lock:
            forgotten = self._evicted() - self._evicted_noted
            self._evicted_noted += forgotten
            self._counts[outcome] += 1
            if entry.limited:
                self._counts[ATTRIBUTE_LIMIT] += 1
            if forgotten:
                self._counts[EVICTED] += forgotten
        if figures is not None and outcome != Outcome.CACHED and self._subscribers:
            # Whoever ends a span must not wait for a subscriber: the next who may passes it on.
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append((entry, figures))
            else:
                self.swallow(OverflowError(), "did not pass inferences on to a subscriber, which is too slow")
            if idle:
                self._pass_all_on()
        if self._instruments is None:
            return
        self._instruments.count(outcome)
        if entry.limited:
            self._instruments.count(ATTRIBUTE_LIMIT)
        if forgotten:
            self._instruments.count(EVICTED, forgotten)
        if figures is not None:
            self._instruments.add(entry, figures, self._labels, idle=idle)

    def _pass_all_on(self) -> None:
        while self._waiting:
            try:
                one = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return
            self._pass_on(*one)

    def _pass_on(self, entry: Entry, figures: Figures) -> None:
        context = entry.context
        own = zip(self._labels, entry.labels, strict=False)
        record = InferenceRecord(
            figures.footprint(),
            figures.start_ns,
            figures.end_ns,
            context.trace_id if context else 0,
            context.span_id if context else 0,
            {name: value for name, value in own if value is not None and value != ""},
        )
        for subscriber in self._subscribers:
            self._tell(subscriber, record)

    def _tell(self, subscriber: Callable[[InferenceRecord], None], record: InferenceRecord) -> None:
        try:
            subscriber(record)
        except Exception as error:  # noqa: BLE001 - whoever reads the counts must not see it
            self.swallow(error, "went on without a subscriber to its counts, which failed")

    def swallow(self, error: Exception, what: str = "left a span as it was") -> None:
        """Count an error that must not reach the application, and log it once per cause, never per span."""
        with self._lock:
            self._counts[Outcome.ERROR] += 1
        if self._instruments is not None:
            self._instruments.count(Outcome.ERROR)
        cause = f"{what}: {type(error).__qualname__}"
        if cause not in self._logged:
            self._logged.add(cause)
            _log.warning("carbonspan %s", what, exc_info=error)

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome in this process, and how many lacked room for all attributes."""
        queue.drain()
        self._pass_all_on()
        with self._lock:
            return dict(self._counts)
