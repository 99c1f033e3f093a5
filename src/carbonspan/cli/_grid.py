# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan grid now|history|forecast`: what each takes, and what it calls."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from carbonspan.cli import _curve as curve, _hours as hours
from carbonspan.live._status import TIMEOUT_S
from carbonspan.live.sources import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HOURS = 72
MAX_TIMEOUT_S = 300.0


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a picture."),
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
            help="A live source, or a file, in place of CARBONSPAN_GRID. Repeatable, preferred ones first.",
        ),
        click.argument("region", metavar="ZONE|REGION"),
    ):
        function = option(function)
    return function


@click.group()
def grid() -> None:
    """Carbon intensity of a zone's hours, as spans get it: from live sources where configured, else from tables.

    ZONE|REGION is a grid zone (GB, zone:US-CAL-CISO), a cloud region (aws:eu-west-1) or a country (DEU).
    """


@grid.command()
@_common
def now(**arguments: Any) -> None:
    """Show the present hour, and the 23 before it."""
    _show(hours.NOW, hours.window(hours.NOW), **arguments)


@grid.command()
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="A day, UTC, instead of the last 24 hours."
)
@_common
def history(*, day: datetime | None, **arguments: Any) -> None:
    """Show the last 24 hours, or a day."""
    start = None if day is None else day.replace(tzinfo=timezone.utc)
    shown = hours.window(hours.HISTORY, start)
    if not shown or shown[0] < 0:
        raise click.ClickException(f"--day {day:%Y-%m-%d} is no day from 1970-01-01 to today (UTC)")
    _show(hours.HISTORY, shown, **arguments)


@grid.command()
@click.option(
    "--hours", "count", type=click.IntRange(1, MAX_HOURS), default=hours.HOURS, show_default=True, help="How far ahead."
)
@_common
def forecast(*, count: int, **arguments: Any) -> None:
    """Show the hours to come, and the cleanest of them."""
    _show(hours.FORECAST, hours.window(hours.FORECAST, hours=count), **arguments)


def _show(
    kind: str,
    shown: range,
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
        found = hours.examine(hours.Question(kind, region, shown, timeout_s), options)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        console = Console()
        console.print(curve.report(found, curve.ASCII if console.options.ascii_only else curve.BLOCKS))
    if all(row["g_per_kwh"] is None for row in found["hours"]):
        raise click.ClickException(
            "no figure of this basis: leave CARBONSPAN_BASIS_STRICT out, or name another --basis"
        )


def _source(name: str) -> str | Path:
    """Return a source's name, or the path of a file or folder."""
    path = Path(name)
    return path if name.strip().lower() not in {*NAMES, "bundled"} and path.exists() else name
