# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What counting needs of a span and of those above it, and what is kept of a span below which usage was reported."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from carbonspan.core._fork import renew_in_child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.estimate._plan import Figures

MAX_DEPTH = 64
"""Ancestors looked at. Deeper traces are broken ones (a loop that starts each step below the last)."""

# Reports kept as they came before they are drawn together: most tasks hold fewer inferences.
_MOST = 64


class SpanNode(Protocol):
    """A span as counting sees it: one that lives in this process, or one that an exporter was given."""

    counted_as: bool | None
    """Whether the span itself was counted as one that encodes (`True`) or answers (`False`); `None`: as neither."""

    contains: bool
    """Whether it was counted in place of what is below it: a container whose own usage counts."""

    loose: Totals | None
    """What was reported in its trace, while it was open, below a parent that is not known; `None`: nothing."""

    @property
    def totals(self) -> Totals:
        """What was reported at it and below it."""
        ...

    @property
    def end_ns(self) -> int | None:
        """Its end; `None` while it lives."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes now."""
        ...

    @property
    def events(self) -> Sequence[Any]:
        """Its events now."""
        ...


def was_counted(node: SpanNode, encodes: bool | None, start_ns: int) -> bool:  # noqa: FBT001 - once for each ancestor
    """Return whether a span was itself counted for a call that something below it reports.

    What starts there after it has ended is none of it.

    Args:
        node: The span.
        encodes: Whether the call encodes its input; `None` for either.
        start_ns: When what is below it started.
    """
    counted_as = node.counted_as
    return (
        counted_as is not None
        and (encodes is None or counted_as is encodes)
        and (node.end_ns is None or start_ns < node.end_ns)
    )


def loose_of(node: SpanNode) -> Totals:
    """Return what was reported in the trace of a span below a parent that is not known; made where nothing was."""
    if node.loose is None:
        node.loose = Totals()
    return node.loose


class Unknown(NamedTuple):
    """What may be above a span whose parent is not known: one that a sampler dropped, or one of another process."""

    open: tuple[SpanNode, ...]
    """All of its trace that were open when it started. Of those only containers take it for theirs."""
    certain: tuple[SpanNode, ...]
    """Those that are above it whichever of them is its nearest, nearest first: from these it inherits."""


class _Uncounted(NamedTuple):
    """Usage that was reported and is not counted here: a duplicate, a cache's answer, a gateway's call."""

    encodes: bool


class _Sum(NamedTuple):
    """Reports drawn together: how many inferences, and their grams and watt-hours as numbers that do not overlap."""

    answers: bool
    encodings: bool
    inferences: int
    emissions_g: tuple[float, ...]
    energy_wh: tuple[float, ...]


_ANSWER, _ENCODING = _Uncounted(encodes=False), _Uncounted(encodes=True)


class _Summing:
    """Who draws reports together: one thread at a time in the process, for which no other waits."""

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self.renew)

    def renew(self) -> None:
        self.lock = threading.Lock()


_summing = _Summing()


class Totals:
    """What was reported at a span and below it: exact sums, whatever the order, in bounded space and without a lock.

    Each report is appended; beyond some tens of them the first are replaced by their sum, in one operation on the list
    which no other thread can come between.
    """

    __slots__ = ("_reports", "flags")

    def __init__(self) -> None:
        self._reports: list[Figures | _Uncounted | _Sum] = []
        self.flags: dict[str, str] = {}

    def add(self, figures: Figures) -> None:
        """Add one inference that was counted."""
        self._reports.append(figures)
        if len(self._reports) > _MOST:
            self._draw_together()

    def cover(self, *, encodes: bool) -> None:
        """Note that usage was reported that is not counted here."""
        self._reports.append(_ENCODING if encodes else _ANSWER)
        if len(self._reports) > _MOST:
            self._draw_together()

    def take(self, other: Totals) -> None:
        """Take over what was found out of a span below."""
        for report in tuple(other._reports):
            self._reports.append(report)
            if len(self._reports) > _MOST:
                self._draw_together()
        self.flags.update(other.flags)

    def __len__(self) -> int:
        return len(self._reports)

    def covers(self, *, encodes: bool | None = None) -> bool:
        """Return whether usage of this sort (`None`: of either) was reported."""
        if not self._reports:
            return False
        found = _summed(tuple(self._reports))
        return (found.encodings if encodes else found.answers) if encodes is not None else True

    def sum(self) -> tuple[int, float, float]:
        """Return inferences, grams (central) and watt-hours (central): each sum rounded once."""
        found = _summed(tuple(self._reports))
        return found.inferences, math.fsum(found.emissions_g), math.fsum(found.energy_wh)

    def _draw_together(self) -> None:
        lock = _summing.lock
        if not lock.acquire(blocking=False):
            return  # another thread is at it, or a signal handler interrupts the one that is: the next report comes by
        try:
            first = tuple(self._reports[:_MOST])
            self._reports[: len(first)] = [_summed(first)]
        finally:
            lock.release()


def _summed(reports: Sequence[Figures | _Uncounted | _Sum]) -> _Sum:
    answers = encodings = False
    inferences = 0
    grams: list[float] = []
    watt_hours: list[float] = []
    for report in reports:
        if isinstance(report, _Sum):
            answers, encodings = answers or report.answers, encodings or report.encodings
            inferences += report.inferences
            grams += report.emissions_g
            watt_hours += report.energy_wh
            continue
        encodes = report.encodes if isinstance(report, _Uncounted) else report.plan.encodes
        answers, encodings = answers or not encodes, encodings or encodes
        if not isinstance(report, _Uncounted):
            inferences += 1
            grams.append(report.emissions_central_g)
            watt_hours.append(report.energy_central_wh)
    return _Sum(answers, encodings, inferences, _without_overlap(grams), _without_overlap(watt_hours))


def _without_overlap(values: Sequence[float]) -> tuple[float, ...]:
    """Return a few numbers with the same exact sum.

    Source: Shewchuk, Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates, 1997,
    https://doi.org/10.1007/PL00009321.
    """
    partials: list[float] = []
    for value in values:
        high = value
        kept = []
        for partial in partials:
            large, small = (high, partial) if abs(high) >= abs(partial) else (partial, high)
            high = large + small
            low = small - (high - large)
            if low:
                kept.append(low)
        kept.append(high)
        partials = kept
    return tuple(partials)
