# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `carbonspan grid` finds out: the intensity of each hour as a span would get it, and what it stands on.

Plain data, the shape of `--json`. Sources are asked only where one is configured or named; they are asked as in an
application, so the shared cache serves both, and a look costs no request that is not due.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.cli._listing import plain
from carbonspan.cli._log import collected
from carbonspan.core._hours import NS_PER_HOUR, hour_index, hour_start
from carbonspan.core._options import Settings
from carbonspan.estimate._estimator import live_grid, resolver_of
from carbonspan.grid import STALE_HOURS
from carbonspan.live.sources import BUNDLED
from carbonspan.site import parse_region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from carbonspan.core.values import Intensity, Place
    from carbonspan.grid import Resolver
    from carbonspan.live._live import LiveGrid

NOW, HISTORY, FORECAST = "now", "history", "forecast"
HOURS = 24
RUN_HOURS = 3  # in a row: what a job of some length needs
CLEANEST = 3


def window(kind: str, day: datetime | None = None, hours: int = HOURS) -> range:
    """Return the hours to show, since 1970: up to the present one, from it on, or those of a day (UTC)."""
    present = hour_index(datetime.now(timezone.utc))
    if day is not None:
        first = hour_index(day)
        return range(first, min(first + hours, present + 1))
    return range(present, present + hours) if kind == FORECAST else range(present - hours + 1, present + 1)


class Question(NamedTuple):
    """What is asked."""

    kind: str  # now, history or forecast
    region: str  # as the setting of that name
    shown: range  # hours since 1970
    timeout_s: float  # how long sources may take


def examine(question: Question, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hours of a region, with what they stand on and what went wrong.

    Args:
        question: what is asked.
        options: keywords of the settings; the others come from the environment.

    Raises:
        ValueError: the region or an option is not allowed; the message says what is.
    """
    kind, region, shown, _ = question
    place = parse_region(region)
    with collected() as problems:
        settings = Settings.resolve(options, os.environ)
        live = _open(settings, problems)
        try:
            if live is not None:
                _fetch(live, place, question, problems)
            # The last hour is no forecast of the next.
            resolver = resolver_of(settings, live, stale_hours=0 if kind == FORECAST else STALE_HOURS)
            rows = [_row(resolver, live, place, hour) for hour in shown]
        finally:
            if live is not None:
                live.close()
    found = {
        "kind": kind,
        "region": region,
        "place": place.region,
        "zone": place.zone,
        "wanted_basis": settings.basis.value,
        "sources": [*(live.names if live else ()), BUNDLED],
        "hours": rows,
        "summary": _summary(rows),
        "problems": list(dict.fromkeys(problems)),
    }
    return found | ({"cleanest": cleanest(rows)} if kind == FORECAST else {})


def _open(settings: Settings, problems: list[str]) -> LiveGrid | None:
    # One that was named here must be there; one of the deployment's is passed over, as for a span.
    live = live_grid(settings, passed_over=problems.append)
    if live is not None and not live.names:
        live.close()
        return None
    return live


def _fetch(live: LiveGrid, place: Place, question: Question, problems: list[str]) -> None:
    kind, _, shown, timeout_s = question
    if not place.zone:
        problems.append(f"{place.region} is no single grid zone: live sources have zones alone (`carbonspan regions`)")
        return
    zone = f"zone:{place.zone}"
    for hour in shown if kind == HISTORY else ():
        live.want(place.zone, hour)
    report = live.prefetch([zone], timeout_s)
    problems += report.problems()
    complete = report.complete
    if kind == FORECAST and not report.unserved:
        ahead = live.fetch_forecast(zone, timeout_s)
        problems += ahead.problems()
        complete = complete and ahead.complete
    if not complete:
        problems.append(f"not all sources answered within {timeout_s:g} s: a larger --timeout, or later")


def _row(resolver: Resolver, live: LiveGrid | None, place: Place, hour: int) -> dict[str, Any]:
    found = resolver.at(place, hour * NS_PER_HOUR, hour * NS_PER_HOUR)
    row: dict[str, Any] = {"hour": hour_start(hour).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if found is None:
        return row | {"g_per_kwh": None}
    row |= {
        "g_per_kwh": plain(found.intensity_g_per_kwh),
        "quality": found.quality.value,
        "basis": found.basis.value,
        "source": found.source,
        "zone": found.zone,
        "accounting": found.accounting,
        "year": found.year,
    }
    return row | (_of_source(live, found, hour) if live is not None and found.source in live.names else {})


def _of_source(live: LiveGrid, found: Intensity, hour: int) -> dict[str, Any]:
    """Return what is known of an hour of a live source beyond what a span gets."""
    ages = range(STALE_HOURS + 1)
    values = (live.store.get(found.source, found.zone, found.basis, hour - age) for age in ages)
    value = next(value for value in values if value is not None)
    more: dict[str, Any] = {"fetched_at": value.fetched_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if value.around_g_per_kwh is not None:
        more["around_g_per_kwh"] = value.around_g_per_kwh
    return more


def _known(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["g_per_kwh"] is not None]


def grams(row: Mapping[str, Any]) -> float:
    """Return an hour's central value, g/kWh."""
    return float(row["g_per_kwh"]["central"])


def _summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return minimum, mean and maximum of each basis: two are never added."""
    found = []
    known = sorted(_known(rows), key=lambda row: str(row["basis"]))
    for basis, group in groupby(known, key=lambda row: str(row["basis"])):
        members = list(group)
        low, high = min(members, key=grams), max(members, key=grams)
        found.append(
            {
                "basis": basis,
                "hours": len(members),
                "min_g_per_kwh": grams(low),
                "min_hour": low["hour"],
                "mean_g_per_kwh": sum(map(grams, members)) / len(members),
                "max_g_per_kwh": grams(high),
                "max_hour": high["hour"],
            }
        )
    return found


def cleanest(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the cleanest hours and the cleanest hours in a row; `None` where all are alike or bases differ.

    Where a live source has any of the hours, those alone are compared: beside a yearly mean any hour looks good or bad.
    """
    known = [row for row in rows if "fetched_at" in row] or _known(rows)
    if len({row["basis"] for row in known}) != 1 or len({grams(row) for row in known}) == 1:
        return None
    runs = [known[at : at + RUN_HOURS] for at in range(len(known) - RUN_HOURS + 1)]
    whole = [run for run in runs if moment(run[-1]["hour"]) - moment(run[0]["hour"]) == (RUN_HOURS - 1) * ONE_HOUR]
    best = min(whole, key=lambda run: sum(map(grams, run)), default=None)
    return {
        "mean_g_per_kwh": sum(map(grams, known)) / len(known),
        "hours": [{"hour": row["hour"], "g_per_kwh": grams(row)} for row in sorted(known, key=grams)[:CLEANEST]],
        "in_a_row": None
        if best is None
        else {"hour": best[0]["hour"], "hours": RUN_HOURS, "g_per_kwh": sum(map(grams, best)) / RUN_HOURS},
    }


def moment(text: str) -> datetime:
    """Return the moment that a row names."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


ONE_HOUR = timedelta(hours=1)
