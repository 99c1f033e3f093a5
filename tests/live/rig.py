# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A refresher without its thread, under a clock of ours, and a source that answers with whatever it was given."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from carbonspan.core._hours import hour_index
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import Capabilities, HourValue
from carbonspan.grid._store import HourStore
from carbonspan.live._refresher import PRESENT, Refresher
from carbonspan.live.cache._cache import HourCache
from tests.live.loopback import NOON, FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOUR_S, DAY_S = 3600.0, 86_400.0
LIFE_CYCLE, DIRECT = Basis.LIFE_CYCLE, Basis.DIRECT


class Rig:
    """A refresher without its thread: `step` does what is due."""

    def __init__(self, clock: FakeClock, source: Any, path: Path | None = None) -> None:
        self.clock = clock
        self.store = HourStore()
        self.cache = HourCache(path, clock=clock.clock)
        self.refresher = Refresher(
            source,
            origin=source.name,
            bases=(LIFE_CYCLE, DIRECT),
            store=self.store,
            cache=self.cache,
            clock=clock.clock,
            threaded=False,
        )

    def want(self, zone: str = "GB", day: int = PRESENT) -> float:
        self.refresher.want(zone, day)
        return self.refresher.step()

    def at(self, hour: int, zone: str = "GB", basis: Basis = LIFE_CYCLE) -> HourValue | None:
        return self.store.get(self.refresher.source.name, zone, basis, hour)

    def next_hour(self) -> None:
        """Let it become ten minutes past the next full hour."""
        self.clock.pass_by((self.clock.hour + 1) * HOUR_S + 600 - self.clock.wall_s)


class Answers:
    """A source of the user's own that answers with whatever it was given."""

    name = "own"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = 0

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        given: Sequence[HourValue] = answer(zone, start, end, basis) if callable(answer) else answer
        return given

    def forecast(self, _zone: str, _basis: Basis) -> Sequence[HourValue]:
        raise NotImplementedError

    def capabilities(self) -> Capabilities:
        raise NotImplementedError

    def serves(self, _zone: str, basis: Basis) -> bool:
        return basis is LIFE_CYCLE

    def close(self) -> None:
        self.closed += 1


def value(number: float, hours: int = 0, **other: Any) -> HourValue:
    fields: dict[str, Any] = {
        "zone": "GB",
        "basis": LIFE_CYCLE,
        "quality": Quality.MEASURED,
        "accounting": "production",
        "source": "own",
        "fetched_at": NOON,
    } | other
    start = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    return HourValue(hour=start + timedelta(hours=hours), intensity_g_per_kwh=number, **fields)


def day(text: str) -> int:
    return hour_index(datetime.fromisoformat(text + "T00:00:00+00:00")) // 24
