# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the commands look: plain data to rich tables, with units and sensible digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from carbonspan.core._numbers import digits

if TYPE_CHECKING:
    from rich.console import RenderableType

    from carbonspan.core.values import Range
    from carbonspan.estimate.footprint import Footprint

EVIDENCE = {
    "A": "measured by you",
    "B": "measured, open weights",
    "C": "law or measured sibling, open weights",
    "D": "size is a guess",
    "E": "class default",
}


def _span(value: Range, unit: str) -> tuple[str, str]:
    return f"{digits(value.central)} {unit}", f"{digits(value.low)} – {digits(value.high)} {unit}"


def _table(*headers: str, right: tuple[str, ...] = (), wrap: tuple[str, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for header in headers:
        # Names and numbers are read whole or not at all: they do not wrap.
        whole = header not in wrap
        table.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=whole,
            overflow="ellipsis" if whole else "fold",
        )
    return table


def footprint(found: Footprint) -> RenderableType:
    """Return one estimate: the figures with their bounds, then what they stand on."""
    figures = _table("estimate", "central", "low – high", right=("central", "low – high"))
    figures.add_row(Text("emissions", style="bold"), *_span(found.emissions_g, "gCO2e"))
    figures.add_row("  operational", *_span(found.operational_g, "gCO2e"))
    figures.add_row("  embodied", *_span(found.embodied_g, "gCO2e"))
    figures.add_row("energy, facility", *_span(found.energy_wh, "Wh"))
    figures.add_row("water", *_span(found.water_ml, "mL"))
    if found.avoided_g:
        figures.add_row("avoided by cache", f"{digits(found.avoided_g)} gCO2e", "")
    energy, place, intensity = found.energy, found.site.place, found.intensity
    basis = Table.grid(padding=(0, 2))
    basis.add_row("model", f"{energy.model_id}, grade {energy.evidence} ({EVIDENCE[energy.evidence]}), {energy.method}")
    basis.add_row("place", f"{place.region or 'unknown'} ({place.method}), PUE {found.site.pue.central:.2f}")
    basis.add_row(
        "grid",
        f"{digits(intensity.intensity_g_per_kwh.central)} gCO2e/kWh "
        f"({digits(intensity.intensity_g_per_kwh.low)} – {digits(intensity.intensity_g_per_kwh.high)}), "
        f"{intensity.zone}, {intensity.quality.value}, {intensity.basis.value}, {intensity.source} {intensity.year}",
    )
    basis.add_row("hour", intensity.hour.strftime("%Y-%m-%d %H:00 UTC"))
    parts: list[RenderableType] = [figures, basis]
    if not energy.model_known:
        parts.append(
            Text("The model is not in the registry: a class stands in for it, with wide bounds.", style="yellow")
        )
    parts.append(Text("\nAn estimate, not a measurement: the bounds are part of it.", style="dim"))
    return Group(*parts)


def models(found: list[dict[str, Any]], pattern: str, *, narrow: bool = False) -> RenderableType:
    """Return the registry as a table; joules per token at the server, without bounds where the terminal is narrow."""
    numbers = ("J/output", "J/input", "J/cached")
    table = _table("model", "tier", "grade", *numbers, "ref", right=numbers)
    cited: dict[str, int] = {}
    for row in found:
        number = cited.setdefault(f"{row['source']}, {row['year']}. {row['url']}", len(cited) + 1)
        table.add_row(
            row["id"],
            row["tier"],
            row["evidence"],
            *(_compact(row[f"j_per_{kind}_token"], narrow=narrow) for kind in ("output", "input", "cached")),
            Text(f"[{number}]"),
        )
    notes: list[RenderableType] = [table]
    if found and not found[0]["known"] and pattern and pattern.lower() not in found[0]["id"]:
        notes.append(Text(f"{pattern!r} is not in the registry: {found[0]['id']} stands in for it.", style="yellow"))
    grades = ", ".join(f"{grade} {meaning}" for grade, meaning in EVIDENCE.items())
    notes.extend(Text(f"[{number}] {source}", style="dim") for source, number in cited.items())
    bounds = "central; widen the terminal for the bounds" if narrow else "low–central–high"
    notes.append(Text(f"Joules per token at the server, {bounds}. Grades: {grades}.", style="dim"))
    return Group(*notes)


def _compact(values: dict[str, float], *, narrow: bool) -> str:
    return "–".join(f"{values[name]:.3g}" for name in (("central",) if narrow else ("low", "central", "high")))


def regions(found: list[dict[str, Any]], *, narrow: bool = False) -> RenderableType:
    """Return regions as a table, without city, country and source where the terminal is narrow."""
    numbers = ("PUE", "g/kWh", "low – high")
    where = () if narrow else ("city", "country")
    table = _table("region", *where, "zone", *numbers, "quality", right=numbers)
    for row in found:
        grams = row.get("intensity_g_per_kwh")
        zone = f"{row['zone']} or {row['zone_alternative']}" if row["zone_alternative"] else row["zone"]
        table.add_row(
            row["region"],
            *(row[name] for name in where),
            zone,
            f"{row['pue']['central']:.2f}",
            digits(grams["central"]) if grams else "",
            f"{digits(grams['low'])} – {digits(grams['high'])}" if grams else "",
            (row["quality"] if narrow else f"{row['quality']}, {row['source']}") if grams else "",
        )
    if not found:
        return Text("No region matches.", style="yellow")
    return Group(
        table, Text("gCO2e per kWh, life-cycle, from the bundled tables, with the spread of single hours.", style="dim")
    )


def doctor(report: dict[str, Any], *, narrow: bool = False) -> RenderableType:
    """Return the report, problems last, so that they are what remains on the screen."""
    head = Table.grid(padding=(0, 2))
    head.add_column(no_wrap=True)
    head.add_row("carbonspan", f"{report['carbonspan']}, method {report['method']}, Python {report['python']}")
    for package, installed in report["packages"].items():
        head.add_row(package, installed or Text("not installed", style="dim"))
    head.add_row("write-back", report["writeback"]["meaning"])
    head.add_row("grid tables", ", ".join(report["grid"]))
    _live(head, report["live"])
    head.add_row("extras", ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in report["extras"].items()))
    allowed = () if narrow else ("allowed",)
    options = _table("option", "value", "from", "environment variable", *allowed, wrap=("value", *allowed))
    for row in report["options"]:
        value = "" if row["value"] in (None, "", {}, ()) else str(row["value"])
        options.add_row(row["option"], value, row["from"], row["environment"], *(row[name] for name in allowed))
    problems = [Text(f"! {problem}", style="yellow") for problem in report["problems"]]
    return Group(head, options, *(problems or [Text("Nothing is missing.", style="green")]))


def _live(head: Table, live: dict[str, Any]) -> None:
    """Add a line for each live source, and one for the shared file."""
    if not live["sources"]:
        head.add_row("live sources", Text("none (CARBONSPAN_GRID): no network", style="dim"))
        return
    for row in live["sources"]:
        head.add_row(row["source"], _source(row))
    cache = live["cache"]
    if cache is None:
        head.add_row("grid cache", "none: each process asks for itself")
        return
    if not cache["exists"]:
        head.add_row("grid cache", f"{cache['path']}, {cache['problem'] or 'to be made'}")
        return
    age = "" if cache["age_s"] is None else f", last fetched {cache['age_s'] // 60} min ago"
    head.add_row("grid cache", f"{cache['path']}, {cache['problem'] or 'in order'}, {cache['hours']:,} hours{age}")
    for zone in cache["zones"][:_SHOWN_ZONES]:
        newest = zone["newest_hour"][:16].replace("T", " ")
        text = f"{zone['zone']} {zone['basis']}, {zone['hours']:,} hours to {newest} UTC, {zone['source']}"
        head.add_row("", Text(text, style="dim"))
    if len(cache["zones"]) > _SHOWN_ZONES:
        head.add_row("", Text(f"and {len(cache['zones']) - _SHOWN_ZONES} more (--json)", style="dim"))


_SHOWN_ZONES = 10


def _source(row: dict[str, Any]) -> Text:
    if row["state"] != "ok":
        return Text(row["state"], style="dim" if row["state"] == "not probed" else "yellow")
    many = {0: "any zone", 1: "this zone alone"}.get(row["zones"], f"{row['zones']} zones")
    ahead = f"forecast {row['forecast_hours']} h" if row["forecast_hours"] else "no forecast"
    newest = row["newest_hour"][11:16]
    return Text.assemble(
        ("ok", "green"), f": {row['zone']} to {newest} UTC, {row['quality']}, {row['basis']}; {many}, {ahead}"
    )
