# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The one path of an ended span, which processor and exporter both take: read, estimate, count, write, note.

What differs between them is handed in: how spans hang together (`spans`), and how attributes get onto one (`write`).
With `estimate/_plan.py` this is the place that trades plain code for speed: docs/explanation/architecture.md says how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from carbonspan import usage as usages
from carbonspan.core._outcome import Outcome, Role
from carbonspan.core.values import Level
from carbonspan.counting._attribution import AGENT, FLAG, NOTHING, Attributor
from carbonspan.counting._counter import Counter
from carbonspan.counting._handled import handled
from carbonspan.otel._writeback import facts, lost
from carbonspan.telemetry._contract import marked
from carbonspan.telemetry._cost import stated
from carbonspan.telemetry._queue import RELIEF, Entry, queue
from carbonspan.telemetry._writer import TASK_TEMPLATE, Writer, cached_attributes, role_attributes, task_attributes
from carbonspan.telemetry.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.counting._ancestry import SpanNode, Unknown
    from carbonspan.counting._attribution import Attribution
    from carbonspan.estimate._estimator import Estimate
    from carbonspan.estimate._plan import Figures
    from carbonspan.otel._writeback import Facts
    from carbonspan.runtime import Runtime

    Write = Callable[[ReadableSpan, Mapping[str, Any], dict[str, Any]], int]
    """Puts attributes beside those that a span has; returns how many found no room."""

_COUNTED, _DUPLICATE, _CACHED = Role.INFERENCE, Role.DUPLICATE, Role.CACHED

_DUPLICATED = Outcome.DUPLICATE


class Spans(Protocol):
    """How the spans hang together among which one ends."""

    evicted: int
    """How many were forgotten for want of room, before their time."""

    def alone(self, span: Any, encodes: bool) -> bool:  # noqa: FBT001 - on every LLM span
        """Return whether nothing is above a span, below it or carried by it, and then `count` it; False in doubt."""
        ...

    def count(self, span: Any, encodes: bool | None) -> None:  # noqa: FBT001 - as above
        """Keep that a span was counted itself, for what ends below it later; `None`: that it was not."""
        ...

    def node(self, span: ReadableSpan) -> SpanNode | None:
        """Return what is kept of a span, `None` where nothing is."""
        ...

    def made(self, span: ReadableSpan, figures: Figures | None = None) -> SpanNode:
        """Return what is kept of a container, made where nothing was; `figures`: what its own usage would count for."""
        ...

    def around(
        self, span: ReadableSpan
    ) -> tuple[SpanNode | None, Sequence[SpanNode], Mapping[str, object], Unknown | None]:
        """Return what is kept of a span and of those above it, nearest first, and the baggage it started with.

        Last what may be above the topmost of them, where its parent is not known.
        """
        ...


class Handler:
    """Takes ended spans down the path, under one set of settings.

    Args:
        runtime: The settings, and the estimator they describe.
        spans: How the spans hang together.
        write: How attributes get onto a span.
        meter_provider: Where metrics go; the application's global provider by default.
    """

    def __init__(self, runtime: Runtime, spans: Spans, write: Write, meter_provider: MeterProvider | None) -> None:
        settings = runtime.settings
        self._estimator = runtime.estimator
        self._spans = spans
        self._write = write
        self._attributor = Attributor(settings.flags, settings.cohorts)
        self._labels = self._attributor.labels
        self._labelled = len(self._labels) > 1  # by more than the agent's name
        self._says_more = settings.attributes is not Level.MINIMAL
        self.counter = Counter()
        self.recorder = Recorder(
            metrics=settings.metrics,
            labels=self._labels,
            meter_provider=meter_provider,
            grid=runtime.live,
            evicted=lambda: self.counter.deduplicator.evicted() + spans.evicted,
        )
        # The steps of nearly every span, bound once: each look-up would show in its cost.
        self._known = runtime.estimator.known
        self._writer = Writer(settings.attributes)
        self._alone = spans.alone
        self._judge = self.counter.deduplicator.judge
        self._waiting = queue.entries
        self._append = queue.entries.append

    def llm_span(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        """Handle an ended span that has an attribute of an LLM call.

        Args:
            span: The span.
            attributes: Its attributes, as a plain dict.
        """
        known = facts(span)
        scope, start_ns, end_ns, resource, context, events, parent = known
        if handled.spans and context in handled:
            self.recorder.note(Outcome.ALREADY, context)
            return
        figures = self._known(attributes, scope, start_ns, end_ns, resource)
        if figures is None:
            figures = self._estimated(span, attributes, known)
            if figures is None:
                return
        plan = figures[0]
        is_root = parent is None or parent.is_remote
        if plan.watched or events or self._labelled or not self._alone(span, plan.encodes):
            outcome, new, labels = self._nested(span, attributes, figures, events, is_root)
            counted = None if outcome is _DUPLICATED else figures
            cost = stated(attributes) if plan.watched else None
        elif (role := self._judge(figures)) is _COUNTED:
            # Most bare calls have nothing above to inherit from, nothing to name, and nothing to add up.
            outcome, labels, counted, cost = plan.outcome, (), figures, None
            template = plan.templates.get(figures[-1] + TASK_TEMPLATE if is_root and self._says_more else figures[-1])
            new = template(figures) if template else self._writer.of(figures, is_task=is_root and self._says_more)
        else:
            self._spans.count(span, None)
            outcome, new, labels = self._repeated(span, attributes, events, role, figures, is_root=is_root)
            counted, cost = None if outcome is _DUPLICATED else figures, None
        missed = self._write(span, attributes, new)
        # Through `tuple` itself: a named tuple's own constructor takes as long as all the rest.
        self._append(tuple.__new__(Entry, (self.recorder, outcome, counted, missed > 0, context, cost, labels)))
        if len(self._waiting) > RELIEF:
            queue.relieve()

    def _estimated(self, span: ReadableSpan, attributes: Mapping[str, Any], known: Facts) -> Figures | None:
        """Return the figures of a span whose plan is not known; `None` where it has none, and was handled."""
        scope, start_ns, end_ns, resource, context, events, _ = known
        said = usages.recovered(attributes, scope, span.name) if lost(span) else attributes
        was_handled = marked(attributes)
        if was_handled and usages.read(attributes, scope, events) is not None:
            self.recorder.note(Outcome.ALREADY, context)
            return None
        found = None if was_handled else self._estimator.estimate(said, scope, start_ns, end_ns, resource, events)
        if found is None:
            self.other_span(span, attributes)
            return None
        if found.figures is None:
            self._uncounted(span, attributes, found, known)
        return found.figures

    def other_span(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        """Write the totals of what was counted below it onto a span that is no LLM span, where it is a local root."""
        parent = span.parent
        if parent is None or parent.is_remote:
            new = self._task(self._spans.node(span), loosely=True)
            if new:
                self._write(span, attributes, new)
        if lost(span):
            self._evicted(span, attributes)

    def _evicted(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        """Count a call that lost its attributes to the SDK's limit, and says nothing of its usage any more."""
        node = self._spans.node(span)
        if (node is None or not node.totals.covers()) and usages.was_call(attributes, facts(span)[0], span.name):
            self.recorder.note(Outcome.NO_USAGE, span.context)

    def _nested(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        figures: Figures,
        events: Sequence[Any],
        is_root: bool,  # noqa: FBT001 - on every LLM span below another
    ) -> tuple[str, dict[str, Any], tuple[object, ...]]:
        """Return outcome, attributes and labels of an inference that may have spans above it or below it."""
        node, above, carried, unknown = self._spans.around(span)
        role = self.counter.inference(node, figures, above, unknown)
        if role is not _COUNTED:
            return self._repeated(span, attributes, events, role, figures, is_root=is_root)
        if unknown is not None:
            above = (*above, *unknown.certain)
        self._spans.count(span, figures[0].encodes)
        plan = figures[0]
        attribution = self._attributor.of(attributes, events, carried, above, plan.watched)
        task = self._task(node) if is_root and node is not None else None
        is_task = is_root and self._says_more and not task  # a task, if only of one call
        template = plan.templates.get(figures[-1] + TASK_TEMPLATE if is_task else figures[-1])
        new = template(figures) if template else self._writer.of(figures, is_task=is_task)
        if self._says_more:
            flags, cohorts, agent = attribution
            if agent:
                new[AGENT] = agent
            if flags or cohorts:
                new.update(attribution.attributes())
                if flags and not is_root:
                    self.counter.flagged(above, flags)
            if task:
                new.update(task)
        if self._labelled:
            return plan.outcome, new, attribution.labels(self._labels, attributes)
        return plan.outcome, new, (attribution.agent,) if attribution.agent else ()

    def _repeated(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        events: Sequence[Any],
        role: Role,
        figures: Figures | None,
        *,
        is_root: bool,
    ) -> tuple[str, dict[str, Any], tuple[object, ...]]:
        """Return outcome, attributes and labels of a span whose call is counted elsewhere, or came from a cache."""
        node, above, carried, unknown = self._spans.around(span)
        if role is _DUPLICATE:
            return _DUPLICATED, role_attributes(role) | self._task(node), ()
        if unknown is not None:
            above = (*above, *unknown.certain)
        labels = self._whose(attributes, events, carried, above)[1]
        return Outcome.CACHED, cached_attributes(figures) | (self._task(node) if is_root else {}), labels

    def _uncounted(self, span: ReadableSpan, attributes: Mapping[str, Any], found: Estimate, known: Facts) -> None:
        """Handle a span that is no inference with usage: a container, a cache's answer, a call counted elsewhere."""
        usage, outcome, spans = found.usage, found.outcome, self._spans
        scope, start_ns, end_ns, resource, context, events, parent = known
        is_root = parent is None or parent.is_remote
        figures = None
        if usage.role is not _COUNTED and (usage.usable or usage.partial):
            place = self._estimator.place(attributes, usage, resource)
            figures = self._estimator.figures(usage, place, start_ns, end_ns, scope=scope)
        labels: tuple[object, ...] = ()
        if usage.role is Role.CONTAINER:
            outcome, new, labels = self._container(span, attributes, events, figures, start_ns)
            figures = figures if outcome is not Outcome.CONTAINER else None
        elif usage.role is _COUNTED:
            # It does not say what it consumed; what ended below it may.
            new = self._task(spans.node(span))
        else:
            elsewhere = figures if usage.role is _DUPLICATE else None  # counted by another process
            _, above, _, unknown = spans.around(span)
            self.counter.reported(above, unknown, usage.operation, elsewhere)
            outcome, new, labels = self._repeated(span, attributes, events, usage.role, figures, is_root=is_root)
            figures = None if usage.role is _DUPLICATE else figures
        missed = self._write(span, attributes, new) if new else 0
        cost = stated(attributes) if figures is not None else None
        queue.add(Entry(self.recorder, outcome, figures, missed > 0, context, cost, labels))

    def _container(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, Any],
        events: Sequence[Any],
        figures: Figures | None,
        start_ns: int,
    ) -> tuple[str, dict[str, Any], tuple[object, ...]]:
        node = self._spans.made(span, figures)
        _, above, carried, unknown = self._spans.around(span)
        new = role_attributes(Role.CONTAINER)
        if figures is None or self.counter.container(node, figures, start_ns, above, unknown) is not _COUNTED:
            return Outcome.CONTAINER, new | self._task(node, loosely=True), ()
        if unknown is not None:
            above = (*above, *unknown.certain)
        attribution, labels = self._whose(attributes, events, carried, above)
        if self._says_more:
            new.update(attribution.attributes())
            self.counter.flagged(above, attribution.flags)
        outcome = Outcome.PARTIAL_USAGE if figures.plan.usage.partial else Outcome.CONTAINER_USAGE
        return outcome, self._writer.of(figures) | new | self._task(node, loosely=True), labels

    def _whose(
        self,
        attributes: Mapping[str, Any],
        events: Sequence[Any],
        carried: Mapping[str, object],
        above: Sequence[SpanNode],
    ) -> tuple[Attribution, tuple[object, ...]]:
        attribution = self._attributor.of(attributes, events, carried, above)
        if attribution is NOTHING and not self._labelled:
            return attribution, ()
        return attribution, attribution.labels(self._labels, attributes)

    def _task(self, node: SpanNode | None, *, loosely: bool = False) -> dict[str, Any]:
        """Return the totals of what was counted at and below a span that ends, and the flags below a root.

        Args:
            node: What is kept of the span.
            loosely: Whether what was reported below a parent that is not known is taken to be below it.
        """
        loose = node.loose if node is not None and loosely else None
        if node is None or not self._says_more or not (len(node.totals) or loose):
            return {}
        inferences, emissions_g, energy_wh = node.totals.sum()
        if loose:
            more = loose.sum()
            inferences, emissions_g, energy_wh = inferences + more[0], emissions_g + more[1], energy_wh + more[2]
        if not inferences:
            return {}
        task = task_attributes(inferences, emissions_g, energy_wh)
        # All at once, since another thread may show one more meanwhile.
        task.update((FLAG + key, variant) for key, variant in tuple(node.totals.flags.items()))
        return task
