# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span that ends now gets, and how old it is."""

from __future__ import annotations

from datetime import timedelta

from carbonspan.core._hours import hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.grid._store import HourStore
from carbonspan.live._in_use import Present
from carbonspan.site import parse_region
from tests.live.loopback import NOON, FakeClock


def test_the_age_counts_from_the_fetching_of_the_hour_in_use_stale_ones_too() -> None:
    clock, store = FakeClock(NOON), HourStore()

    def put(hour: int, age: timedelta) -> None:
        fetched = clock.now - age
        store.put([HourValue("GB", hour_start(hour), 50.0, Basis.DIRECT, Quality.MEASURED, "production", "s", fetched)])

    def present(store: HourStore, basis: Basis) -> Present:
        return Present(store, ("s",), basis=basis, basis_strict=True, clock=clock.clock, place_of=parse_region)

    put(clock.hour - 3, timedelta(hours=2))
    (used,) = present(store, Basis.DIRECT).of(["GB", "GB"])
    assert (used.intensity.quality, used.age_s) == (Quality.STALE, 7200.0)
    put(clock.hour, timedelta(minutes=1))
    (used,) = present(store, Basis.DIRECT).of(["GB"])
    assert (used.intensity.quality, used.age_s) == (Quality.MEASURED, 60.0)
    assert present(HourStore(), Basis.MARGINAL).of(["GB"]) == []
