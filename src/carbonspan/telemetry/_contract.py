# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every attribute carbonspan writes: name, unit, level and where its value comes from, in one table.

The order is the order of writing: where a span has room for a few only, the first ones go on. The tables in
`docs/reference/attributes.md` are made from this one. OpenTelemetry has no convention for carbon yet, and the `gen_ai.`
namespace is not ours to extend.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._outcome import Role
from carbonspan.core.values import Level
from carbonspan.estimate.footprint import Footprint
from carbonspan.version import METHOD_NAME, METHOD_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from carbonspan.estimate.footprint import Shared

    Value = str | int | float | bool

ROLE = "carbon.role"
# The attribute that says a span has been counted: processor, exporter and replays look for it.
EMISSIONS = "carbon.emissions.grams"


def marked(attributes: Mapping[str, Any]) -> bool:
    """Return whether a span says by its attributes that it was handled."""
    return EMISSIONS in attributes or ROLE in attributes


BOUNDARY = "inference: server energy x PUE, operational + embodied; no training, network or client"
NATURE = "estimated"


class Attribute(NamedTuple):
    """One attribute of an inference span."""

    name: str
    unit: str  # UCUM where there is one
    level: Level
    path: str  # where a Footprint has the value: a field of its own, or what it shares with others; None is not written
    meaning: str
    fixed: str = ""  # the value itself, where it is the same for every span


_MIN, _STD, _FULL = Level

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(EMISSIONS, "g", _MIN, "emissions_central_g", "CO2e, operational + embodied, central"),
    Attribute("carbon.energy.wh", "W.h", _MIN, "energy_central_wh", "energy at the facility (IT x PUE)"),
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
    Attribute("carbon.emissions.low_grams", "g", _STD, "emissions_low_g", "lower bound of the emissions"),
    Attribute("carbon.emissions.high_grams", "g", _STD, "emissions_high_g", "upper bound of the emissions"),
    Attribute("carbon.model.evidence", "", _STD, "energy.evidence", "grade A (measured) to E (class default)"),
    Attribute("carbon.model.id", "", _STD, "energy.model_id", "the coefficient entry that was used"),
    Attribute("carbon.model.tier", "", _STD, "energy.tier", "nano, small, medium, large, frontier, ultra, ... by size"),
    Attribute("carbon.region.name", "", _STD, "site.place.region", "where the inference ran, as far as known"),
    Attribute("carbon.region.method", "", _STD, "site.place.method", "how the region was known"),
    Attribute("carbon.emissions.operational_grams", "g", _STD, "operational_central_g", "CO2e of the electricity"),
    Attribute("carbon.emissions.embodied_grams", "g", _STD, "embodied_central_g", "share of making the hardware"),
    Attribute(
        "carbon.emissions.avoided_grams",
        "g",
        _STD,
        "avoided_g",
        "CO2e not emitted thanks to cached input; absent where not reported",
    ),
    Attribute("carbon.energy.low_wh", "W.h", _STD, "energy_low_wh", "lower bound of the energy"),
    Attribute("carbon.energy.high_wh", "W.h", _STD, "energy_high_wh", "upper bound of the energy"),
    Attribute("carbon.water.ml", "mL", _STD, "water_central_ml", "water consumed, on-site + off-site"),
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
    Attribute("carbon.usage.input_tokens", "{token}", _FULL, "input_tokens", "all input, cached included"),
    Attribute("carbon.usage.output_tokens", "{token}", _FULL, "output_tokens", "all output, reasoning included"),
    Attribute(
        "carbon.usage.cached_input_tokens",
        "{token}",
        _FULL,
        "cached_input_tokens",
        "input read from a prompt cache; absent where not reported",
    ),
    Attribute(
        "carbon.usage.reasoning_tokens",
        "{token}",
        _FULL,
        "reasoning_tokens",
        "part of the output; absent where not reported",
    ),
)

# Kinds of footprint whose part of the attributes is kept: what `enrich.Road` keeps of them.
_MAX_TEMPLATES = 4096
# What a span may not report: then it is unknown, and not written.
_CACHED = ("carbon.emissions.avoided_grams", "carbon.usage.cached_input_tokens")
_REASONING = ("carbon.usage.reasoning_tokens",)


class Writer:
    """Makes the attributes of one level: what footprints share is laid out once, in the order of the table."""

    def __init__(self, level: Level) -> None:
        levels = list(Level)
        self._rows = [a for a in ATTRIBUTES if levels.index(a.level) <= levels.index(level)]
        own = [a for a in self._rows if a.path in Footprint._fields]
        # What a footprint lacks decides which rows it has: two may be missing, so there are four selections.
        self._selections = {
            (cached, reasoning): _Selection(
                [a for a in own if not (cached and a.name in _CACHED) and not (reasoning and a.name in _REASONING)]
            )
            for cached in (False, True)
            for reasoning in (False, True)
        }
        self._templates: dict[tuple[int, bool, bool], tuple[Shared, dict[str, Value], _Selection]] = {}

    def onto(self, held: Mapping[str, Any], footprint: Footprint) -> tuple[dict[str, Any], int]:
        """Return `held` with the footprint's attributes after it, and how many these are.

        A name that is taken is overwritten, and shows as a result that is shorter than the sum.
        """
        shared = footprint[0]
        # By identity: footprints of one kind hold one object. The entry keeps it alive, so that its id stays its own.
        key = (id(shared), footprint[3] is None, footprint[5] is None)  # cached input, reasoning
        entry = self._templates.get(key)
        if entry is None:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            entry = self._templates[key] = (shared, *self._laid_out(footprint))
        _, template, selection = entry
        merged = {**held, **template}
        merged.update(zip(selection.names, selection.values(footprint)))  # noqa: B905 - of one length by construction
        return merged, len(template)

    def of(self, footprint: Footprint) -> dict[str, Value]:
        """Return the attributes alone, most important first."""
        return self.onto({}, footprint)[0]

    def _laid_out(self, footprint: Footprint) -> tuple[dict[str, Value], _Selection]:
        values = {a.name: a.fixed or attrgetter(a.path)(footprint) for a in self._rows}
        selection = self._selections[footprint.cached_input_tokens is None, footprint.reasoning_tokens is None]
        return {name: value for name, value in values.items() if value is not None}, selection


class _Selection:
    """Names of attributes, and how to take their values off a footprint."""

    def __init__(self, rows: list[Attribute]) -> None:
        self.names = tuple(a.name for a in rows)
        self.values: Callable[[Footprint], tuple[Value, ...]] = itemgetter(
            *(Footprint._fields.index(a.path) for a in rows)
        )


_WRITERS = {level: Writer(level) for level in Level}


def writer(level: Level) -> Writer:
    """Return the writer of a level, for whoever writes often."""
    return _WRITERS[level]


def attributes_of(footprint: Footprint, level: Level = Level.STANDARD) -> dict[str, Value]:
    """Return the attributes of an inference span, most important first; unknown values are left out."""
    return writer(level).of(footprint)


AVOIDED = "carbon.emissions.avoided_grams"
TASK_EMISSIONS = "carbon.task.emissions.grams"
TASK_ENERGY = "carbon.task.energy.wh"
TASK_INFERENCES = "carbon.task.inferences"
TASK = (TASK_EMISSIONS, TASK_ENERGY, TASK_INFERENCES)
"""The totals of a span and all below it: on local roots, agents and duplicates. Display them, never sum them."""

OTHERS: tuple[tuple[str, str, str], ...] = (
    (
        ROLE,
        "",
        "container, duplicate or cached: why a span is not counted, or (container) that it was in place of others",
    ),
    (TASK_EMISSIONS, "g", "total of a span and all below it, on local roots, agents and duplicates: not to be summed"),
    (TASK_ENERGY, "W.h", "the same of the energy at the facility"),
    (TASK_INFERENCES, "{inference}", "how many that total holds"),
    ("carbon.agent.name", "", "the agent an inference ran under"),
    ("carbon.flag.<key>", "", "variant of a feature flag that was evaluated above an inference"),
)
"""Name, unit and meaning of what is written beside the attributes of an inference."""


def role_attributes(role: Role) -> dict[str, Any]:
    """Return what a span that is not counted carries, so that a reader of the trace sees why."""
    return {} if role is Role.INFERENCE else {ROLE: role.value}


def cached_attributes(footprint: Footprint | None) -> dict[str, Any]:
    """Return what a span carries that was answered from a response cache: nothing emitted, and what that avoided."""
    avoided: dict[str, Any] = {} if footprint is None else {AVOIDED: footprint.emissions_central_g}
    return role_attributes(Role.CACHED) | avoided


def task_attributes(emissions_g: float, energy_wh: float, inferences: int) -> dict[str, Any]:
    """Return the totals of a span and all below it."""
    return {TASK_EMISSIONS: emissions_g, TASK_ENERGY: energy_wh, TASK_INFERENCES: inferences}
