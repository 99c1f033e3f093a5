# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The SDK's ended span on the road and in the ledger, and what it gets: the step that processor and exporter share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._outcome import Outcome, Role
from carbonspan.core.values import Level
from carbonspan.counting import CACHED, COUNTED, DUPLICATE, Attributor, Ledger
from carbonspan.counting._ancestry import above_of, alone
from carbonspan.counting._attribution import FLAG, NOTHING, TELLING
from carbonspan.estimate._estimator import Road
from carbonspan.telemetry import Books, cached_attributes, role_attributes, task_attributes, writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.core._options import Settings
    from carbonspan.counting import Arrivals, Attribution
    from carbonspan.estimate._estimator import Enrichment
    from carbonspan.estimate.footprint import Footprint
    from carbonspan.telemetry._contract import Value
    from carbonspan.telemetry._queue import Note


class Settled(NamedTuple):
    """What a span gets, and the note to make of it."""

    note: Note
    extra: dict[str, Any]  # beside the attributes of its footprint, where it is counted
    labels: tuple[object, ...]


class Step:
    """Works out what spans get under one set of settings, and notes what became of them."""

    def __init__(
        self, settings: Settings, meter_provider: MeterProvider | None = None, arrivals: Arrivals | None = None
    ) -> None:
        self.settings = settings
        # What stands for an ended span in the ledger, and for those above it, nearest first.
        self._above_of = above_of if arrivals is None else arrivals.of
        self.road = Road.of(settings)
        self.known = self.road.known
        self.ledger = Ledger()
        self._attributor = Attributor(settings.flags, settings.cohorts)
        self._labels = self._attributor.labels
        self._books = Books(
            metrics=settings.metrics,
            labels=self._labels,
            meter_provider=meter_provider,
            grid=self.road.live,
            evicted=lambda: self.ledger.calls.evicted + (0 if arrivals is None else arrivals.evicted),
        )
        self._names_agents_alone = len(self._labels) == 1  # no flag and no cohort is a label
        self._tells_more = settings.attributes is not Level.MINIMAL
        self.writer = writer(settings.attributes)
        self.note = self._books.note
        self.swallow = self._books.swallow
        self.counts = self._books.counts
        self.subscribe = self._books.subscribe

    def settle(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> Settled | None:
        """Return what an ended span with these attributes gets, `None` where it is no LLM span.

        A span without a start takes the hour of its end.
        """
        scope = span.instrumentation_scope
        end_ns = span.end_time or 0
        start_ns = span.start_time or end_ns
        resource = span.resource.attributes
        name = scope.name if scope else ""
        found = self.road.enrich(attributes, name, start_ns, end_ns, resource)
        if found is None:
            return None
        if found.outcome == Outcome.ALREADY:
            return Settled((found.outcome, None, None, start_ns, end_ns), {}, ())
        if found.footprint is not None:
            return self.inference(span, attributes, found.outcome, found.footprint, name, start_ns, end_ns)
        return self._uncounted(span, attributes, found, (start_ns, end_ns))

    def _uncounted(
        self, span: ReadableSpan, attributes: Mapping[str, Any], found: Enrichment, times_ns: tuple[int, int]
    ) -> Settled:
        usage, resource = found.uncounted, span.resource.attributes
        origin, above = self._above_of(span)
        role = Role.INFERENCE if usage is None else usage.role
        footprint = None
        if usage is not None and role is not Role.INFERENCE:
            footprint = self.road.of_usage(usage, attributes, *times_ns, resource)
        if role is Role.CONTAINER:
            return self._container(origin, attributes, above, (found.outcome, footprint, usage, *times_ns))
        if usage is not None and role is Role.DUPLICATE:  # counted by another process
            scope = span.instrumentation_scope
            reported = (footprint, scope.name if scope else "", *times_ns) if footprint else None
            self.ledger.reported(above, usage.operation, reported)
            return self._duplicate(origin, times_ns)
        if usage is not None and role is Role.CACHED:
            self.ledger.reported(above, usage.operation)
            _, labels = self._labels_of(origin, attributes, above)
            return self._cached(span, footprint, labels, times_ns)
        # It does not say what it consumed; what ended below it may.
        return Settled((found.outcome, None, usage, *times_ns), self.task(origin), ())

    def inference(  # noqa: PLR0917 - every LLM span comes through: naming its arguments would show in its cost
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        outcome: str,
        footprint: Footprint,
        scope: str,
        start_ns: int,
        end_ns: int,
    ) -> Settled:
        """Return what an inference with a footprint gets: its attribution, or why it is not counted."""
        # Most bare calls have nothing above to inherit from, nothing to name, and nothing to add up.
        bare = self._names_agents_alone and alone(span) and attributes.keys().isdisjoint(TELLING)
        where = (span, ()) if bare else self._above_of(span)
        verdict = self.ledger.inference(where[0], (footprint, scope, start_ns, end_ns), where[1])
        note: Note = (outcome, footprint, None, start_ns, end_ns)
        if not bare or verdict is not COUNTED:
            return self._inherited(span, attributes, note, verdict, where)
        extra: dict[str, Any] = {}
        if self._tells_more and is_root(span):
            extra = _task_of_one(footprint)
        return Settled(note, extra, ())

    def _inherited(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        note: Note,
        verdict: str,
        where: tuple[Any, Sequence[Any]],
    ) -> Settled:
        outcome, footprint, _, start_ns, end_ns = note
        origin, above = where
        if verdict is DUPLICATE:
            return self._duplicate(origin, (start_ns, end_ns))
        attribution, labels = self._labels_of(origin, attributes, above)
        if verdict is CACHED or footprint is None:
            return self._cached(span, footprint, labels, (start_ns, end_ns))
        extra: dict[str, Any] = {}
        if self._tells_more:
            extra = attribution.attributes()
            if is_root(span):  # a task, if only of one call
                extra.update(self.task(origin) or _task_of_one(footprint))
            elif attribution.flags:
                self.ledger.flagged(above, attribution.flags)
        return Settled((outcome, footprint, None, start_ns, end_ns), extra, labels)

    def _duplicate(self, origin: Any, times_ns: tuple[int, int]) -> Settled:
        extra = role_attributes(Role.DUPLICATE) | self.task(origin)
        return Settled((Outcome.DUPLICATE, None, None, *times_ns), extra, ())

    def _cached(
        self, span: ReadableSpan, footprint: Footprint | None, labels: tuple[object, ...], times_ns: tuple[int, int]
    ) -> Settled:
        extra = cached_attributes(footprint) | self.root(span)
        return Settled((Outcome.CACHED, footprint, None, *times_ns), extra, labels)

    def _container(self, origin: Any, attributes: Mapping[str, Any], above: Sequence[Any], note: Note) -> Settled:
        outcome, footprint, usage, start_ns, end_ns = note
        extra = role_attributes(Role.CONTAINER)
        labels: tuple[object, ...] = ()
        if self.ledger.container(origin, footprint, start_ns, above) is COUNTED:
            attribution, labels = self._labels_of(origin, attributes, above)
            if self._tells_more:
                extra.update(attribution.attributes())
                self.ledger.flagged(above, attribution.flags)
            outcome = Outcome.CONTAINER_USAGE
        else:
            footprint = None
        return Settled((outcome, footprint, usage, start_ns, end_ns), extra | self.task(origin), labels)

    def _labels_of(
        self, origin: Any, attributes: Mapping[str, Any], above: Sequence[Any]
    ) -> tuple[Attribution, tuple[object, ...]]:
        attribution = self._attributor.of(origin, attributes, above)
        if attribution is NOTHING and self._names_agents_alone:
            return attribution, ()
        return attribution, attribution.labels(self._labels, attributes)

    def task(self, origin: Any) -> dict[str, Any]:
        """Return the totals of what was counted at and below a span that ends, and the flags below a root."""
        node = self.ledger.totals(origin) if self._tells_more else None
        if node is None:
            return {}
        totals: dict[str, Any] = task_attributes(node.emissions_g.total, node.energy_wh.total, node.inferences)
        totals.update((FLAG + key, variant) for key, variant in node.flags.items())
        return totals

    def root(self, span: ReadableSpan) -> dict[str, Any]:
        """Return the totals at and below a span, where it is a local root."""
        return self.task(self._above_of(span)[0]) if is_root(span) else {}

    def additions(self, settled: Settled) -> dict[str, Value]:
        """Return all attributes a span gets, most important first."""
        outcome, footprint, _, _, _ = settled.note
        if footprint is None or outcome == Outcome.CACHED:
            return settled.extra
        return self.writer.of(footprint) | settled.extra


def _task_of_one(footprint: Footprint) -> dict[str, Any]:
    return task_attributes(footprint.emissions_central_g, footprint.energy_central_wh, 1)


def is_root(span: ReadableSpan) -> bool:
    """Return whether a span is the first of its trace in this process."""
    parent = span.parent
    return parent is None or parent.is_remote
