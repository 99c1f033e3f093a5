# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The command `carbonspan` and its simple subcommands: what each takes, and what it calls."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.terminal_theme import MONOKAI

import carbonspan
from carbonspan.cli import _output as output, _tables as tables
from carbonspan.cli._collector_config import collector_config
from carbonspan.cli._doctor import doctor
from carbonspan.cli._grid import grid

PICTURE_WIDTH = 108  # characters: what a README shows without scrolling


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(carbonspan.__version__, prog_name="carbonspan")
def app() -> None:
    """Estimate the energy and carbon of LLM inference, with bounds and evidence."""


app.add_command(collector_config)
app.add_command(doctor)
app.add_command(grid)


@app.command()
@click.argument("model")
@click.option("--input", "input_tokens", type=click.IntRange(0), required=True, help="Input tokens, cached or not.")
@click.option("--output", "output_tokens", type=click.IntRange(0), required=True, help="Output tokens, with reasoning.")
@click.option("--cached", "cached_input_tokens", type=click.IntRange(0), default=0, help="Input read from a cache.")
@click.option("--provider", default="", help="The provider, as OpenTelemetry spells it (openai, aws.bedrock).")
@click.option("--region", default=None, help="Where it ran: aws:eu-west-1, zone:GB, DEU, EU. See `carbonspan regions`.")
@click.option("--basis", default=None, help="life-cycle (default), direct or marginal.")
@click.option("--pue", type=float, default=None, help="Power usage effectiveness, if you know it.")
@click.option("--operation", default="chat", help="chat, embeddings, ...", show_default=True)
@click.option("--at", "when", default=None, metavar="TIME", help="ISO 8601 time, UTC if it has no zone. Default: now.")
@output.json_option
def estimate(*, when: str | None, as_json: bool, **arguments: Any) -> None:
    """Estimate one inference: energy, emissions and water."""
    try:
        footprint = carbonspan.estimate(at=_time(when), **arguments)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    output.show(tables.footprint_data(footprint), lambda _narrow: tables.footprint_table(footprint), as_json=as_json)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}; allowed: an ISO 8601 time such as 2026-03-01T12:00Z", param_hint="--at"
        ) from error
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)


@app.command()
@click.argument("pattern", default="")
@output.json_option
def models(*, pattern: str, as_json: bool) -> None:
    """List models and their joules per token.

    PATTERN keeps the ids that contain it. A full name that no id contains shows what it resolves to.
    """
    found = tables.models_data(pattern)
    output.show(found, lambda narrow: tables.models_table(found, pattern, narrow=narrow), as_json=as_json)


@app.command()
@click.argument("pattern", default="")
@output.json_option
def regions(*, pattern: str, as_json: bool) -> None:
    """List cloud regions with zone, PUE and intensity.

    PATTERN keeps those whose region, city, country or zone contains it. The intensity is that of the bundled tables.
    """
    found = tables.regions_data(pattern)
    output.show(found, lambda narrow: tables.regions_table(found, narrow=narrow), as_json=as_json)


@app.command()
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also write the output to an SVG file.")
def demo(*, svg: Path | None) -> None:
    """Run a demo agent and show what its LLM calls emit.

    The OpenAI and Anthropic SDKs are real; the APIs behind them are a server on this machine. No key is needed.
    """
    from carbonspan import demo as demos  # noqa: PLC0415 - the extra `demo`, and no other command's time

    if svg is None:
        console = output.console()
    else:
        console = Console(record=True, width=PICTURE_WIDTH, force_terminal=True, color_system="truecolor")
    try:
        demos.run(console)
    except demos.DemoError as error:
        raise click.ClickException(str(error)) from error
    if svg is not None:
        console.save_svg(str(svg), title="carbonspan demo", theme=MONOKAI)
