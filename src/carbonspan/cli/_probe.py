# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the live grid is doing: each configured source is asked once, within a time limit, and the shared file is read.

No source is asked unless one is configured. What is shown of a source is its own text for the log, which holds no key;
its options are not shown at all.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbonspan.cli._output import time_text
from carbonspan.grid.source import GridError
from carbonspan.live._live import bases
from carbonspan.live._selection import make_sources
from carbonspan.live.sources import BUNDLED
from carbonspan.site import parse_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbonspan.core._options import Settings
    from carbonspan.core.values import Basis
    from carbonspan.grid.source import Capabilities
    from carbonspan.live._selection import SelectedSource
    from carbonspan.live.cache._file import CacheState

TIMEOUT_S = 20.0
"""How long all sources together may take: longer than one attempt of a source, shorter than a person's patience."""

OK, NOT_PROBED, NO_ANSWER, EMPTY = "ok", "not probed", "no answer", "empty"

HOURS = 6  # of history to ask for: sources are an hour or two late
MAX_ZONES = 8  # to name
USUAL_ZONES = ("DE", "FR", "GB", "US-CAL-CISO", "DK-DK1")
"""Tried where neither the settings nor the cache name a zone: large ones, which most sources have."""


def examine(settings: Settings, *, offline: bool, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the state of each source and of the shared file, and each problem in a line that says how to solve it."""
    if settings.grid == (BUNDLED,):
        return {"sources": [], "cache": None, "problems": []}
    problems: list[str] = []
    sources = make_sources(settings.grid, settings.grid_options, os.environ, problems.append)
    cache = _cache(settings)
    zones = _zones(settings, cache)
    wanted = bases(settings.basis, strict=settings.basis_strict)
    if offline:
        rows = [{"source": item.source.name, "state": NOT_PROBED} for item in sources]
    else:
        rows = ask_all(sources, zones, wanted, timeout_s)
    problems += [_line(row) for row in rows if row["state"] not in {OK, NOT_PROBED}]
    place = parse_region(settings.region) if settings.region else None
    if sources and place is not None and not any(item.source.serves(place.zone, b) for item in sources for b in wanted):
        problems.append(
            f"no source serves {settings.region} (zone {place.zone or 'unknown'}): the bundled tables will be used"
        )
    if cache is not None and cache.problem:
        problems.append(f"grid cache {cache.path}: {cache.problem}: {cache.hint}")
    return {"sources": rows, "cache": _of_cache(cache), "problems": problems}


def _line(row: dict[str, Any]) -> str:
    return f"{row['message']}{': ' if row['hint'] else ''}{row['hint']}"


def _cache(settings: Settings) -> CacheState | None:
    if settings.grid_cache is False:
        return None
    from carbonspan.live.cache._file import default_path, state_of  # noqa: PLC0415 - with sqlite3, for live sources

    path = settings.grid_cache
    return state_of(Path(path).expanduser() if isinstance(path, str) else default_path())


def _of_cache(cache: CacheState | None) -> dict[str, Any] | None:
    if cache is None:
        return None
    fetched = cache.fetched_at
    return {
        "path": str(cache.path),
        "exists": cache.exists,
        "hours": cache.hours,
        "bytes": cache.bytes,
        "fetched_at": None if fetched is None else time_text(fetched),
        "age_s": None if fetched is None else max(0, int((_now() - fetched).total_seconds())),
        "problem": cache.problem,
        "zones": [
            {
                "source": zone.source,
                "zone": zone.zone,
                "basis": zone.basis,
                "hours": zone.hours,
                "newest_hour": time_text(datetime.fromtimestamp(zone.newest_hour_s, timezone.utc)),
            }
            for zone in cache.zones
        ],
    }


def _zones(settings: Settings, cache: CacheState | None) -> list[str]:
    """Return the zones to try, the likeliest first: those of the settings, of the cache, and large ones."""
    texts = [settings.region, *settings.regions.values()]
    places = [parse_region(text).zone for text in texts if text]
    cached = [zone.zone for zone in cache.zones] if cache is not None else []
    return [zone for zone in dict.fromkeys([*places, *cached, *USUAL_ZONES]) if zone]


def ask_all(
    sources: Sequence[SelectedSource], zones: Sequence[str], wanted: Sequence[Basis], timeout_s: float
) -> list[dict[str, Any]]:
    """Ask all sources at the same time, and return a row for each: one that hangs holds up no other."""
    rows: dict[str, dict[str, Any]] = {}

    def probe(item: SelectedSource) -> None:
        rows[item.source.name] = ask(item, zones, wanted)

    threads = [threading.Thread(target=probe, args=(item,), name="carbonspan-doctor", daemon=True) for item in sources]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    late = {"state": NO_ANSWER, "hint": "check the network, HTTPS_PROXY and the option url"}
    return [
        rows.get(name) or {"source": name, **late, "message": f"{name}: no answer within {timeout_s:g} s"}
        for name in (item.source.name for item in sources)
    ]


def ask(item: SelectedSource, zones: Sequence[str], wanted: Sequence[Basis]) -> dict[str, Any]:
    """Ask one source what it has, and for the last hours of one zone: a list of zones does not prove a key."""
    source = item.source
    row: dict[str, Any] = {"source": source.name}
    try:
        found = source.capabilities()
        row |= _capable(found)
        zone, basis = _choice(item, found, zones, wanted)
        end = _now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        values = source.history(zone, end - timedelta(hours=HOURS), end, basis) if zone else ()
    except GridError as error:
        return row | {"state": error.outcome, "message": str(error), "hint": error.hint or error.usual_hint}
    except Exception as error:  # noqa: BLE001 - a source of the user's own may raise anything
        return row | {"state": GridError.outcome, "message": f"{source.name}: {type(error).__name__}", "hint": ""}
    finally:
        if item.owned:
            source.close()
    if not zone:
        return row | {
            "state": EMPTY,
            "message": f"{source.name}: it has no zone in the basis {wanted[0].value}",
            "hint": "set CARBONSPAN_BASIS, or leave the source out",
        }
    if not values:
        return row | {
            "state": EMPTY,
            "message": f"{source.name}: nothing for {zone} in the last {HOURS} hours",
            "hint": "its data end earlier: today's spans need newer hours",
        }
    last = max(values, key=lambda value: value.hour)
    return row | {
        "state": OK,
        "zone": zone,
        "newest_hour": time_text(last.hour),
        "basis": last.basis.value,
        "quality": last.quality.value,
    }


def _capable(found: Capabilities) -> dict[str, Any]:
    zones = sorted(found.zones)
    return {
        "zones": len(zones),  # 0: any
        "some_zones": zones[:MAX_ZONES],
        "bases": sorted(basis.value for basis in found.bases),
        "forecast_hours": found.forecast_hours,
        "history_hours": found.history_hours,
    }


def _choice(
    item: SelectedSource, found: Capabilities, zones: Sequence[str], wanted: Sequence[Basis]
) -> tuple[str, Basis]:
    """Return a zone and a basis to ask for, ("", ...) where the source serves none."""
    known = [zone for zone in zones if not found.zones or zone in found.zones]
    for zone in [*known, *sorted(found.zones)]:
        for basis in wanted:
            if item.source.serves(zone, basis):
                return zone, basis
    return "", wanted[0]


def _now() -> datetime:
    return datetime.now(timezone.utc)
