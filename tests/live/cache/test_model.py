# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The shared file against a dictionary: two processes that ask, answer, die and wait in any order."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Basis
from carbonspan.grid import HourValue
from carbonspan.grid._store import RANK
from carbonspan.live._backoff import Attempt
from carbonspan.live._clock import Clock
from carbonspan.live.cache import _lease as lease
from carbonspan.live.cache._cache import HourCache, Key

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
HOURS = range(hour_index(START), hour_index(START) + 4)
KEYS = [Key("a", "GB", Basis.DIRECT), Key("a", "FR", Basis.DIRECT), Key("b", "GB", Basis.LIFE_CYCLE, "2026-01-05")]

keys = st.sampled_from(KEYS)
processes = st.sampled_from([0, 1])
answers = st.lists(
    st.tuples(st.sampled_from(HOURS), st.floats(0, 3000), st.sampled_from(list(RANK)), st.none() | st.floats(0, 3000)),
    max_size=4,
)


class Model(RuleBasedStateMachine):
    """What the file must hold, in dictionaries."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now = START
        path = Path(self.folder.name) / "grid.sqlite3"
        self.caches = [HourCache(path, clock=Clock(wall_s=self._now_s)) for _ in range(2)]
        self.hours: dict[tuple[str, str, Basis, int], HourValue] = {}
        self.attempts: dict[Key, Attempt] = {}
        self.holders: dict[Key, tuple[lease.Holder, float]] = {}

    def _now_s(self) -> float:
        return self.now.timestamp()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for holder, _ in self.holders.values():
                lease.give_back(holder.token)
            self.folder.cleanup()

    def _before(self, key: Key) -> Attempt:
        whole = self.attempts.get(key.whole_source, Attempt())
        return self.attempts.get(key, Attempt()) if whole.due(self.now.timestamp()) else whole

    @rule(process=processes, key=keys)
    def claim(self, process: int, key: Key) -> None:
        now_s = self.now.timestamp()
        claim = self.caches[process].claim(key)
        before = self._before(key)
        assert claim.attempt == before
        held = key in self.holders and self.holders[key][1] > now_s
        assert (claim.holder is not None) == (before.due(now_s) and not held)
        assert (claim.wait_s > 0) == (before.due(now_s) and held)
        if claim.holder is not None:
            self.holders[key] = (claim.holder, now_s + lease.LEASE_S)

    @rule(process=processes, key=keys, answer=answers, wait_s=st.floats(0, 7200), whole=st.booleans())
    def finish(self, process: int, key: Key, answer: list[Any], wait_s: float, whole: bool) -> None:  # noqa: FBT001
        if key not in self.holders:
            return
        holder, _ = self.holders.pop(key)
        now_s = self.now.timestamp()
        attempt = Attempt("ok", "hint", len(answer), now_s, now_s, now_s + wait_s)
        values = [
            HourValue(
                key.zone, hour_start(hour), number, key.basis, quality, "production", key.source, self.now, "v", around
            )
            for hour, number, quality, around in answer
        ]
        self.caches[process].finish(key, holder, attempt, values, whole=whole)
        for at in (key, key.whole_source) if whole else (key,):
            self.attempts[at] = attempt
        for value in values:
            place = (key.origin, key.zone, key.basis, hour_index(value.hour))
            old = self.hours.get(place)
            if old is None or (RANK[value.quality], value.fetched_at) >= (RANK[old.quality], old.fetched_at):
                self.hours[place] = value

    @rule(key=keys)
    def die(self, key: Key) -> None:
        """A process that holds a lease is gone, and another has its id."""
        if key in self.holders:
            holder, _ = self.holders.pop(key)
            lease.give_back(holder.token)

    @rule(seconds=st.integers(-7200, 7200))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        if seconds < 0:  # a lease taken under another clock may hold or not: those are tested one by one
            for holder, _ in self.holders.values():
                lease.give_back(holder.token)
            self.holders.clear()

    @invariant()
    def every_process_reads_the_same(self) -> None:
        if not hasattr(self, "caches"):
            return
        for cache in self.caches:
            for key in KEYS:
                expected = [
                    v for (o, z, b, _), v in sorted(self.hours.items(), key=lambda i: i[0][3]) if (o, z, b) == key[:3]
                ]
                assert cache.hours(key, HOURS[0], HOURS[-1]) == expected
                assert cache.attempt(key) == self._before(key)
            assert not cache.problem


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=25)
