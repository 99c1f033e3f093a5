# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands list, as plain data: the shape of `--json`, and what the tables are drawn from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

from carbonspan import grid, site
from carbonspan.core.values import Place, Range
from carbonspan.energy._registry import default_registry

if TYPE_CHECKING:
    from carbonspan.energy._registry import Entry
    from carbonspan.estimate.footprint import Footprint


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; ranges become objects with low, central and high."""
    if isinstance(value, Range):
        return value._asdict()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def of_footprint(footprint: Footprint) -> dict[str, Any]:
    """Return a footprint with everything it stands on."""
    # asdict would copy a Range as a plain tuple: go field by field, and leave ranges whole.
    return {
        "emissions_g": plain(footprint.emissions_g),
        "operational_g": plain(footprint.operational_g),
        "embodied_g": plain(footprint.embodied_g),
        "avoided_g": footprint.avoided_g,
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


def models(pattern: str) -> list[dict[str, Any]]:
    """Return registry entries whose id contains `pattern`; where none does, what the name resolves to."""
    registry = default_registry()
    wanted = pattern.lower()
    found = [entry for entry in registry.entries() if wanted in entry.id.lower()]
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


def regions(pattern: str) -> list[dict[str, Any]]:
    """Return cloud regions whose operator, id, city, country or zone contains `pattern`, with yearly intensity."""
    wanted = pattern.lower()
    resolver = grid.Resolver()
    now = datetime.now(timezone.utc)
    ns = int(now.timestamp()) * 1_000_000_000
    found = []
    for info in site.regions():
        name = f"{info.operator}:{info.region}"
        if not any(wanted in text.lower() for text in (name, info.city, info.country, info.zone)):
            continue
        place = Place(info.operator, info.region, "setting", info.zone, info.country, info.geography)
        intensity = resolver.at(place, ns, ns)
        row: dict[str, Any] = {
            "region": name,
            "city": info.city,
            "country": info.country,
            "zone": info.zone,
            "zone_alternative": info.zone_alt,
            "zone_confidence": info.confidence,
            "pue": plain(info.pue),
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
