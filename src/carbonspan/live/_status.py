# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the live sources are doing: what `refresh`, `prefetch` and `status` return."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.live._backoff import EMPTY, OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.core.values import Basis
    from carbonspan.live._backoff import Attempt
    from carbonspan.live.cache._cache import Key


TIMEOUT_S = 10.0
"""How long `refresh` and `prefetch` wait unless the caller says otherwise, in seconds."""


class SeriesStatus(NamedTuple):
    """One zone of one source. Moments are UTC, `None` where there was none."""

    source: str
    zone: str
    basis: Basis
    outcome: str  # of the last request: ok, empty, or why it failed; "" where none was made
    hint: str  # how to mend it, "" where there is nothing to mend
    last_attempt: datetime | None
    last_success: datetime | None
    next_attempt: datetime | None
    hours: int  # known of the last 24
    newest_hour: datetime | None  # the last known hour up to now


class GridReport(NamedTuple):
    """All zones of all sources that were asked for."""

    series: tuple[SeriesStatus, ...]
    complete: bool  # False where the time ran out
    unserved: tuple[str, ...] = ()  # zones that no source serves
    cache_problem: str = ""  # why the shared file is not in use

    @property
    def ok(self) -> bool:
        """Whether every zone was reached, and every last request delivered."""
        return self.complete and not self.unserved and all(row.outcome in {OK, EMPTY} for row in self.series)

    def problems(self) -> Iterator[str]:
        """Yield a line for each thing that is wrong, with how to mend it."""
        for row in self.series:
            if row.outcome not in {OK, EMPTY, ""}:
                yield f"{row.source} {row.zone}: {row.outcome}{f': {row.hint}' if row.hint else ''}"
        yield from (
            f"{zone}: no source serves this zone with this `basis`: add one that does" for zone in self.unserved
        )
        if self.cache_problem:
            yield f"cache: {self.cache_problem}"


NOTHING = GridReport((), complete=True)
"""The report where there are no live sources."""


def status_of(key: Key, attempt: Attempt, hours: int, newest: datetime | None) -> SeriesStatus:
    """Return the row of one series."""
    return SeriesStatus(
        key.source,
        key.zone,
        key.basis,
        attempt.outcome,
        attempt.hint,
        _moment(attempt.last_s),
        _moment(attempt.success_s),
        _moment(attempt.next_s),
        hours,
        newest,
    )


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None
