# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan grid now|history|forecast`: the intensity of each hour as a span would get it, and its origin.

Sources are asked only where one is configured or named, and as in an application: the shared cache serves both, and
looking costs no request that is not due.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carbonspan.cli import _chart as chart, _output as output
from carbonspan.core._hours import NS_PER_HOUR, hour_index, hour_start
from carbonspan.core._options import Settings
from carbonspan.grid._resolver import STALE_HOURS
from carbonspan.live._status import TIMEOUT_S
from carbonspan.live.sources import BUNDLED, NAMES
from carbonspan.runtime import live_grid, resolver_of
from carbonspan.site import parse_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from carbonspan.core.values import Intensity, Place
    from carbonspan.grid._resolver import Resolver
    from carbonspan.live._live import LiveGrid

NOW, HISTORY, FORECAST = "now", "history", "forecast"
HOURS = 24
RUN_HOURS = 3  # in a row: what a job of some length needs
CLEANEST = 3
MAX_HOURS = 72
MAX_TIMEOUT_S = 300.0


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        output.json_option,
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(0.1, MAX_TIMEOUT_S),
            default=TIMEOUT_S,
            show_default=True,
            help="Seconds to wait for live sources.",
        ),
        click.option("--basis", default=None, help="life-cycle (default), direct or marginal."),
        click.option(
            "--source",
            "sources",
            multiple=True,
            metavar="NAME|FILE",
            help="A live source or a file, instead of CARBONSPAN_GRID. Repeatable, the preferred one first.",
        ),
        click.argument("region", metavar="ZONE|REGION"),
    ):
        function = option(function)
    return function


@click.group()
def grid() -> None:
    """Show the carbon intensity of a grid zone by the hour.

    It is what spans get: from live sources if some are configured, otherwise from the bundled tables.

    ZONE|REGION is a grid zone (GB, zone:US-CAL-CISO), a cloud region (aws:eu-west-1) or a country (DEU).
    """


@grid.command()
@_common
def now(**arguments: Any) -> None:
    """Show the current hour and the 23 before it."""
    _show(NOW, window(NOW), **arguments)


@grid.command()
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    metavar="YYYY-MM-DD",
    help="A day (UTC) instead of the last 24 hours.",
)
@_common
def history(*, day: datetime | None, **arguments: Any) -> None:
    """Show the last 24 hours, or one day."""
    start = None if day is None else day.replace(tzinfo=timezone.utc)
    shown = window(HISTORY, start)
    if not shown or shown[0] < 0:
        raise click.ClickException(f"--day {day:%Y-%m-%d} is not between 1970-01-01 and today (UTC)")
    _show(HISTORY, shown, **arguments)


@grid.command()
@click.option(
    "--hours", "count", type=click.IntRange(1, MAX_HOURS), default=HOURS, show_default=True, help="How many hours."
)
@_common
def forecast(*, count: int, **arguments: Any) -> None:
    """Show the coming hours and the cleanest of them."""
    _show(FORECAST, window(FORECAST, hours=count), **arguments)


def _show(
    view: str,
    hours: range,
    *,
    region: str,
    sources: tuple[str, ...],
    basis: str | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    options: dict[str, Any] = {"basis": basis}
    if sources:
        options["grid"] = [_source(name) for name in sources]
    try:
        found = examine(view, region, hours, timeout_s=timeout_s, options=options)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    signs = chart.ASCII if output.console().options.ascii_only else chart.BLOCKS
    output.show(found, lambda _narrow: chart.report(found, signs), as_json=as_json)
    if all(row["g_per_kwh"] is None for row in found["hours"]):
        raise click.ClickException("no figure in this basis: unset CARBONSPAN_BASIS_STRICT, or choose another --basis")


def _source(name: str) -> str | Path:
    """Return the name of a source, or the path of a file or folder."""
    path = Path(name)
    return path if name.strip().lower() not in {*NAMES, "bundled"} and path.exists() else name


def window(view: str, day: datetime | None = None, hours: int = HOURS) -> range:
    """Return the hours to show, counted from 1970: up to the current one, from it on, or those of a day (UTC)."""
    present = hour_index(datetime.now(timezone.utc))
    if day is not None:
        first = hour_index(day)
        return range(first, min(first + hours, present + 1))
    return range(present, present + hours) if view == FORECAST else range(present - hours + 1, present + 1)


def examine(view: str, region: str, hours: range, *, timeout_s: float, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hours of a region, with what they are based on and what went wrong.

    Args:
        view: now, history or forecast.
        region: as the setting of that name.
        hours: counted from 1970.
        timeout_s: how long sources may take.
        options: keywords of the settings; the others come from the environment.

    Raises:
        ValueError: the region or an option is not allowed; the message says what is.
    """
    place = parse_region(region)
    with output.collected_warnings() as problems:
        settings = Settings.resolve(options, os.environ)
        live = _open(settings, problems)
        try:
            if live is not None:
                problems.extend(_fetch(live, place, view, hours, timeout_s))
            # The last known hour is not a forecast of the next.
            resolver = resolver_of(settings, live, stale_hours=0 if view == FORECAST else STALE_HOURS)
            rows = [_row(resolver, live, place, hour) for hour in hours]
        finally:
            if live is not None:
                live.close()
    found = {
        "view": view,
        "region": region,
        "place": place.region,
        "zone": place.zone,
        "wanted_basis": settings.basis.value,
        "sources": [*(live.names if live else ()), BUNDLED],
        "hours": rows,
        "summary": summary(rows),
        "problems": list(dict.fromkeys(problems)),
    }
    return found | ({"cleanest": cleanest(rows)} if view == FORECAST else {})


def _open(settings: Settings, problems: list[str]) -> LiveGrid | None:
    # A source named on the command line must work; one of the environment is passed over, as for a span.
    live = live_grid(settings, passed_over=problems.append)
    if live is not None and not live.names:
        live.close()
        return None
    return live


def _fetch(live: LiveGrid, place: Place, view: str, hours: range, timeout_s: float) -> list[str]:
    """Have the hours fetched that sources may be asked for now, and return what went wrong."""
    if not place.zone:
        return [f"{place.region} is not a single grid zone, and live sources serve only those (`carbonspan regions`)"]
    zone = f"zone:{place.zone}"
    for hour in hours if view == HISTORY else ():
        live.want(place.zone, hour)
    report = live.prefetch([zone], timeout_s)
    problems = list(report.problems())
    complete = report.complete
    if view == FORECAST and not report.unserved:
        forecast = live.fetch_forecast(zone, timeout_s)
        problems += forecast.problems()
        complete = complete and forecast.complete
    if not complete:
        problems.append(f"not all sources answered within {timeout_s:g} s: raise --timeout, or try again later")
    return problems


def _row(resolver: Resolver, live: LiveGrid | None, place: Place, hour: int) -> dict[str, Any]:
    found = resolver.at(place, hour * NS_PER_HOUR, hour * NS_PER_HOUR)
    row: dict[str, Any] = {"hour": output.time_text(hour_start(hour))}
    if found is None:
        return row | {"g_per_kwh": None}
    row |= {
        "g_per_kwh": output.plain(found.intensity_g_per_kwh),
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
    more: dict[str, Any] = {"fetched_at": output.time_text(value.fetched_at)}
    if value.around_g_per_kwh is not None:
        more["around_g_per_kwh"] = value.around_g_per_kwh
    return more


def _known(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["g_per_kwh"] is not None]


def _grams(row: Mapping[str, Any]) -> float:
    """Return an hour's central value, gCO2e/kWh."""
    return float(row["g_per_kwh"]["central"])


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return minimum, mean and maximum of each basis: two bases are never averaged together."""
    found = []
    known = sorted(_known(rows), key=lambda row: str(row["basis"]))
    for basis, group in groupby(known, key=lambda row: str(row["basis"])):
        members = list(group)
        low, high = min(members, key=_grams), max(members, key=_grams)
        found.append(
            {
                "basis": basis,
                "hours": len(members),
                "min_g_per_kwh": _grams(low),
                "min_hour": low["hour"],
                "mean_g_per_kwh": sum(map(_grams, members)) / len(members),
                "max_g_per_kwh": _grams(high),
                "max_hour": high["hour"],
            }
        )
    return found


def cleanest(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the cleanest hours and the cleanest hours in a row; `None` where all are alike or bases differ.

    Where a live source has any of the hours, only those are compared: beside a yearly mean any hour looks good or bad.
    """
    known = [row for row in rows if "fetched_at" in row] or _known(rows)
    if len({row["basis"] for row in known}) != 1 or len({_grams(row) for row in known}) == 1:
        return None
    runs = [known[at : at + RUN_HOURS] for at in range(len(known) - RUN_HOURS + 1)]
    whole = [
        run
        for run in runs
        if output.time_of(run[-1]["hour"]) - output.time_of(run[0]["hour"]) == (RUN_HOURS - 1) * timedelta(hours=1)
    ]
    best = min(whole, key=lambda run: sum(map(_grams, run)), default=None)
    return {
        "mean_g_per_kwh": sum(map(_grams, known)) / len(known),
        "hours": [{"hour": row["hour"], "g_per_kwh": _grams(row)} for row in sorted(known, key=_grams)[:CLEANEST]],
        "in_a_row": None
        if best is None
        else {"hour": best[0]["hour"], "hours": RUN_HOURS, "g_per_kwh": sum(map(_grams, best)) / RUN_HOURS},
    }
