# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `estimate`, `models` and `regions` show: plain data for `--json`, and tables drawn from it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from carbonspan import site
from carbonspan.cli._output import new_table, plain
from carbonspan.core._text import digits
from carbonspan.energy._registry import default_registry
from carbonspan.grid._resolver import Resolver

if TYPE_CHECKING:
    from rich.console import RenderableType

    from carbonspan.core.values import Range
    from carbonspan.energy._registry import Entry
    from carbonspan.estimate.footprint import Footprint

EVIDENCE = {
    "A": "measured by you",
    "B": "measured, open weights",
    "C": "law or measured sibling, open weights",
    "D": "size is a guess",
    "E": "class default",
}


def footprint_data(footprint: Footprint) -> dict[str, Any]:
    """Return a footprint with everything it is based on."""
    # asdict would copy a Range as a plain tuple: go field by field, and leave ranges whole.
    return {
        "emissions_g": plain(footprint.emissions_g),
        "operational_g": plain(footprint.operational_g),
        "embodied_g": plain(footprint.embodied_g),
        "cache_savings_g": footprint.cache_savings_g,
        "energy_wh": plain(footprint.energy_wh),
        "energy_it_j": plain(footprint.energy.it_j),
        "water_ml": plain(footprint.water_ml),
        "water_onsite_ml": plain(footprint.water_onsite_ml),
        "water_offsite_ml": plain(footprint.water_offsite_ml),
        "model": {
            "id": footprint.energy.model_id,
            "known": footprint.energy.model_known,
            "tier": footprint.energy.tier,
            "evidence": footprint.energy.evidence,
            "method": footprint.energy.method,
        },
        "place": asdict(footprint.site.place),
        "pue": plain(footprint.site.pue),
        "intensity": {
            "g_per_kwh": plain(footprint.intensity.intensity_g_per_kwh),
            "zone": footprint.intensity.zone,
            "hour": plain(footprint.intensity.hour),
            "source": footprint.intensity.source,
            "basis": footprint.intensity.basis.value,
            "quality": footprint.intensity.quality.value,
            "accounting": footprint.intensity.accounting,
            "year": footprint.intensity.year,
        },
        "usage": {
            "input_tokens": footprint.usage.input_tokens,
            "cached_input_tokens": footprint.usage.cached_input_tokens,
            "output_tokens": footprint.usage.output_tokens,
        },
    }


def footprint_table(found: Footprint) -> RenderableType:
    """Return one estimate: the figures with their bounds, then what they are based on."""
    figures = new_table("estimate", "central", "low – high", right=("central", "low – high"))
    figures.add_row(Text("emissions", style="bold"), *_span(found.emissions_g, "gCO2e"))
    figures.add_row("  operational", *_span(found.operational_g, "gCO2e"))
    figures.add_row("  embodied", *_span(found.embodied_g, "gCO2e"))
    figures.add_row("energy, facility", *_span(found.energy_wh, "Wh"))
    figures.add_row("water", *_span(found.water_ml, "mL"))
    if found.cache_savings_g:
        figures.add_row("saved by the cache", f"{digits(found.cache_savings_g)} gCO2e", "")
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
            Text(
                "The model is not in the registry: the figures are those of its class, with wide bounds.",
                style="yellow",
            )
        )
    parts.append(Text("\nAn estimate, not a measurement: the bounds are part of it.", style="dim"))
    return Group(*parts)


def _span(value: Range, unit: str) -> tuple[str, str]:
    return f"{digits(value.central)} {unit}", f"{digits(value.low)} – {digits(value.high)} {unit}"


def models_data(pattern: str) -> list[dict[str, Any]]:
    """Return registry entries whose id contains `pattern`; where none does, what the name resolves to."""
    registry = default_registry()
    needle = pattern.lower()
    found = [entry for entry in registry.entries() if needle in entry.id.lower()]
    return [_model(entry) for entry in found or [registry.resolve(pattern)]]


def _model(entry: Entry) -> dict[str, Any]:
    coefficients = entry.coefficients
    return {
        "id": entry.id,
        "known": entry.known,
        "tier": entry.tier,
        "evidence": entry.evidence,
        "j_per_output_token": plain(coefficients.j_per_output_token),
        "j_per_input_token": plain(coefficients.j_per_input_token),
        "j_per_cached_token": plain(coefficients.j_per_cached_token),
        "source": entry.source,
        "year": entry.year,
        "url": entry.url,
        "notes": entry.notes,
    }


def models_table(found: list[dict[str, Any]], pattern: str, *, narrow: bool) -> RenderableType:
    """Return models as a table: joules per token at the server, without bounds where the terminal is narrow."""
    numbers = ("J/output", "J/input", "J/cached")
    table = new_table("model", "tier", "grade", *numbers, "ref", right=numbers)
    cited: dict[str, int] = {}
    for row in found:
        number = cited.setdefault(f"{row['source']}, {row['year']}. {row['url']}", len(cited) + 1)
        table.add_row(
            row["id"],
            row["tier"],
            row["evidence"],
            *(_compact(row[f"j_per_{token}_token"], narrow=narrow) for token in ("output", "input", "cached")),
            Text(f"[{number}]"),
        )
    notes: list[RenderableType] = [table]
    if found and not found[0]["known"] and pattern and pattern.lower() not in found[0]["id"]:
        notes.append(Text(f"{pattern!r} is not in the registry: {found[0]['id']} stands in for it.", style="yellow"))
    grades = "; ".join(f"{grade} {meaning}" for grade, meaning in EVIDENCE.items())
    notes.extend(Text(f"[{number}] {source}", style="dim") for source, number in cited.items())
    bounds = "central values; widen the terminal to see the bounds" if narrow else "low–central–high"
    notes.append(Text(f"Joules per token at the server, {bounds}. Grades: {grades}.", style="dim"))
    return Group(*notes)


def _compact(values: dict[str, float], *, narrow: bool) -> str:
    return "–".join(f"{values[name]:.3g}" for name in (("central",) if narrow else ("low", "central", "high")))


def regions_data(pattern: str) -> list[dict[str, Any]]:
    """Return cloud regions whose operator, id, city, country or zone contains `pattern`, with yearly intensity."""
    needle = pattern.lower()
    resolver = Resolver()
    now = datetime.now(timezone.utc)
    ns = int(now.timestamp()) * 1_000_000_000
    found = []
    for region, facility in site.regions():
        name = f"{region.operator}:{region.id}"
        if not any(needle in text.lower() for text in (name, region.city, region.country, region.zone)):
            continue
        intensity = resolver.at(facility.place, ns, ns)
        row: dict[str, Any] = {
            "region": name,
            "city": region.city,
            "country": region.country,
            "zone": region.zone,
            "zone_alternative": region.zone_alt,
            "zone_confidence": region.confidence,
            "pue": plain(facility.pue),
        }
        if intensity is not None:
            row |= {
                "intensity_g_per_kwh": plain(intensity.intensity_g_per_kwh),
                "quality": intensity.quality.value,
                "basis": intensity.basis.value,
                "source": intensity.source,
            }
        found.append(row)
    return found


def regions_table(found: list[dict[str, Any]], *, narrow: bool) -> RenderableType:
    """Return regions as a table, without city, country and source where the terminal is narrow."""
    numbers = ("PUE", "g/kWh", "low – high")
    where = () if narrow else ("city", "country")
    table = new_table(
        "region", *where, "zone", *numbers, "quality", right=numbers, wrap=("zone",) if narrow else ("city", "quality")
    )
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
    note = "gCO2e per kWh, life-cycle, from the bundled tables; low – high covers single hours, too."
    return Group(table, Text(note, style="dim"))
