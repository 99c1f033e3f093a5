# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The store of live hours: what it takes, what it keeps, and that it stays small."""

from __future__ import annotations

import math
import os
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._hours import hour_index
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.grid._store import MAX_INTENSITY_G_PER_KWH, HourStore

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
HOUR = hour_index(NOON)


def value(number: float, quality: Quality = Quality.MEASURED, *, age_min: int = 0, **other: Any) -> HourValue:
    whole = HourValue(
        "GB", NOON, number, Basis.DIRECT, quality, "consumption", "uk_neso", NOON - timedelta(minutes=age_min)
    )
    return replace(whole, **other)


def held(store: HourStore, source: str = "uk_neso", hour: int = HOUR) -> HourValue | None:
    return store.get(source, "GB", Basis.DIRECT, hour)


def test_what_is_put_is_there_under_its_whole_key() -> None:
    store = HourStore()
    assert store.put([value(54)]) == 1
    assert held(store) == value(54)
    assert len(store) == 1
    assert held(store, "other") is None
    assert held(store, hour=HOUR + 1) is None
    assert store.get("uk_neso", "GB", Basis.LIFE_CYCLE, HOUR) is None
    assert store.get("uk_neso", "FR", Basis.DIRECT, HOUR) is None


def test_zero_is_a_value() -> None:
    store = HourStore()
    assert store.put([value(0), value(0.0, hour=NOON + timedelta(hours=1))]) == 2
    found = held(store)
    assert found is not None
    assert found.intensity_g_per_kwh == 0


@pytest.mark.parametrize(
    "bad",
    [
        value(math.nan),
        value(math.inf),
        value(-1.0),
        value(MAX_INTENSITY_G_PER_KWH + 1),
        value(None),  # type: ignore[arg-type]
        value("54"),  # type: ignore[arg-type]
        value(True),  # noqa: FBT003 - a flag where a number belongs
        value(54, Quality.STALE),
        value(54, Quality.ANNUAL),
        value(54, hour=datetime(2026, 3, 1, 12)),  # noqa: DTZ001 - the point
        value(54, hour=datetime(1969, 12, 31, 23, tzinfo=timezone.utc)),
        value(54, fetched_at=datetime(2026, 3, 1, 12)),  # noqa: DTZ001 - the point
        value(54, accounting=None),  # as a source of the user's own may have it
        value(54, vintage=2026),
    ],
)
def test_what_is_no_value_is_refused(bad: HourValue) -> None:
    store = HourStore()
    assert store.put([bad]) == 0
    assert held(store) is None
    assert store.version == 0
    # and it takes nothing else with it
    assert store.put([bad, value(54), bad]) == 1


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (value(1, Quality.FORECAST), value(2, Quality.ESTIMATED), 2),
        (value(1, Quality.ESTIMATED), value(2, Quality.MEASURED), 2),
        (value(1, Quality.FORECAST), value(2, Quality.MEASURED, age_min=90), 2),
        (value(1, Quality.MEASURED), value(2, Quality.ESTIMATED), 1),
        (value(1, Quality.MEASURED, age_min=90), value(2, Quality.FORECAST), 1),
        (value(1, Quality.ESTIMATED), value(2, Quality.FORECAST), 1),
        # sources revise: among equals the one fetched last
        (value(1, Quality.MEASURED, age_min=90), value(2, Quality.MEASURED), 2),
        (value(1, Quality.MEASURED), value(2, Quality.MEASURED, age_min=90), 1),
        (value(1, Quality.FORECAST, age_min=5), value(2, Quality.FORECAST), 2),
    ],
)
def test_which_value_stays(old: HourValue, new: HourValue, kept: float) -> None:
    store = HourStore()
    store.put([old])
    assert store.put([new]) == (kept == 2)
    found = held(store)
    assert found is not None
    assert found.intensity_g_per_kwh == kept
    assert len(store) == 1


def test_the_version_changes_only_with_the_content() -> None:
    store = HourStore()
    store.put([])
    assert store.version == 0
    store.put([value(1)])
    store.put([value(1)])  # the same again
    assert store.version == 1
    store.put([value(2)])
    assert store.version == 2


def test_sources_in_the_order_they_came() -> None:
    store = HourStore()
    store.put([value(1, source="b"), value(1, source="a"), value(1, source="b", zone="FR")])
    assert store.sources() == ("b", "a")


def test_the_oldest_hours_go_first() -> None:
    store = HourStore(capacity=100)
    for number in range(1000):
        store.put([value(number % 300, hour=NOON + timedelta(hours=number), source=f"s{number % 3}")])
        assert len(store) <= 100
    kept = [hour for hour in range(HOUR, HOUR + 1000) if any(held(store, f"s{n}", hour) for n in range(3))]
    assert kept == list(range(HOUR + 1000 - len(kept), HOUR + 1000))
    assert len(kept) >= 90


def test_a_store_of_one() -> None:
    store = HourStore(capacity=1)
    store.put([value(1), value(2, hour=NOON + timedelta(hours=1))])
    assert len(store) == 1
    assert held(store, hour=HOUR + 1) is not None
    assert held(store) is None


@pytest.mark.parametrize("capacity", [0, -5])
def test_a_store_of_none_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        HourStore(capacity=capacity)


def test_threads_may_write_at_once() -> None:
    store = HourStore(capacity=500)

    def fill(source: str) -> None:
        for number in range(400):
            store.put([value(number, source=source, hour=NOON + timedelta(hours=number))])
            held(store, source, HOUR + number)

    threads = [threading.Thread(target=fill, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 400 <= len(store) <= 500
    count = sum(held(store, f"s{n}", HOUR + hour) is not None for n in range(4) for hour in range(400))
    assert count == len(store)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # whatever runs the tests may have threads
def test_a_lock_held_at_a_fork_does_not_stop_the_child() -> None:
    store = HourStore()
    version = store.version
    with store._lock:  # as by another thread of the parent
        child = os.fork()
        if child == 0:
            free = store._lock.acquire(blocking=False)
            os._exit(0 if free and store.version != version else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


numbers: st.SearchStrategy[Any] = st.floats() | st.integers() | st.none() | st.booleans() | st.text(max_size=3)


@given(st.lists(st.tuples(numbers, st.sampled_from(Quality), st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_only_sound_values_are_ever_held(puts: list[tuple[Any, Quality, int, int]]) -> None:
    store = HourStore(capacity=3)
    for number, quality, hours, age_min in puts:
        store.put([value(number, quality, age_min=age_min, hour=NOON + timedelta(hours=hours))])
    assert len(store) <= 3
    for hour in range(6):
        found = held(store, hour=HOUR + hour)
        if found is not None:
            assert 0.0 <= found.intensity_g_per_kwh <= MAX_INTENSITY_G_PER_KWH
            assert found.quality in {Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST}
