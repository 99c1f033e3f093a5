# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every attribute carbonspan writes: name, unit, level and where its value comes from, in one table.

The order is the order of writing: where a span has room for a few only, the first ones go on. `docs/attributes.md` is
made from this table. OpenTelemetry has no convention for carbon yet, and the `gen_ai.` namespace is not ours to extend.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.values import Role
from carbonspan.version import METHOD_NAME, METHOD_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.values import Footprint

    Value = str | int | float | bool

ROLE = "carbon.role"
# The attribute that says a span has been counted: processor, exporter and replays look for it.
EMISSIONS = "carbon.emissions.grams"

BOUNDARY = "inference: server energy x PUE, operational + embodied; no training, network or client"
NATURE = "estimated"


class Level(str, Enum):
    """How much is written on a span; each level contains the ones before it."""

    MINIMAL = "minimal"
    STANDARD = "standard"
    FULL = "full"


class Attribute(NamedTuple):
    """One attribute of an inference span."""

    name: str
    unit: str  # UCUM where there is one
    level: Level
    value: Callable[[Footprint], Value | None]  # None: not known for this span, not written
    meaning: str


def _hour(f: Footprint) -> str:
    return f.intensity.hour.strftime("%Y-%m-%dT%H:%M:%SZ")


_MIN, _STD, _FULL = Level.MINIMAL, Level.STANDARD, Level.FULL

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(EMISSIONS, "g", _MIN, lambda f: f.emissions_g.central, "CO2e, operational + embodied, central"),
    Attribute("carbon.energy.wh", "W.h", _MIN, lambda f: f.energy_wh.central, "energy at the facility (IT x PUE)"),
    Attribute(
        "carbon.intensity.g_per_kwh",
        "g/(kW.h)",
        _MIN,
        lambda f: f.intensity.intensity_g_per_kwh.central,
        "CO2e per kWh of electricity at the place and hour",
    ),
    Attribute(
        "carbon.intensity.quality",
        "",
        _MIN,
        lambda f: f.intensity.quality.value,
        "measured, estimated, forecast, stale, profile, annual or mix",
    ),
    Attribute("carbon.emissions.low_grams", "g", _STD, lambda f: f.emissions_g.low, "lower bound of the emissions"),
    Attribute("carbon.emissions.high_grams", "g", _STD, lambda f: f.emissions_g.high, "upper bound of the emissions"),
    Attribute(
        "carbon.model.evidence", "", _STD, lambda f: f.energy.evidence, "grade A (measured) to E (class default)"
    ),
    Attribute("carbon.model.id", "", _STD, lambda f: f.energy.model_id, "the coefficient entry that was used"),
    Attribute(
        "carbon.region.name", "", _STD, lambda f: f.site.place.region, "where the inference ran, as far as known"
    ),
    Attribute("carbon.region.method", "", _STD, lambda f: f.site.place.method, "how the region was known"),
    Attribute(
        "carbon.emissions.operational_grams", "g", _STD, lambda f: f.operational_g.central, "CO2e of the electricity"
    ),
    Attribute(
        "carbon.emissions.embodied_grams", "g", _STD, lambda f: f.embodied_g.central, "share of making the hardware"
    ),
    Attribute(
        "carbon.emissions.avoided_grams", "g", _STD, lambda f: f.avoided_g, "CO2e not emitted thanks to cached input"
    ),
    Attribute("carbon.energy.low_wh", "W.h", _STD, lambda f: f.energy_wh.low, "lower bound of the energy"),
    Attribute("carbon.energy.high_wh", "W.h", _STD, lambda f: f.energy_wh.high, "upper bound of the energy"),
    Attribute("carbon.water.ml", "mL", _STD, lambda f: f.water_ml.central, "water consumed, on-site + off-site"),
    Attribute("carbon.intensity.zone", "", _STD, lambda f: f.intensity.zone, "grid zone or mix"),
    Attribute("carbon.intensity.source", "", _STD, lambda f: f.intensity.source, "source of the intensity"),
    Attribute("carbon.intensity.hour", "", _STD, _hour, "hour the intensity describes, RFC 3339 UTC"),
    Attribute("carbon.intensity.basis", "", _STD, lambda f: f.intensity.basis.value, "life-cycle, direct or marginal"),
    Attribute("carbon.method.name", "", _FULL, lambda _: METHOD_NAME, "name of the method"),
    Attribute("carbon.method.version", "", _FULL, lambda _: METHOD_VERSION, "version of the method"),
    Attribute("carbon.method.energy", "", _FULL, lambda f: f.energy.method, "energy model and its version"),
    Attribute("carbon.method.boundary", "", _FULL, lambda _: BOUNDARY, "what the value contains"),
    Attribute("carbon.method.nature", "", _FULL, lambda _: NATURE, "what the value is: an estimate"),
    Attribute("carbon.site.pue", "1", _FULL, lambda f: f.site.pue.central, "facility energy per IT energy"),
    Attribute(
        "carbon.usage.input_tokens", "{token}", _FULL, lambda f: f.usage.input_tokens, "all input, cached included"
    ),
    Attribute("carbon.usage.output_tokens", "{token}", _FULL, lambda f: f.usage.output_tokens, "all output"),
    Attribute(
        "carbon.usage.cached_input_tokens",
        "{token}",
        _FULL,
        lambda f: f.usage.cached_input_tokens,
        "input read from a prompt cache; absent where not reported",
    ),
    Attribute(
        "carbon.usage.reasoning_tokens",
        "{token}",
        _FULL,
        lambda f: f.usage.reasoning_tokens,
        "part of the output; absent where not reported",
    ),
)

_LEVELS = list(Level)
_BY_LEVEL = {
    level: tuple((a.name, a.value) for a in ATTRIBUTES if _LEVELS.index(a.level) <= _LEVELS.index(level))
    for level in Level
}


def attributes_of(footprint: Footprint, level: Level = Level.STANDARD) -> dict[str, Value]:
    """Return the attributes of an inference span, most important first; unknown values are left out."""
    written: dict[str, Value] = {}
    for name, value_of in _BY_LEVEL[level]:
        value = value_of(footprint)
        if value is not None:
            written[name] = value
    return written


def role_attributes(role: Role) -> dict[str, Value]:
    """Return what a span that is not counted carries, so that a reader of the trace sees why."""
    return {} if role is Role.INFERENCE else {ROLE: role.value}
