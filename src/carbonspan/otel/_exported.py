# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How spans hang together where only ended ones are seen: by their ids, as an exporter gets them.

Children mostly come before their parents. What is known of a span is kept under its id until it comes itself, and
handed up to those above it as soon as that shows who they are. Bounded: the oldest go first.

Whether a parent that has not come will ever come is not known: it may be open, or dropped by a sampler. So what was
reported below such a one is taken for that of a container only where its usage says so, and for that of the root.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from carbonspan.counting._ancestry import MAX_DEPTH, Totals, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.estimate._plan import Figures

MAX_SPANS = 20_000

Key = tuple[int, int]
"""Trace id and span id."""

_NOTHING: Mapping[str, Any] = {}


class ExportedNode:
    """A span that has come, or of which a child has: a `SpanNode`."""

    __slots__ = ("attributes", "contains", "counted_as", "end_ns", "events", "loose", "parent", "remote", "totals")

    def __init__(self) -> None:
        self.parent: Key | None = None  # known once it has come
        self.end_ns: int | None = None
        self.remote = False  # whether it is known only as a parent in another process
        # While its batch is handled.
        self.attributes: Mapping[str, Any] = _NOTHING
        self.events: Sequence[Any] = ()
        self.counted_as: bool | None = None
        self.totals = Totals()
        self.contains = False
        self.loose: Totals | None = None


class _Reported:
    """Takes what a span of an unknown parent reports, for whoever of its trace turns out to be above it: a `Totals`."""

    __slots__ = ("_node", "_reports")

    def __init__(self, node: ExportedNode, reports: list[tuple[ExportedNode, Figures | bool]]) -> None:
        self._node, self._reports = node, reports

    def add(self, figures: Figures) -> None:
        self._reports.append((self._node, figures))

    def cover(self, *, encodes: bool) -> None:
        self._reports.append((self._node, encodes))


class _Anyone(ExportedNode):
    """Stands for all that may be above a span of an unknown parent."""

    __slots__ = ()

    def __init__(self, reported: Any) -> None:
        super().__init__()
        self.loose = reported


class ExportedSpans:
    """The spans of one exporter. Not for two threads at a time: its exporter sees to that."""

    def __init__(self, capacity: int = MAX_SPANS) -> None:
        self._spans: OrderedDict[Key, ExportedNode] = OrderedDict()
        # What was reported below a parent that had not come by then, by trace.
        self._reports: OrderedDict[int, list[tuple[ExportedNode, Figures | bool]]] = OrderedDict()
        self._reported = 0  # at most so many; counted anew when they are too many
        self._roots: dict[int, ExportedNode] = {}  # of the traces whose root is in the batch
        self._capacity = capacity
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._spans)

    def expect(self, span: ReadableSpan) -> None:
        """Take in a span of a batch before any of it is handled, so that those that come later are known as parents."""
        context, parent = span.context, span.parent
        if context is None:
            return
        one = self._of((context.trace_id, context.span_id))
        one.attributes, one.events = span.attributes or _NOTHING, span.events
        one.end_ns = span.end_time
        if parent is None:
            self._roots[context.trace_id] = one
        elif one.parent is None:
            one.parent = (parent.trace_id, parent.span_id)
            if one.parent not in self._spans:
                self._of(one.parent).remote = parent.is_remote
            elif not parent.is_remote:
                self._of(one.parent).remote = False
            if len(one.totals):
                # What came below it before it was known who is above it.
                for ancestor in self._above(one):
                    ancestor.totals.take(one.totals)

    def leave(self, span: ReadableSpan) -> None:
        """Let go, after its batch, of what only the batch itself needed of a span."""
        context = span.context
        one = self._spans.get((context.trace_id, context.span_id)) if context else None
        if one is not None and context is not None:
            one.attributes, one.events, one.loose = _NOTHING, (), None
            if span.parent is None or span.parent.is_remote:
                self._forget(context.trace_id, whole=span.parent is None)
        while len(self._spans) > self._capacity:
            _, gone = self._spans.popitem(last=False)
            if gone.end_ns is not None or not gone.remote:  # else it was never ours
                self.evicted += 1
        if self._reported > self._capacity:
            self._reported = sum(map(len, self._reports.values()))
            while self._reported > self._capacity // 2:  # not at each span from here on
                gone_reports = self._reports.popitem(last=False)[1]
                self._reported -= len(gone_reports)
                self.evicted += len(gone_reports)

    def _forget(self, trace_id: int, *, whole: bool) -> None:
        """Forget what a trace reported whose root has come, or what stands below one that came from elsewhere."""
        self._roots.pop(trace_id, None)
        reports = self._reports.pop(trace_id, None)
        if reports and not whole:
            left = [one for one in reports if self._unknown_above(one[0])]
            if left:
                self._reports[trace_id] = left

    @staticmethod
    def alone(span: ReadableSpan, encodes: bool) -> bool:  # noqa: ARG004, FBT001 - the interface's
        """Return False: whether it is would have to be looked up as well."""
        return False

    def count(self, span: ReadableSpan, encodes: bool | None) -> None:  # noqa: FBT001 - the interface's
        """Keep that a span was counted itself, for what comes below it later; `None`: that it was not."""
        self._node(span).counted_as = encodes

    def node(self, span: ReadableSpan) -> ExportedNode:
        """Return what is kept of a span of the batch, for a root with what may be below it."""
        node = self._node(span)
        if span.context is not None and span.parent is None:
            node.loose = self._loose(self._reports.get(span.context.trace_id, ()))
        return node

    def made(self, span: ReadableSpan, figures: Figures | None = None) -> ExportedNode:
        """Return what is kept of a container of the batch, with what may be below it.

        Where nothing is below it for certain, that is what was reported within its time below parents that have not
        come, if its own usage is the sum of that, or one of it: else it may as well be of what runs beside it.

        Args:
            span: The span.
            figures: What its own usage would count for.
        """
        node = self.node(span)
        if span.context is not None and figures is not None and not len(node.totals) and node.loose is None:
            own = {id(node), *map(id, self._above(node))}
            within = [
                (one, report)
                for one, report in self._reports.get(span.context.trace_id, ())
                if not isinstance(report, bool)
                and figures.start_ns <= report.start_ns
                and report.end_ns <= figures.end_ns
                and self._unknown_above(one)
                and not own.intersection(map(id, self._above(one)))
            ]
            tokens = [_tokens(report) for _, report in within]
            if _tokens(figures) in {*tokens, tuple(map(sum, zip(*tokens, strict=True)))}:
                node.loose = self._loose(within)
        return node

    def around(
        self, span: ReadableSpan
    ) -> tuple[ExportedNode, tuple[ExportedNode, ...], Mapping[str, object], Unknown | None]:
        """Return what is kept of a span of the batch and of those above it, nearest first; baggage is not exported.

        Last what may be above the topmost of them, where that has not come.
        """
        node = self._node(span)
        unknown = None
        if span.context is not None and self._unknown_above(node):
            trace_id = span.context.trace_id
            reports = self._reports.setdefault(trace_id, [])
            self._reported += 1
            root = self._roots.get(trace_id)
            unknown = Unknown((_Anyone(_Reported(node, reports)),), () if root is None else (root,))
        return node, tuple(self._above(node)), _NOTHING, unknown

    def _node(self, span: ReadableSpan) -> ExportedNode:
        if span.context is None:
            return ExportedNode()  # it can be nobody's parent
        return self._of((span.context.trace_id, span.context.span_id))

    def _loose(self, reports: Iterable[tuple[ExportedNode, Figures | bool]]) -> Totals | None:
        """Return those of these reports whose parent has not come by now; `None` for none."""
        found = Totals()
        for one, report in reports:
            if self._unknown_above(one):
                if isinstance(report, bool):
                    found.cover(encodes=report)
                else:
                    found.add(report)
        return found if len(found) else None

    def _unknown_above(self, one: ExportedNode) -> bool:
        """Return whether one of those above a span has not come, and may be of this process."""
        return any(ancestor.end_ns is None and not ancestor.remote for ancestor in self._above(one))

    def _above(self, one: ExportedNode) -> Iterator[ExportedNode]:
        key = one.parent
        for _ in range(MAX_DEPTH):
            if key is None:
                return
            ancestor = self._of(key)
            yield ancestor
            key = ancestor.parent

    def _of(self, key: Key) -> ExportedNode:
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = ExportedNode()
        return found


def _tokens(figures: Figures) -> tuple[int, ...]:
    return figures.input_tokens or 0, figures.output_tokens or 0
