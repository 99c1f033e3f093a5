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

from math import exp, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.values import (
    J_PER_KWH,
    J_PER_WH,
    NO_LOGARITHM,
    Range,
    independent_sum,
    log_widths,
    product,
    spread,
)

if TYPE_CHECKING:
    from carbonspan.values import Energy, Intensity, Site, Usage

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
        return spread(central, self.below + energy.below, self.above + energy.above)


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


def rates(site: Site, intensity: Intensity) -> Rates:
    """Return what one joule of IT energy causes at `site` under `intensity`.

    Spans of one hour at one site share the result, so callers keep it.
    """
    per_kwh = 1.0 / J_PER_KWH
    operational_g = product(site.pue, intensity.intensity_g_per_kwh).scaled(per_kwh)
    embodied_g = EMBODIED_G_PER_KWH.scaled(per_kwh)
    onsite_ml = site.wue_onsite_l_per_kwh.scaled(ML_PER_L * per_kwh)
    offsite_ml = product(site.pue, site.wue_offsite_l_per_kwh).scaled(ML_PER_L * per_kwh)
    return Rates(
        facility_wh=rate(site.pue.scaled(1.0 / J_PER_WH)),
        operational_g=rate(operational_g),
        embodied_g=rate(embodied_g),
        emissions_g=rate(independent_sum(operational_g, embodied_g)),
        water_onsite_ml=rate(onsite_ml),
        water_offsite_ml=rate(offsite_ml),
        water_ml=rate(independent_sum(onsite_ml, offsite_ml)),
    )


class Footprint(NamedTuple):
    """What one inference emitted, with everything the number stands on.

    What every span needs is there; the rest is worked out when asked for.
    """

    usage: Usage
    energy: Energy
    site: Site
    intensity: Intensity
    rates: Rates
    emissions_g: Range  # operational + embodied, CO2e
    energy_wh: Range  # at the facility: IT x PUE

    @property
    def energy_j(self) -> Range:
        """Energy at the facility in joules."""
        return self.energy_wh.scaled(J_PER_WH)

    @property
    def operational_g(self) -> Range:
        """CO2e of the electricity, grams."""
        return self.rates.operational_g.times(rate(self.energy.it_j))

    @property
    def embodied_g(self) -> Range:
        """This inference's share of making the hardware, grams of CO2e."""
        return self.rates.embodied_g.times(rate(self.energy.it_j))

    @property
    def avoided_g(self) -> float | None:
        """CO2e not emitted thanks to cached input, grams, central; `None` where the cached share is not known.

        What the cached tokens would have emitted if computed afresh, less what reading them from the cache did emit.
        """
        if self.usage.cached_input_tokens is None:
            return None
        return self.energy.avoided_it_j * self.rates.emissions_g.per_j.central

    @property
    def water_onsite_ml(self) -> Range:
        """Water evaporated at the facility, millilitres."""
        return self.rates.water_onsite_ml.times(rate(self.energy.it_j))

    @property
    def water_offsite_ml(self) -> Range:
        """Water consumed in generating the electricity, millilitres."""
        return self.rates.water_offsite_ml.times(rate(self.energy.it_j))

    @property
    def water_ml(self) -> Range:
        """On-site and off-site water, millilitres."""
        return self.rates.water_ml.times(rate(self.energy.it_j))

    # The central values alone, for the attributes of a span: without bounds they cost a tenth.

    @property
    def central_operational_g(self) -> float:
        """Central value of `operational_g`."""
        return self.rates.operational_g.per_j.central * self.energy.it_j.central

    @property
    def central_embodied_g(self) -> float:
        """Central value of `embodied_g`."""
        return self.rates.embodied_g.per_j.central * self.energy.it_j.central

    @property
    def central_water_ml(self) -> float:
        """Central value of `water_ml`."""
        return self.rates.water_ml.per_j.central * self.energy.it_j.central


def compute(usage: Usage, energy: Energy, site: Site, intensity: Intensity, known: Rates | None = None) -> Footprint:
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
    emissions, facility = per_j.emissions_g, per_j.facility_wh
    low_j, central_j, high_j = energy.it_j
    central_g, central_wh = emissions.per_j.central * central_j, facility.per_j.central * central_j
    if low_j <= NO_LOGARITHM or central_g <= NO_LOGARITHM or central_wh <= NO_LOGARITHM:
        it_j = rate(energy.it_j)
        return Footprint(usage, energy, site, intensity, per_j, emissions.times(it_j), facility.times(it_j))
    # `Rate.times` written out, twice: every span comes through here, and the calls would cost as much as the logs.
    below, above = log(central_j / low_j) ** 2, log(high_j / central_j) ** 2
    return Footprint(
        usage,
        energy,
        site,
        intensity,
        per_j,
        Range(
            central_g * exp(-sqrt(emissions.below + below)), central_g, central_g * exp(sqrt(emissions.above + above))
        ),
        Range(
            central_wh * exp(-sqrt(facility.below + below)), central_wh, central_wh * exp(sqrt(facility.above + above))
        ),
    )
