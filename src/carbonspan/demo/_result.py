# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo's spans add up to, per call, phase and run: read from finished spans, whatever SDK made the calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import ZERO, Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a set of model calls consumed and emitted.

    Bounds add up, low with low and high with high: the calls of one model class share their error, so it does not
    average out. For sums over several classes that makes the bounds wider than they need to be, never narrower.
    """

    model_calls: int = 0
    estimated_calls: int = 0  # those with an estimate; the others are in no sum but the tokens
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    energy_wh: Range = ZERO
    emissions_g: Range = ZERO
    cache_savings_g: float = 0.0
    water_ml: float = 0.0

    def plus(self, other: Amounts) -> Amounts:
        """Return the sum of two sets of calls."""
        return Amounts(
            self.model_calls + other.model_calls,
            self.estimated_calls + other.estimated_calls,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.energy_wh.plus(other.energy_wh),
            self.emissions_g.plus(other.emissions_g),
            self.cache_savings_g + other.cache_savings_g,
            self.water_ml + other.water_ml,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One model call, as its span describes it."""

    model: str
    amounts: Amounts
    region: str = ""
    quality: str = ""
    evidence: str = ""
    intensity_g_per_kwh: float | None = None
    cache_reported: bool = True  # False: how much input was cached is unknown, not zero


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of the agent: its model calls in order, and how often each tool was used before, between and after."""

    name: str
    calls: tuple[Call, ...]
    tools: Mapping[str, int]

    @property
    def amounts(self) -> Amounts:
        """The sum over the phase's model calls."""
        return total(call.amounts for call in self.calls)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the agent: one trace."""

    variant: str
    cohort: str
    trace_id: int
    phases: tuple[Phase, ...]

    @property
    def amounts(self) -> Amounts:
        """The sum over the run's model calls."""
        return total(phase.amounts for phase in self.phases)

    @property
    def tool_calls(self) -> int:
        """How many tools were executed."""
        return sum(sum(phase.tools.values()) for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Export:
    """What became of the spans that were to leave by OTLP."""

    endpoint: str  # scheme, host and port: a path or user may hold a secret
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything the demo found out. `spans` are as an exporter sees them, carbon and all."""

    spans: tuple[ReadableSpan, ...] = field(repr=False)
    runs: tuple[Run, ...]
    export: Export | None
    seconds: float

    def run_of(self, variant: str, cohort: str) -> Run:
        """Return the run of a variant for a cohort; raises `KeyError` if there is none."""
        for run in self.runs:
            if (run.variant, run.cohort) == (variant, cohort):
                return run
        raise KeyError((variant, cohort))


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Return the sum of any number of amounts."""
    return reduce(Amounts.plus, amounts, Amounts())


def read_runs(spans: Sequence[ReadableSpan]) -> tuple[Run, ...]:
    """Return the runs in a set of finished spans, in the order they began."""
    ordered = sorted(spans, key=lambda span: span.start_time or 0)
    children: dict[int, list[ReadableSpan]] = {}
    for span in ordered:
        children.setdefault(span.parent.span_id if span.parent else 0, []).append(span)
    runs = []
    for root in children.get(0, ()):
        attributes = root.attributes or {}
        runs.append(
            Run(
                variant=str(attributes.get("feature_flag.result.variant")),
                cohort=str(attributes.get("user.cohort")),
                trace_id=_ids(root)[0],
                phases=tuple(
                    _phase(phase, children.get(_ids(phase)[1], ())) for phase in children.get(_ids(root)[1], ())
                ),
            )
        )
    return tuple(runs)


def _phase(span: ReadableSpan, children: Sequence[ReadableSpan]) -> Phase:
    by_operation: dict[object, list[Mapping[str, Any]]] = {}
    for child in children:
        attributes = child.attributes or {}
        by_operation.setdefault(attributes.get("gen_ai.operation.name"), []).append(attributes)
    return Phase(
        name=span.name,
        calls=tuple(_call(attributes) for attributes in by_operation.get("chat", ())),
        tools=Counter(str(attributes.get("gen_ai.tool.name")) for attributes in by_operation.get("execute_tool", ())),
    )


def _call(attributes: Mapping[str, Any]) -> Call:
    def number(key: str) -> Any:
        return attributes.get(key, 0)

    def bounds(stem: str, unit: str) -> Range:
        central = number(f"{stem}.{unit}")
        return Range(number(f"{stem}.low_{unit}"), central, number(f"{stem}.high_{unit}"))

    return Call(
        model=str(attributes.get("gen_ai.request.model")),
        amounts=Amounts(
            model_calls=1,
            estimated_calls=int("carbon.emissions.grams" in attributes),
            input_tokens=number("gen_ai.usage.input_tokens"),
            cached_tokens=number("gen_ai.usage.cache_read.input_tokens"),
            output_tokens=number("gen_ai.usage.output_tokens"),
            reasoning_tokens=number("gen_ai.usage.reasoning.output_tokens"),
            energy_wh=bounds("carbon.energy", "wh"),
            emissions_g=bounds("carbon.emissions", "grams"),
            cache_savings_g=number("carbon.emissions.cache_savings_grams"),
            water_ml=number("carbon.water.ml"),
        ),
        region=str(attributes.get("carbon.region.name", "")),
        quality=str(attributes.get("carbon.intensity.quality", "")),
        evidence=str(attributes.get("carbon.model.evidence", "")),
        intensity_g_per_kwh=attributes.get("carbon.intensity.g_per_kwh"),
        cache_reported="gen_ai.usage.cache_read.input_tokens" in attributes,
    )


def _ids(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context else (0, 0)
