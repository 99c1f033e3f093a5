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
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core.values import (
    J_PER_KWH,
    J_PER_WH,
    NO_LOGARITHM,
    ZERO,
    Range,
    independent_sum,
    log_widths,
    product,
    spread,
)

if TYPE_CHECKING:
    from carbonspan.core.values import Counts, Energy, Intensity, Joules, Site, Usage

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
    figures: tuple[float, ...]
    """What every footprint needs of the above, side by side: looking each up by name would cost as much as the sums.
    Centre and squared log widths of emissions and facility energy, then the centres of the other three."""


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


class Shared(NamedTuple):
    """What the footprints of one model, asked in one way at one site in one hour, have in common."""

    usage: Usage  # its texts; the counts are each footprint's own
    energy: Energy  # its texts; the joules are each footprint's own
    site: Site
    intensity: Intensity
    rates: Rates


class Footprint(NamedTuple):
    """What one inference emitted, with everything the number stands on.

    The fields are what every span is written, and counted, from: flat, since making a record of records for each would
    cost more than the arithmetic. `usage`, `energy` and the ranges are put together when asked for.
    """

    shared: Shared
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    response_id: str
    it_low_j: float
    it_central_j: float
    it_high_j: float
    avoided_it_j: float
    emissions_low_g: float
    emissions_central_g: float
    emissions_high_g: float
    energy_low_wh: float
    energy_central_wh: float
    energy_high_wh: float
    operational_central_g: float
    embodied_central_g: float
    water_central_ml: float
    avoided_g: float | None
    """CO2e not emitted thanks to cached input, grams, central; `None` where the cached share is not known.

    What the cached tokens would have emitted if computed afresh, less what reading them from the cache did emit."""

    @property
    def usage(self) -> Usage:
        """What was consumed, tokens."""
        return self.shared.usage._replace(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens,
            response_id=self.response_id,
        )

    @property
    def energy(self) -> Energy:
        """Energy at the server, joules."""
        return self.shared.energy._replace(
            it_j=Range(self.it_low_j, self.it_central_j, self.it_high_j), avoided_it_j=self.avoided_it_j
        )

    @property
    def site(self) -> Site:
        """Where, with PUE and WUE."""
        return self.shared.site

    @property
    def intensity(self) -> Intensity:
        """The grid at that place and hour."""
        return self.shared.intensity

    @property
    def emissions_g(self) -> Range:
        """Operational and embodied CO2e, grams."""
        return Range(self.emissions_low_g, self.emissions_central_g, self.emissions_high_g)

    @property
    def energy_wh(self) -> Range:
        """Energy at the facility, IT x PUE, watt-hours."""
        return Range(self.energy_low_wh, self.energy_central_wh, self.energy_high_wh)

    @property
    def energy_j(self) -> Range:
        """Energy at the facility in joules."""
        return self.energy_wh.scaled(J_PER_WH)

    @property
    def operational_g(self) -> Range:
        """CO2e of the electricity, grams."""
        return self._times(self.shared.rates.operational_g)

    @property
    def embodied_g(self) -> Range:
        """This inference's share of making the hardware, grams of CO2e."""
        return self._times(self.shared.rates.embodied_g)

    @property
    def water_onsite_ml(self) -> Range:
        """Water evaporated at the facility, millilitres."""
        return self._times(self.shared.rates.water_onsite_ml)

    @property
    def water_offsite_ml(self) -> Range:
        """Water consumed in generating the electricity, millilitres."""
        return self._times(self.shared.rates.water_offsite_ml)

    @property
    def water_ml(self) -> Range:
        """On-site and off-site water, millilitres."""
        return self._times(self.shared.rates.water_ml)

    def _times(self, per_j: Rate) -> Range:
        return per_j.times(rate(Range(self.it_low_j, self.it_central_j, self.it_high_j)))


_NO_COUNTS: dict[str, Any] = {
    "input_tokens": None,
    "output_tokens": None,
    "cached_input_tokens": None,
    "cache_write_tokens": None,
    "reasoning_tokens": None,
    "response_id": "",
}


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
    texts = usage._replace(**_NO_COUNTS)
    shared = Shared(
        texts, energy._replace(it_j=ZERO, avoided_it_j=0.0), site, intensity, known or rates(site, intensity)
    )
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.problem,
    )
    return footprint(shared, counts, usage.response_id, (*energy.it_j, energy.avoided_it_j))


def footprint(shared: Shared, counts: Counts, response_id: str, joules: Joules) -> Footprint:
    """Return the footprint of an inference of which much is shared: its own tokens and joules (IT) on top."""
    tokens_in, tokens_out, cached, cache_write, reasoning, _ = counts
    low_j, central_j, high_j, avoided_j = joules
    per_g, g_below, g_above, per_wh, wh_below, wh_above, operational, embodied, water = shared.rates.figures
    central_g, central_wh = per_g * central_j, per_wh * central_j
    if low_j <= NO_LOGARITHM or central_g <= NO_LOGARITHM or central_wh <= NO_LOGARITHM:
        it_j = rate(Range(low_j, central_j, high_j))
        low_g, central_g, high_g = shared.rates.emissions_g.times(it_j)
        low_wh, central_wh, high_wh = shared.rates.facility_wh.times(it_j)
    else:
        # `Rate.times` written out, twice: every span comes through here, and the calls would cost as much as the logs.
        below, above = log(central_j / low_j) ** 2, log(high_j / central_j) ** 2
        low_g, high_g = central_g * exp(-sqrt(g_below + below)), central_g * exp(sqrt(g_above + above))
        low_wh, high_wh = central_wh * exp(-sqrt(wh_below + below)), central_wh * exp(sqrt(wh_above + above))
    # Through `tuple` itself: a named tuple's own constructor takes twice as long.
    return tuple.__new__(
        Footprint,
        (
            shared,
            tokens_in,
            tokens_out,
            cached,
            cache_write,
            reasoning,
            response_id,
            low_j,
            central_j,
            high_j,
            avoided_j,
            low_g,
            central_g,
            high_g,
            low_wh,
            central_wh,
            high_wh,
            operational * central_j,
            embodied * central_j,
            water * central_j,
            None if cached is None else avoided_j * per_g,
        ),
    )
