# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Joules at a site under an intensity become grams and millilitres, with bounds.

The functional unit is one inference (SCI for AI, consumer boundary: https://sci.greensoftware.foundation).

    operational_g = energy_it x PUE x intensity
    embodied_g    = energy_it x embodied factor
    water_ml      = energy_it x (WUE on-site + PUE x WUE off-site)

On-site WUE is defined per kWh of IT energy, so PUE does not apply to it. Independent factors combine in quadrature in
log space (`values.product`): a guess about where an inference ran widens its result as it should.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from math import exp, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core.values import (
    J_PER_KWH,
    J_PER_WH,
    NO_LOGARITHM,
    Range,
    independent_sum,
    log_widths,
    product,
)

if TYPE_CHECKING:
    from carbonspan.core.values import Energy, Intensity, Site, Usage

# Embodied carbon of the serving hardware per kWh of IT energy, gCO2e. Central: an HGX H100 baseboard of 1,312 kgCO2e
# (NVIDIA, "Product Carbon Footprint summary for HGX H100", 2025, cradle to gate) in a server of 5,700 kgCO2e without
# GPUs (Boavizta figure for p5.48xlarge as used by EcoLogits, https://ecologits.ai/latest/methodology/llm_inference/),
# 5 years, 70 % utilisation, 0.75 kW per GPU: 38 g/kWh, used as 40. Low: a 3.9 t node over 6 years at 85 % and 0.85 kW.
# High: an 8 t node over 3 years at 50 % and 0.70 kW.
EMBODIED_G_PER_KWH = Range(13.0, 40.0, 109.0)

ML_PER_L = 1000.0


class Rate(NamedTuple):
    """Something per joule of IT energy: a range, and the squared logs of how far its bounds are from its centre."""

    per_j: Range
    below: float
    above: float

    def times(self, energy: Rate) -> Range:
        """Return this rate times an energy (a `Rate` in joules), in quadrature in log space."""
        central = self.per_j.central * energy.per_j.central
        if central <= NO_LOGARITHM:
            # No logarithm of zero: a free hour, or no energy. What the upper bounds allow still counts.
            return Range(0.0, central, max(central, self.per_j.high * energy.per_j.high))
        # `values.spread` written out: an estimate has five of these.
        return Range(
            central * exp(-sqrt(self.below + energy.below)), central, central * exp(sqrt(self.above + energy.above))
        )


def rate(per_j: Range) -> Rate:
    """Return `per_j` with the squared logs of its bounds, worked out once for all that is multiplied with it."""
    return Rate(per_j, *log_widths(per_j))


class Rates(NamedTuple):
    """All that a joule of IT energy causes at one site in one hour."""

    facility_wh: Rate
    operational_g: Rate
    embodied_g: Rate
    emissions_g: Rate
    water_onsite_ml: Rate
    water_offsite_ml: Rate
    water_ml: Rate
    figures: tuple[float, ...]
    """What every footprint needs of the above, side by side: looking each up by name would cost as much as the sums.
    Centre and squared log widths of emissions and facility energy, then the centres of the other three."""

    def others_of(self, it_j: Rate) -> tuple[Range, Range, Range, Range, Range]:
        """Return what an energy causes beside emissions and facility energy: the order is that of `Footprint`."""
        return (
            self.operational_g.times(it_j),
            self.embodied_g.times(it_j),
            self.water_ml.times(it_j),
            self.water_onsite_ml.times(it_j),
            self.water_offsite_ml.times(it_j),
        )


def rates(site: Site, intensity: Intensity) -> Rates:
    """Return what one joule of IT energy causes at `site` under `intensity`.

    Spans of one hour at one site share the result, so callers keep it.
    """
    per_kwh = 1.0 / J_PER_KWH
    operational_g = product(site.pue, intensity.intensity_g_per_kwh).scaled(per_kwh)
    embodied_g = EMBODIED_G_PER_KWH.scaled(per_kwh)
    onsite_ml = site.wue_onsite_l_per_kwh.scaled(ML_PER_L * per_kwh)
    offsite_ml = product(site.pue, site.wue_offsite_l_per_kwh).scaled(ML_PER_L * per_kwh)
    facility_wh = rate(site.pue.scaled(1.0 / J_PER_WH))
    emissions_g = rate(independent_sum(operational_g, embodied_g))
    water_ml = rate(independent_sum(onsite_ml, offsite_ml))
    return Rates(
        facility_wh=facility_wh,
        operational_g=rate(operational_g),
        embodied_g=rate(embodied_g),
        emissions_g=emissions_g,
        water_onsite_ml=rate(onsite_ml),
        water_offsite_ml=rate(offsite_ml),
        water_ml=water_ml,
        figures=(
            *(emissions_g.per_j.central, emissions_g.below, emissions_g.above),
            *(facility_wh.per_j.central, facility_wh.below, facility_wh.above),
            *(operational_g.central, embodied_g.central, water_ml.per_j.central),
        ),
    )


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one inference emitted, with bounds, and everything the figures stand on. All of it is estimated."""

    usage: Usage
    """What was consumed, tokens."""
    energy: Energy
    """Energy at the server, joules, and how it is known."""
    site: Site
    """Where it ran, with PUE and WUE."""
    intensity: Intensity
    """Carbon intensity of the electricity there, gCO2e/kWh, and how it is known."""
    emissions_g: Range
    """Operational and embodied CO2e, grams."""
    energy_wh: Range
    """Energy at the facility, IT x PUE, watt-hours."""
    operational_g: Range
    """CO2e of the electricity, grams."""
    embodied_g: Range
    """This inference's share of making the hardware, grams of CO2e."""
    water_ml: Range
    """On-site and off-site water, millilitres."""
    water_onsite_ml: Range
    """Water evaporated at the facility, millilitres."""
    water_offsite_ml: Range
    """Water consumed in generating the electricity, millilitres."""
    cache_savings_g: float | None
    """CO2e not emitted thanks to cached input, grams, central; `None` where the cached share is not known.

    What the cached tokens would have emitted if computed afresh, less what reading them from the cache did emit."""

    @property
    def energy_j(self) -> Range:
        """Energy at the facility in joules."""
        return self.energy_wh.scaled(J_PER_WH)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data that `json.dumps` takes: units in the names, ranges as low, central, high."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return {name: _plain(field) for name, field in zip(value._fields, value, strict=True)}  # type: ignore[attr-defined]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def footprint(usage: Usage, energy: Energy, site: Site, intensity: Intensity, known: Rates | None = None) -> Footprint:
    """Return the footprint of one inference.

    `emissions_g.central` is `operational_g.central + embodied_g.central` up to rounding.

    Args:
        usage: What was consumed.
        energy: IT-level energy.
        site: Where, with PUE and WUE.
        intensity: The grid at that place and hour.
        known: `rates(site, intensity)` where the caller has it already.
    """
    per_j = known or rates(site, intensity)
    it_j = rate(energy.it_j)
    saved_j = energy.cache_savings_it_j
    return Footprint(
        usage,
        energy,
        site,
        intensity,
        per_j.emissions_g.times(it_j),
        per_j.facility_wh.times(it_j),
        *per_j.others_of(it_j),
        None if usage.cached_input_tokens is None else saved_j * per_j.emissions_g.per_j.central,
    )
