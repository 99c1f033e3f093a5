# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every attribute, metric and label that leaves the process, with unit and meaning: the contract, in one place.

The tables of the reference pages in docs are made from it. The order of attributes is the order of writing: where a
span has room for a few only, the first ones go on. OpenTelemetry has no convention for carbon yet, and the `gen_ai.`
namespace is not ours to extend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core.values import Level
from carbonspan.counting._attribution import AGENT, FLAG
from carbonspan.version import METHOD_NAME, METHOD_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLE = "carbon.role"
# The attribute that says a span has been counted: processor, exporter and replays look for it.
EMISSIONS = "carbon.emissions.grams"


REPORTED = "carbon.usage.reported"
TOTAL_TOKENS = "carbon.usage.total_tokens"
OF_PARTIAL_USAGE = frozenset({REPORTED, TOTAL_TOKENS})
"""Attributes that only an inference with a partial usage has."""


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
    path: str  # where the value is: a field of the inference's `Figures`, or below its plan; None is not written
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
    Attribute(
        "carbon.model.evidence",
        "",
        _STD,
        "energy.evidence",
        "grade A (measured) to E (class default), F (partial usage)",
    ),
    Attribute("carbon.model.id", "", _STD, "energy.model_id", "the coefficient entry that was used"),
    Attribute("carbon.model.tier", "", _STD, "energy.tier", "nano, small, medium, large, frontier, ultra, ... by size"),
    Attribute("carbon.region.name", "", _STD, "site.place.region", "where the inference ran, as far as known"),
    Attribute("carbon.region.method", "", _STD, "site.place.method", "how the region was known"),
    Attribute(
        REPORTED,
        "",
        _STD,
        "usage.reported",
        "input, output or total: all that the span reports of its tokens, the rest being estimated; absent otherwise",
    ),
    Attribute("carbon.emissions.operational_grams", "g", _STD, "operational_central_g", "CO2e of the electricity"),
    Attribute("carbon.emissions.embodied_grams", "g", _STD, "embodied_central_g", "share of making the hardware"),
    Attribute(
        "carbon.emissions.cache_savings_grams",
        "g",
        _STD,
        "cache_savings_g",
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
    Attribute(
        "carbon.usage.input_tokens",
        "{token}",
        _FULL,
        "input_tokens",
        "all input, cached included; absent where not reported",
    ),
    Attribute(
        "carbon.usage.output_tokens",
        "{token}",
        _FULL,
        "output_tokens",
        "all output, reasoning included; absent where not reported",
    ),
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
    Attribute(TOTAL_TOKENS, "{token}", _FULL, "total_tokens", "input and output together, where only that is reported"),
)

CACHE_SAVINGS = "carbon.emissions.cache_savings_grams"
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
    (AGENT, "", "the agent an inference ran under"),
    (f"{FLAG}<key>", "", "variant of a feature flag that was evaluated above an inference"),
)
"""Name, unit and meaning of what is written beside the attributes of an inference."""


HISTOGRAM, COUNTER, GAUGE = "histogram", "counter", "gauge"


class Metric(NamedTuple):
    """One instrument."""

    name: str
    kind: str
    unit: str  # UCUM, but for kWh, which nobody would know as kW.h
    meaning: str
    boundaries: tuple[float, ...] = ()
    label: str = ""  # one it has beside those of all


REQUEST_EMISSIONS = Metric(
    "carbon.request.emissions",
    HISTOGRAM,
    "g",
    "CO2e of one inference, operational + embodied, central; exemplars link to its trace",
    # From a small embedding in a clean grid to a long answer of the largest models in a coal grid: two a decade.
    (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
)
DURATION = Metric(
    "carbon.request.duration",
    HISTOGRAM,
    "s",
    "duration of one inference's span",
    # Those that the conventions advise for gen_ai.client.operation.duration (OpenTelemetry, "Semantic conventions for
    # generative AI metrics", https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/).
    (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
ENERGY = Metric("carbon.energy", COUNTER, "J", "energy at the facility (IT x PUE), central")
WATER = Metric("carbon.water", COUNTER, "L", "water consumed, on-site + off-site, central")
EMBODIED = Metric("carbon.emissions.embodied", COUNTER, "g", "CO2e share of making the hardware, central")
CACHE_SAVINGS_TOTAL = Metric(
    "carbon.emissions.cache_savings",
    COUNTER,
    "g",
    "CO2e not emitted thanks to cached input, where reported, and to answers from response caches",
)
LOW = Metric("carbon.emissions.low_bound", COUNTER, "g", "lower bounds of the emissions, added up")
HIGH = Metric("carbon.emissions.high_bound", COUNTER, "g", "upper bounds of the emissions, added up")
TOKENS = Metric(
    "carbon.request.tokens",
    COUNTER,
    "{token}",
    "tokens by type: fresh_input, cached_input, output without reasoning, reasoning; together all that spans report",
    label="carbon.token.type",
)
COST = Metric("carbon.request.cost", COUNTER, "USD", "cost: the span's own figure, else list price (extra `cost`)")
SPANS = Metric("carbonspan.spans", COUNTER, "{span}", "LLM spans by what became of them", label="carbonspan.outcome")

METRICS = (REQUEST_EMISSIONS, DURATION, ENERGY, WATER, EMBODIED, CACHE_SAVINGS_TOTAL, LOW, HIGH, TOKENS, COST, SPANS)

# The labels of all but `carbonspan.spans`. Names are the conventions' where they have one.
LABELS: tuple[tuple[str, str], ...] = (
    ("gen_ai.provider.name", "who answers"),
    ("gen_ai.request.model", "the model that was asked for, the answering one where only that is known"),
    ("carbon.model.tier", "nano, small, medium, large, frontier, ultra, reasoning or embedding"),
    ("carbon.model.evidence", "grade A to E of the model's energy figure, F where the usage is partial"),
    ("carbon.region.name", "where it ran, as far as known"),
    ("carbon.intensity.basis", "life-cycle, direct or marginal: two are never in one value"),
)
TOKEN_TYPES = ("fresh_input", "cached_input", "output", "reasoning")

ZONE, SOURCE = "carbon.intensity.zone", "carbon.intensity.source"
BASIS, QUALITY = "carbon.intensity.basis", "carbon.intensity.quality"
OUTCOME = "carbonspan.outcome"

REFRESHES = Metric(
    "carbonspan.grid.refreshes",
    COUNTER,
    "{request}",
    "requests to live sources by what came of them; `implausible` counts hours that read far off those around them",
)
AGE = Metric(
    "carbonspan.grid.age", GAUGE, "s", "time since the live hour in use was fetched; none where a table answers"
)
INTENSITY = Metric(
    "carbonspan.grid.intensity",
    GAUGE,
    "g/kWh",
    "intensity that a span ending now gets, of each zone that spans wanted in the last hours",
)

GRID_METRICS: Mapping[Metric, tuple[str, ...]] = {
    REFRESHES: (SOURCE, OUTCOME),
    AGE: (SOURCE, ZONE),
    INTENSITY: (ZONE, SOURCE, BASIS, QUALITY),
}
"""Every metric of the live grid, with its labels."""
