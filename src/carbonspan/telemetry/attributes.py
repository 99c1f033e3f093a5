# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every attribute carbonspan writes: name, unit, level and where its value comes from, in one table.

The order is the order of writing: where a span has room for a few only, the first ones go on. `docs/attributes.md` is
made from this table. OpenTelemetry has no convention for carbon yet, and the `gen_ai.` namespace is not ours to extend.
"""

from __future__ import annotations

from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.values import Role
from carbonspan.version import METHOD_NAME, METHOD_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.footprint import Footprint, Rates

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
    path: str  # where a Footprint has the value; one that is None there is not written
    meaning: str
    fixed: str = ""  # the value itself, where it is the same for every span


_MIN, _STD, _FULL = Level

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(EMISSIONS, "g", _MIN, "emissions_g.central", "CO2e, operational + embodied, central"),
    Attribute("carbon.energy.wh", "W.h", _MIN, "energy_wh.central", "energy at the facility (IT x PUE)"),
    Attribute(
        "carbon.intensity.g_per_kwh",
        "g/(kW.h)",
        _MIN,
        "intensity.intensity_g_per_kwh.central",
        "CO2e per kWh of electricity at the place and hour",
    ),
    Attribute(
        "carbon.intensity.quality",
        "",
        _MIN,
        "intensity.quality.value",
        "measured, estimated, forecast, stale, profile, annual or mix",
    ),
    Attribute("carbon.emissions.low_grams", "g", _STD, "emissions_g.low", "lower bound of the emissions"),
    Attribute("carbon.emissions.high_grams", "g", _STD, "emissions_g.high", "upper bound of the emissions"),
    Attribute("carbon.model.evidence", "", _STD, "energy.evidence", "grade A (measured) to E (class default)"),
    Attribute("carbon.model.id", "", _STD, "energy.model_id", "the coefficient entry that was used"),
    Attribute("carbon.region.name", "", _STD, "site.place.region", "where the inference ran, as far as known"),
    Attribute("carbon.region.method", "", _STD, "site.place.method", "how the region was known"),
    Attribute("carbon.emissions.operational_grams", "g", _STD, "central_operational_g", "CO2e of the electricity"),
    Attribute("carbon.emissions.embodied_grams", "g", _STD, "central_embodied_g", "share of making the hardware"),
    Attribute(
        "carbon.emissions.avoided_grams",
        "g",
        _STD,
        "avoided_g",
        "CO2e not emitted thanks to cached input; absent where not reported",
    ),
    Attribute("carbon.energy.low_wh", "W.h", _STD, "energy_wh.low", "lower bound of the energy"),
    Attribute("carbon.energy.high_wh", "W.h", _STD, "energy_wh.high", "upper bound of the energy"),
    Attribute("carbon.water.ml", "mL", _STD, "central_water_ml", "water consumed, on-site + off-site"),
    Attribute("carbon.intensity.zone", "", _STD, "intensity.zone", "grid zone or mix"),
    Attribute("carbon.intensity.source", "", _STD, "intensity.source", "source of the intensity"),
    Attribute("carbon.intensity.hour", "", _STD, "intensity.hour_text", "hour the intensity describes, RFC 3339 UTC"),
    Attribute("carbon.intensity.basis", "", _STD, "intensity.basis.value", "life-cycle, direct or marginal"),
    Attribute("carbon.method.name", "", _FULL, "", "name of the method", METHOD_NAME),
    Attribute("carbon.method.version", "", _FULL, "", "version of the method", METHOD_VERSION),
    Attribute("carbon.method.energy", "", _FULL, "energy.method", "energy model and its version"),
    Attribute("carbon.method.boundary", "", _FULL, "", "what the value contains", BOUNDARY),
    Attribute("carbon.method.nature", "", _FULL, "", "what the value is: an estimate", NATURE),
    Attribute("carbon.site.pue", "1", _FULL, "site.pue.central", "facility energy per IT energy"),
    Attribute("carbon.usage.input_tokens", "{token}", _FULL, "usage.input_tokens", "all input, cached included"),
    Attribute("carbon.usage.output_tokens", "{token}", _FULL, "usage.output_tokens", "all output, reasoning included"),
    Attribute(
        "carbon.usage.cached_input_tokens",
        "{token}",
        _FULL,
        "usage.cached_input_tokens",
        "input read from a prompt cache; absent where not reported",
    ),
    Attribute(
        "carbon.usage.reasoning_tokens",
        "{token}",
        _FULL,
        "usage.reasoning_tokens",
        "part of the output; absent where not reported",
    ),
)

# Sites and hours whose part of the attributes is kept: what `enrich.Road` keeps of their rates.
_MAX_TEMPLATES = 4096
# What a span may not report: then it is unknown, and not written.
_MAY_LACK = ("carbon.emissions.avoided_grams", "carbon.usage.cached_input_tokens", "carbon.usage.reasoning_tokens")
# What these say is the same for all spans of one site and hour.
_SHARED = ("site.", "intensity.")


class _Writer:
    """Makes the attributes of one level: what a site and an hour share is laid out once, in the order of the table."""

    def __init__(self, level: Level) -> None:
        levels = list(Level)
        rows = [a for a in ATTRIBUTES if levels.index(a.level) <= levels.index(level)]
        own = [a for a in rows if not a.fixed and not a.path.startswith(_SHARED)]
        self._rows = rows
        self._names = tuple(a.name for a in own)
        self._values: Callable[[Footprint], tuple[Value, ...]] = attrgetter(*(a.path for a in own))
        self._may_lack = tuple(a.name for a in own if a.name in _MAY_LACK)
        self._templates: dict[int, tuple[Rates, dict[str, Value]]] = {}

    def write(self, footprint: Footprint) -> dict[str, Value]:
        # By identity of the rates, of which there is one for each site and hour; the entry keeps it alive.
        entry = self._templates.get(id(footprint.rates))
        if entry is None:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            entry = self._templates[id(footprint.rates)] = (footprint.rates, self._template(footprint))
        written = entry[1].copy()
        written.update(zip(self._names, self._values(footprint)))  # noqa: B905 - of one length by construction
        if self._may_lack:
            for name in self._may_lack:
                if written[name] is None:
                    del written[name]
        return written

    def _template(self, footprint: Footprint) -> dict[str, Value]:
        return {a.name: a.fixed or attrgetter(a.path)(footprint) for a in self._rows}


_WRITERS = {level: _Writer(level) for level in Level}


def writer(level: Level) -> Callable[[Footprint], dict[str, Value]]:
    """Return what `attributes_of` does at one level, for whoever does it often."""
    return _WRITERS[level].write


def attributes_of(footprint: Footprint, level: Level = Level.STANDARD) -> dict[str, Value]:
    """Return the attributes of an inference span, most important first; unknown values are left out."""
    return writer(level)(footprint)


def role_attributes(role: Role) -> dict[str, Value]:
    """Return what a span that is not counted carries, so that a reader of the trace sees why."""
    return {} if role is Role.INFERENCE else {ROLE: role.value}
