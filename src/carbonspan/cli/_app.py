# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The commands: what each takes, and what it calls. No figure is worked out here."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.terminal_theme import MONOKAI

import carbonspan
from carbonspan.cli import _doctor as doctors, _listing as listing, _show as show
from carbonspan.cli._collector_config import collector_config
from carbonspan.cli._grid import grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

NARROW = 110  # columns: below, tables leave out what can be had elsewhere
PICTURE_WIDTH = 108  # characters: what a README shows without scrolling


def _console() -> Console:
    # A pipe or a log has no width of its own: wide enough that no table wraps.
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 132))


def _print(drawn: Callable[[bool], RenderableType]) -> None:
    console = _console()
    console.print(drawn(console.width < NARROW))


def _as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(function)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(carbonspan.__version__, prog_name="carbonspan")
def app() -> None:
    """Energy and carbon of LLM inference: estimates, with bounds and evidence."""


app.add_command(grid)
app.add_command(collector_config)


@app.command()
@click.argument("model")
@click.option("--input", "input_tokens", type=click.IntRange(0), required=True, help="Input tokens, cached included.")
@click.option("--output", "output_tokens", type=click.IntRange(0), required=True, help="Output tokens, with reasoning.")
@click.option("--cached", "cached_input_tokens", type=click.IntRange(0), default=0, help="Input read from a cache.")
@click.option("--provider", default="", help="Who answers, in OpenTelemetry's spelling (openai, aws.bedrock).")
@click.option("--region", default=None, help="Where it ran: aws:eu-west-1, zone:GB, DEU, EU. See `carbonspan regions`.")
@click.option("--basis", default=None, help="life-cycle (default), direct or marginal.")
@click.option("--pue", type=float, default=None, help="Power usage effectiveness, where you know it.")
@click.option("--operation", default="chat", help="chat, embeddings, ...", show_default=True)
@click.option(
    "--at", "when", default=None, metavar="TIME", help="ISO 8601 time; UTC where none is named. Default: now."
)
@_as_json
def estimate(*, when: str | None, as_json: bool, **arguments: Any) -> None:
    """Estimate one inference of MODEL: joules, grams CO2e, millilitres."""
    try:
        footprint = carbonspan.estimate(at=_moment(when), **arguments)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(listing.of_footprint(footprint), indent=2))
    else:
        _console().print(show.footprint(footprint))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}; allowed: an ISO 8601 time such as 2026-03-01T12:00Z", param_hint="--at"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@app.command()
@click.argument("pattern", default="")
@_as_json
def models(*, pattern: str, as_json: bool) -> None:
    """List the coefficient registry; PATTERN keeps ids that contain it, or shows what a full name resolves to."""
    found = listing.models(pattern)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(lambda narrow: show.models(found, pattern, narrow=narrow))


@app.command()
@click.argument("pattern", default="")
@_as_json
def regions(*, pattern: str, as_json: bool) -> None:
    """List the cloud regions with zone, PUE and yearly intensity; PATTERN keeps those that contain it."""
    found = listing.regions(pattern)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(lambda narrow: show.regions(found, narrow=narrow))


@app.command()
@click.option("--offline", is_flag=True, help="Do not ask the live sources.")
@_as_json
def doctor(*, offline: bool, as_json: bool) -> None:
    """Say how spans are written on here, what is configured and what is missing. Exits 1 where something is.

    Live sources that are configured (CARBONSPAN_GRID) are asked once each; without any there is no network.
    """
    report = doctors.examine(offline=offline)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print(lambda narrow: show.doctor(report, narrow=narrow))
    if report["problems"]:
        sys.exit(1)


@app.command()
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also write what is shown as a picture.")
def demo(*, svg: Path | None) -> None:
    """Run an agent on the real OpenAI and Anthropic SDKs against a loopback server, and show what it emitted."""
    from carbonspan import demo as demos  # noqa: PLC0415 - the extra `demo`, and no other command's time

    if svg is None:
        console = _console()
    else:
        console = Console(record=True, width=PICTURE_WIDTH, force_terminal=True, color_system="truecolor")
    try:
        demos.run(console)
    except demos.DemoError as error:
        raise click.ClickException(str(error)) from error
    if svg is not None:
        console.save_svg(str(svg), title="carbonspan demo", theme=MONOKAI)
