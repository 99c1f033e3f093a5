# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The values that cross rooms: what a span consumed, where it ran, what that emitted. No behaviour but arithmetic.

Every field name carries its unit. Every estimate is a `Range`. Nothing here imports another room.

What a span makes anew is a named tuple, built five times faster than a frozen dataclass; what is made once and shared
by many spans (a place, a site, an intensity) is a frozen dataclass, compared by identity on the span's path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from carbonspan.core._outcome import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from carbonspan.core._outcome import Role

J_PER_WH = 3600.0
J_PER_KWH = 3.6e6


class Range(NamedTuple):
    """A central estimate between two bounds, `low <= central <= high`, in the unit of the field that holds it."""

    low: float
    central: float
    high: float

    def scaled(self, factor: float) -> Range:
        """Return the range times a constant (`factor >= 0`) that has no uncertainty of its own."""
        return Range(self.low * factor, self.central * factor, self.high * factor)

    def plus(self, other: Range) -> Range:
        """Return the sum of two ranges that move together: bounds add up."""
        return Range(self.low + other.low, self.central + other.central, self.high + other.high)

    @classmethod
    def exactly(cls, value: float) -> Range:
        """Return the range of a value taken as certain."""
        return cls(value, value, value)

    @classmethod
    def around(cls, central: float, divide: float, multiply: float) -> Range:
        """Return `central / divide ... central ... central * multiply`; both factors are 1 or more."""
        return cls(central / divide, central, central * multiply)


ZERO = Range(0.0, 0.0, 0.0)


def product(*ranges: Range) -> Range:
    """Return the product of independent ranges; their bounds combine in quadrature in log space.

    With factors that are each off by at most `h_i = high_i / central_i`, the product is off by
    `exp(sqrt(sum(ln(h_i) ** 2)))`: independent errors partly cancel, so the result is narrower than the product of
    the extremes and wider than any single factor. The same rule serves the low side. A central value of zero has no
    logarithm: then the low bound is zero and the high one the plain product.

    Source: propagation of independent relative errors, JCGM 100:2008 (GUM), 5.1.2, in logarithms;
    https://www.bipm.org/documents/20126/2071204/JCGM_100_2008_E.pdf
    """
    central = math.prod(r.central for r in ranges)
    if central <= NO_LOGARITHM:
        return Range(0.0, central, max(central, math.prod(r.high for r in ranges)))
    widths = [log_widths(r) for r in ranges]
    return spread(central, sum(below for below, _ in widths), sum(above for _, above in widths))


# Below this, ratios of bounds overflow; no physical quantity of one inference in any unit used here comes near.
NO_LOGARITHM = 1e-150


def log_widths(r: Range) -> tuple[float, float]:
    """Return the squared logs of how far the bounds are from the centre: `ln(central/low)**2, ln(high/central)**2`."""
    if r.central <= NO_LOGARITHM:
        return 0.0, 0.0
    below = math.log(r.central / r.low) ** 2 if r.low > NO_LOGARITHM else math.inf
    return below, math.log(r.high / r.central) ** 2


def spread(central: float, below: float, above: float) -> Range:
    """Return the range around `central` whose bounds lie as far as these sums of squared logs say."""
    return Range(central * math.exp(-math.sqrt(below)), central, central * math.exp(math.sqrt(above)))


def independent_sum(*ranges: Range) -> Range:
    """Return the sum of independent ranges: central values add, deviations combine in quadrature."""
    central = math.fsum(r.central for r in ranges)
    below = math.sqrt(math.fsum((r.central - r.low) ** 2 for r in ranges))
    above = math.sqrt(math.fsum((r.high - r.central) ** 2 for r in ranges))
    return Range(max(0.0, central - below), central, central + above)


class Basis(str, Enum):
    """What a grid intensity contains. Two bases are never blended in one value."""

    LIFE_CYCLE = "life-cycle"
    DIRECT = "direct"
    MARGINAL = "marginal"


class Level(str, Enum):
    """How much is written on a span; each level contains the ones before it."""

    MINIMAL = "minimal"
    STANDARD = "standard"
    FULL = "full"


class Quality(str, Enum):
    """The rung of the grid ladder a value came from, best first."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    FORECAST = "forecast"
    STALE = "stale"
    PROFILE = "profile"
    ANNUAL = "annual"
    MIX = "mix"


class Usage(NamedTuple):
    """What one span says was consumed, normalised over dialects. `None` means "not reported", never zero.

    Token counts are whole and never negative. `input_tokens` includes cached and cache-written tokens;
    `output_tokens` includes reasoning tokens.
    """

    role: Role
    operation: str  # chat, generate_content, text_completion, embeddings, rerank, ...: OpenTelemetry's names
    provider: str  # who answers, in OpenTelemetry's spelling (openai, aws.bedrock, ...); "" where unknown
    model: str  # the response's model where the span has it, else the request's; "" where unknown
    request_model: str
    dialect: str  # id of the dialect table that read the span
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    response_id: str = ""
    cache_hit: bool = False  # answered from a response cache: no inference took place
    problem: str = ""  # what is wrong with the counts: "" (nothing), partial_usage, no_usage, invalid_usage
    total_tokens: int | None = None  # where only the total is reported: input and output together

    @property
    def usable(self) -> bool:
        """Whether energy can be estimated: both totals are known."""
        return self.input_tokens is not None and self.output_tokens is not None and not self.problem

    @property
    def partial(self) -> bool:
        """Whether energy can be estimated in part: one total is known, or their sum."""
        return self.problem == Outcome.PARTIAL_USAGE

    @property
    def reported(self) -> str | None:
        """What of a partial usage is known: input, output or total; `None` where the usage is not partial."""
        if not self.partial:
            return None
        return "input" if self.input_tokens is not None else "output" if self.output_tokens is not None else "total"


Counts: TypeAlias = "tuple[int | None, int | None, int | None, int | None, int | None, str]"
"""Consistent token counts: input (with cached and cache-written tokens), output (with reasoning), cached, cache write,
reasoning; and the problem. The order is that of `Usage`. A plain tuple: it lives for a microsecond."""

Joules: TypeAlias = "tuple[float, float, float, float]"
"""IT-level energy as it is worked out: low, central and high bound, and what reading cached input saved."""


class Energy(NamedTuple):
    """IT-level (server) energy of one inference, before PUE."""

    it_j: Range
    cache_savings_it_j: (
        float  # central: what the cached input would have cost if computed afresh, less what it did cost
    )
    model_id: str  # the registry entry that was used
    model_known: bool  # False where a class default stood in for an unknown model
    tier: str  # nano, small, medium, large, frontier, ultra, reasoning, embedding
    evidence: str  # A measured by the user, B measured open weights, C law or sibling, D size prior, E class; F usage
    method: str  # name and version of the energy model


@dataclass(frozen=True, slots=True)
class Place:
    """Where an inference ran, as far as the span and the settings say."""

    operator: str  # whose machines: aws, gcp, azure, openai, anthropic, ...; "" where unknown
    region: str  # the operator's region id (eu-west-1), or a geography (US, EU, WORLD, a country's ISO 3166-1 alpha-3)
    method: str  # how the region is known: one of METHODS in site/_locate.py
    zone: str = ""  # grid zone, Electricity Maps spelling (US-CAL-CISO, IE); "" where only a geography is known
    country: str = ""  # ISO 3166-1 alpha-3; "" where unknown
    geography: str = ""  # the mix to fall back on: US, EU, APAC, ..., WORLD


@dataclass(frozen=True, slots=True)
class Site:
    """A place with its facility factors."""

    place: Place
    pue: Range
    wue_onsite_l_per_kwh: Range  # per kWh of IT energy
    wue_offsite_l_per_kwh: Range  # per kWh at the facility's meter
    source: str


@dataclass(frozen=True, slots=True)
class Intensity:
    """Carbon intensity of the electricity at a place over one hour (or over a span's hours, weighted)."""

    intensity_g_per_kwh: Range
    zone: str
    hour: datetime  # UTC, the start of the span's first hour
    source: str
    basis: Basis
    quality: Quality
    accounting: str  # consumption, production
    year: str  # the year (or vintage) the value describes

    @property
    def hour_text(self) -> str:
        """The hour in RFC 3339, UTC."""
        return self.hour.strftime("%Y-%m-%dT%H:%M:%SZ")
