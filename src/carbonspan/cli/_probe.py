# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the live grid is: each configured source is asked once, within bounds, and the shared file looked at.

Nothing is asked unless a live source is configured. What is told of a source is its own text for the log, which holds
no key; the options are not told at all.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

HOURS = 6  # of history that are asked for: sources are an hour or two late
MAX_ZONES = 8  # that are named
USUAL = ("DE", "FR", "GB", "US-CAL-CISO", "DK-DK1")
"""Asked for where neither the settings nor the cache tell a zone: large ones, which most sources have."""


def examine(settings: Settings, *, offline: bool, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return how each source and the shared file are, and what is wrong, in a line each with how to mend it."""
    if settings.grid == (BUNDLED,):
        return {"sources": [], "cache": None, "problems": []}
    problems: list[str] = []
    chosen = make_sources(settings.grid, settings.grid_options, os.environ, problems.append)
    cache = _cache(settings)
    zones = _zones(settings, cache)
    wanted = bases(settings.basis, strict=settings.basis_strict)
    if offline:
        rows = [{"source": item.source.name, "state": NOT_PROBED} for item in chosen]
    else:
        rows = _probed(chosen, zones, wanted, timeout_s)
    problems += [_line(row) for row in rows if row["state"] not in {OK, NOT_PROBED}]
    place = parse_region(settings.region) if settings.region else None
    if chosen and place is not None and not any(item.source.serves(place.zone, b) for item in chosen for b in wanted):
        problems.append(
            f"no source serves {settings.region} (zone {place.zone or 'unknown'}): bundled tables will answer"
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

    chosen = settings.grid_cache
    return state_of(Path(chosen).expanduser() if isinstance(chosen, str) else default_path())


def _of_cache(cache: CacheState | None) -> dict[str, Any] | None:
    if cache is None:
        return None
    fetched = cache.fetched_at
    return {
        "path": str(cache.path),
        "exists": cache.exists,
        "hours": cache.hours,
        "bytes": cache.bytes,
        "fetched_at": None if fetched is None else fetched.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "age_s": None if fetched is None else max(0, int((_now() - fetched).total_seconds())),
        "problem": cache.problem,
        "zones": [
            {
                "source": zone.source,
                "zone": zone.zone,
                "basis": zone.basis,
                "hours": zone.hours,
                "newest_hour": datetime.fromtimestamp(zone.newest_hour_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for zone in cache.zones
        ],
    }


def _zones(settings: Settings, cache: CacheState | None) -> list[str]:
    """Return the zones to try, the likeliest first: those of the settings, of the cache, and large ones."""
    texts = [settings.region, *settings.regions.values()]
    places = [parse_region(text).zone for text in texts if text]
    cached = [zone.zone for zone in cache.zones] if cache is not None else []
    return [zone for zone in dict.fromkeys([*places, *cached, *USUAL]) if zone]


def _probed(
    chosen: Sequence[SelectedSource], zones: Sequence[str], wanted: Sequence[Basis], timeout_s: float
) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}

    def probe(item: SelectedSource) -> None:
        rows[item.source.name] = _row(item, zones, wanted)

    threads = [threading.Thread(target=probe, args=(item,), name="carbonspan-doctor", daemon=True) for item in chosen]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    late = {"state": NO_ANSWER, "hint": "check the network, HTTPS_PROXY and the option url"}
    return [
        rows.get(name) or {"source": name, **late, "message": f"{name}: no answer within {timeout_s:g} s"}
        for name in (item.source.name for item in chosen)
    ]


def _row(item: SelectedSource, zones: Sequence[str], wanted: Sequence[Basis]) -> dict[str, Any]:
    """Ask one source what it has, and for the last hours of one zone: a list of zones alone does not prove a key."""
    source = item.source
    row: dict[str, Any] = {"source": source.name}
    try:
        found = source.capabilities()
        row |= _capable(found)
        zone, basis = _choice(item, found, zones, wanted)
        end = _now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        values = source.history(zone, end - timedelta(hours=HOURS), end, basis) if zone else ()
    except GridError as error:
        return row | {"state": error.outcome, "message": str(error), "hint": error.hint}
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
            "message": f"{source.name}: no hour of {zone} in the last {HOURS}",
            "hint": "its data end earlier: newer hours are needed for spans of today",
        }
    last = max(values, key=lambda value: value.hour)
    return row | {
        "state": OK,
        "zone": zone,
        "newest_hour": last.hour.strftime("%Y-%m-%dT%H:%M:%SZ"),
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
