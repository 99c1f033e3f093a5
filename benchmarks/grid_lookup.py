# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span pays for the intensity of its hour: with one zone, with 200, with 8 threads, while hours come in."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from carbonspan.core._hours import NS_PER_HOUR, hour_start
from carbonspan.core.values import Basis, Place, Quality
from carbonspan.grid import HourValue
from carbonspan.grid._resolver import Resolver
from carbonspan.live._live import LiveGrid
from carbonspan.live._selection import make_sources
from carbonspan.site import parse_region

if TYPE_CHECKING:
    from carbonspan.grid._store import HourStore

LOOKUPS, REPEATS, ZONES, THREADS = 20_000, 30, 200, 8
NOW_NS = time.time_ns()
HOUR = NOW_NS // NS_PER_HOUR
FETCHED = datetime.now(timezone.utc)
PLACES = [Place("aws", f"r{n}", "host", f"Z{n}", "USA", "US") for n in range(ZONES)]


def function(*_: object) -> list[object]:
    return []


def filled(zones: int) -> tuple[HourStore, Resolver]:
    """Return a store with a day of hours for so many zones, the present one estimated, so that each miss is a want."""
    # Only the span's side: no thread that fetches runs beside it.
    grid = LiveGrid(make_sources([function], {}, {}), place_of=parse_region, threaded=False)
    put(grid.store, range(zones), 100.0)
    return grid.store, Resolver(grid.store, sources=["function"], want=grid.want)


def put(store: HourStore, zones: range, number: float) -> None:
    store.put(
        HourValue(
            f"Z{zone}",
            hour_start(HOUR - back),
            number + back,
            Basis.LIFE_CYCLE,
            Quality.MEASURED if back else Quality.ESTIMATED,
            "production",
            "function",
            datetime.now(timezone.utc),
        )
        for zone in zones
        for back in range(24)
    )


def seconds(resolver: Resolver, zones: int) -> float:
    at, places = resolver.at, PLACES[:zones] * (LOOKUPS // zones)
    start = time.perf_counter()
    for place in places:
        at(place, NOW_NS, NOW_NS)
    return (time.perf_counter() - start) / len(places)


def threaded(resolver: Resolver, zones: int) -> float:
    """Return the wall time of a look-up, times the look-ups that all threads made together, as of one thread."""
    ready = threading.Barrier(THREADS + 1)

    def work() -> None:
        ready.wait()
        seconds(resolver, zones)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / (THREADS * LOOKUPS)


def miss(zones: int) -> float:
    """Return the time of a look-up right after an hour came in: everything is worked out anew, and the want noted."""
    store, resolver = filled(zones)
    total = 0.0
    for number in range(20):
        put(store, range(1), 200.0 + number)
        start = time.perf_counter()
        for place in PLACES[:zones]:
            resolver.at(place, NOW_NS, NOW_NS)
        total += time.perf_counter() - start
    return total / (20 * zones)


def rows() -> list[tuple[str, float, str]]:
    one, many, tables = filled(1)[1], filled(ZONES)[1], Resolver()
    best = dict.fromkeys(("tables", "one", "many", "threads", "miss", "miss many"), float("inf"))
    for _ in range(REPEATS):
        for name, found in (
            ("tables", seconds(tables, 1)),
            ("one", seconds(one, 1)),
            ("many", seconds(many, ZONES)),
            ("threads", threaded(many, ZONES)),
        ):
            best[name] = min(best[name], found)
    for _ in range(3):
        best["miss"] = min(best["miss"], miss(1))
        best["miss many"] = min(best["miss many"], miss(ZONES))
    return [
        ("intensity look-up, microseconds", 1e6 * best["one"], "at most 1"),
        ("intensity look-up, live/tables", best["one"] / best["tables"], "about 1"),
        ("intensity look-up, 200 zones/1 zone", best["many"] / best["one"], "about 1"),
        (f"intensity look-up, {THREADS} threads/1 thread, same number", best["threads"] / best["many"], "about 1"),
        ("first look-up after an hour came in/later ones", best["miss"] / best["one"], ""),
        ("first look-up after an hour came in, 200 zones/1 zone", best["miss many"] / best["miss"], "about 1"),
    ]
