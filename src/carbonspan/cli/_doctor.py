# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan doctor`: the SDK, how spans are written, the options in force, and what is missing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from carbonspan import grid
from carbonspan.cli import _output as output, _probe as probe
from carbonspan.core._options import OPTIONS, Option, Settings
from carbonspan.otel._writeback import Path, path
from carbonspan.version import METHOD_VERSION, __version__

if TYPE_CHECKING:
    from rich.console import RenderableType

PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-exporter-otlp-proto-grpc")
EXTRAS = {
    "cli": ("click", "rich"),
    "cost": ("genai-prices",),
    "demo": ("openai", "anthropic"),
    "ecologits": ("ecologits",),
}
NEEDS_PYTHON = {"cost": (3, 11)}  # extras that an older Python cannot have (pyproject.toml)
SHOWN_ZONES = 10  # of the cache; the others are counted


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask the live sources.")
@output.json_option
def doctor(*, offline: bool, as_json: bool) -> None:
    """Check how spans are written, and what is missing.

    Exits 1 if something is missing. Live sources that are configured (CARBONSPAN_GRID) are asked once each; without
    them, the network is not used.
    """
    report = examine(offline=offline)
    output.show(report, lambda narrow: _report(report, narrow=narrow), as_json=as_json)
    if report["problems"]:
        sys.exit(1)


def examine(*, offline: bool = False) -> dict[str, Any]:
    """Return the report. Asks the live sources that are configured, unless `offline`; without them, no network."""
    with output.collected_warnings() as messages:
        settings = Settings.resolve({}, os.environ)
        write_back = path()
        live = probe.examine(settings, offline=offline)
    problems = [*messages, *live.pop("problems")]
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        problems.append("OTEL_SDK_DISABLED is true: the SDK creates no spans")
    elif write_back is Path.REBIND_END:
        problems.append(
            "register CarbonSpanProcessor before the exporting processor, or update opentelemetry-sdk to 1.40 or newer"
        )
    extras = {extra: all(_version(p) for p in packages) for extra, packages in EXTRAS.items()}
    return {
        "carbonspan": __version__,
        "method": METHOD_VERSION,
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "writeback": {"path": write_back.name.lower(), "meaning": write_back.value},
        "options": [
            {
                "option": option.name,
                "value": _value(option, getattr(settings, option.name)),
                "from": settings.origins[option.name],
                "environment": option.environment,
                "allowed": option.allowed,
            }
            for option in OPTIONS
        ],
        "grid": list(dict.fromkeys(source.id for source in grid.bundled_sources() if not source.id.startswith("mix:"))),
        "live": live,
        "extras": extras,
        "problems": problems,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _value(option: Option, value: Any) -> Any:
    """Return an option's value as JSON can hold it; of one that may hold a key, only whose keys they are."""
    if option.secret:
        return dict.fromkeys(value, "(not shown)")
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else getattr(item, "name", type(item).__name__) for item in value]
    return output.plain(value)


def _report(report: dict[str, Any], *, narrow: bool) -> RenderableType:
    """Return the report, problems last, so that they are what remains on the screen."""
    head = Table.grid(padding=(0, 2))
    head.add_column(no_wrap=True)
    head.add_row("carbonspan", f"{report['carbonspan']}, method {report['method']}, Python {report['python']}")
    for package, installed in report["packages"].items():
        head.add_row(package, installed or Text("not installed", style="dim"))
    head.add_row("write-back", report["writeback"]["meaning"])
    head.add_row("grid tables", ", ".join(report["grid"]))
    _live_rows(head, report["live"])
    head.add_row("extras", _extras(report["extras"]))
    allowed = () if narrow else ("allowed",)
    options = output.new_table("option", "value", "from", "environment variable", *allowed, wrap=("value", *allowed))
    for row in report["options"]:
        options.add_row(
            row["option"], _value_text(row["value"]), row["from"], row["environment"], *(row[name] for name in allowed)
        )
    problems = [Text(f"! {problem}", style="yellow") for problem in report["problems"]]
    return Group(head, options, *(problems or [Text("Nothing is missing.", style="green")]))


def _live_rows(head: Table, live: dict[str, Any]) -> None:
    """Add a line for each live source, and one for the shared file."""
    if not live["sources"]:
        head.add_row("live sources", Text("none configured (CARBONSPAN_GRID), so no network is used", style="dim"))
        return
    for row in live["sources"]:
        head.add_row(row["source"], _source(row))
    cache = live["cache"]
    if cache is None:
        head.add_row("grid cache", "none: each process asks the sources itself")
        return
    if not cache["exists"]:
        head.add_row("grid cache", f"{cache['path']}, {cache['problem'] or 'not created yet'}")
        return
    age = "" if cache["age_s"] is None else f", last fetched {cache['age_s'] // 60} min ago"
    head.add_row("grid cache", f"{cache['path']}, {cache['problem'] or 'in order'}, {cache['hours']:,} hours{age}")
    for zone in cache["zones"][:SHOWN_ZONES]:
        newest = zone["newest_hour"][:16].replace("T", " ")
        text = f"{zone['zone']} {zone['basis']}, {zone['hours']:,} hours to {newest} UTC, {zone['source']}"
        head.add_row("", Text(text, style="dim"))
    if len(cache["zones"]) > SHOWN_ZONES:
        head.add_row("", Text(f"and {len(cache['zones']) - SHOWN_ZONES} more (--json)", style="dim"))


def _source(row: dict[str, Any]) -> Text:
    if row["state"] != "ok":
        return Text(row["state"], style="dim" if row["state"] == "not probed" else "yellow")
    zones = {0: "any zone", 1: "only this zone"}.get(row["zones"], f"{row['zones']} zones")
    forecast = f"forecast {row['forecast_hours']} h" if row["forecast_hours"] else "no forecast"
    newest = row["newest_hour"][11:16]
    return Text.assemble(
        ("ok", "green"), f": {row['zone']} to {newest} UTC, {row['quality']}, {row['basis']}; {zones}, {forecast}"
    )


def _extras(found: dict[str, bool]) -> str:
    missing = [name for name, installed in found.items() if not installed]
    installed = ", ".join(name for name in found if name not in missing) or "none"
    return f"{installed}; not installed: {', '.join(map(_missing, missing))}" if missing else installed


def _missing(extra: str) -> str:
    """Return an extra's name, and why it cannot be installed, if it cannot."""
    needed = NEEDS_PYTHON.get(extra, ())
    return f"{extra} (needs Python {'.'.join(map(str, needed))})" if sys.version_info < needed else extra


def _value_text(value: Any) -> str:
    """Return an option's value much as its environment variable spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}={inner}" for name, inner in value.items())
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
