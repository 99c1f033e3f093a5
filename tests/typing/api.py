# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every public name as users use it, for `mypy --strict` and `pyright`: `make check` reads this, nothing runs it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from typing_extensions import assert_type

import carbonspan
from carbonspan import (
    CarbonInstrumentor,
    CarbonSampler,
    CarbonSpanExporter,
    CarbonSpanProcessor,
    Footprint,
    InferenceRecord,
    estimate,
    grid,
)
from carbonspan.energy import Energy, EnergyModel, Range, TokenModel, Usage
from carbonspan.grid import Basis, GridSource, HourValue, Quality
from carbonspan.testing import MOMENT, SCOPE, Clock, FixedGrid, Pipeline, SequentialIds, llm_attributes, llm_span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.metrics import MeterProvider


def hooks(provider: TracerProvider, meters: MeterProvider, folder: Path) -> None:
    processor = CarbonSpanProcessor(
        meter_provider=meters,
        attributes="full",
        basis=Basis.DIRECT,
        grid=["uk", folder / "hours.csv", hours_of_mine, Mine(), "bundled"],
        grid_options={"electricity_maps": {"token": "..."}},
        grid_cache=folder / "hours.sqlite",
        regions={"openai": "azure:swedencentral"},
        self_hosted=["vllm.internal"],
        pue=1.2,
        energy=Flat(),
        models={"my-llama": {"active_b": 8, "total_b": 8}},
        cohorts="customer.tier,user.cohort",
    )
    provider.add_span_processor(processor)
    provider.add_span_processor(BatchSpanProcessor(CarbonSpanExporter(ConsoleSpanExporter(), region="EU")))
    assert_type(processor.counts()["enriched"], int)
    stop = processor.subscribe(keep)
    assert_type(stop(), None)
    assert_type(processor.prefetch_grid(["aws:eu-west-2"], timeout_s=2.0).ok, bool)
    assert_type(processor.refresh_grid().complete, bool)
    exporter: SpanExporter = CarbonSpanExporter(ConsoleSpanExporter())
    exporter.shutdown()
    sampler: Sampler = CarbonSampler(ALWAYS_OFF, every=True)
    assert_type(sampler.get_description(), str)
    CarbonInstrumentor().instrument(region="EU")
    assert_type(carbonspan.__version__, str)


def keep(record: InferenceRecord) -> None:
    assert_type(record.footprint, Footprint)
    assert_type([*record.labels], "list[str]")
    assert_type(datetime.fromtimestamp(record.end_ns / 1e9, timezone.utc), datetime)


def figures() -> float:
    footprint = estimate(model="gpt-4o", input_tokens=1000, output_tokens=100, region="EU", at=MOMENT)
    assert_type(footprint, Footprint)
    assert_type(footprint.emissions_g, Range)
    assert_type(footprint.energy_wh.low, float)
    assert_type(footprint.water_ml.scaled(2.0), Range)
    return footprint.emissions_g.central


class Flat:
    """An energy model."""

    name = "flat"
    version = "1"

    def estimate(self, usage: Usage) -> Energy:
        joules = Range.around(float(usage.output_tokens or 0), 2.0, 2.0)
        return Energy(joules, 0.0, usage.model, True, "medium", "A", f"{self.name} {self.version}")  # noqa: FBT003


def models() -> None:
    model: EnergyModel = TokenModel()
    assert_type((model.name, model.version), "tuple[str, str]")
    model = Flat()


def hours_of_mine(zone: str, start: datetime, end: datetime, basis: str) -> list[tuple[datetime, float]]:
    return [(start, 100.0)] if zone and basis and start < end else []


class Mine:
    """A grid source."""

    name = "mine"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        if end < start:
            raise grid.Unavailable("no answer", retry_after_s=60.0)
        now = datetime.now(timezone.utc)
        return [HourValue(zone, start, 100.0, basis, Quality.MEASURED, "consumption", self.name, now)]

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        raise grid.NotCovered(f"no forecast of {zone} in {basis.value}", "ask for history")

    def capabilities(self) -> grid.Capabilities:
        return grid.Capabilities(frozenset({"GB"}), frozenset({Basis.LIFE_CYCLE}))

    def serves(self, zone: str, basis: Basis) -> bool:
        return zone == "GB" and basis is Basis.LIFE_CYCLE

    def close(self) -> None: ...


def grids() -> None:
    source: GridSource = Mine()
    try:
        values = source.history("GB", MOMENT, MOMENT + timedelta(hours=1), Basis.LIFE_CYCLE)
    except (grid.Unauthorised, grid.BadAnswer) as error:
        assert_type(error.hint, str)
    except grid.RateLimited as error:
        assert_type(error.retry_after_s, "float | None")
    except grid.GridError as error:
        assert_type(error.outcome, str)
    else:
        assert_type(values, "Sequence[HourValue]")
        assert_type(values[0].intensity_g_per_kwh, float)
    first: grid.SourceInfo = grid.bundled_sources()[0]
    assert_type(first.licence, str)


def tests() -> None:
    clock = Clock(MOMENT)
    fixed: GridSource = FixedGrid({"GB": 200.0, "FR": lambda hour: 30.0 + hour.hour}, basis="life-cycle")
    with Pipeline(region="zone:GB", grid=fixed, scope=SCOPE, resource={"service.name": "shop"}) as carbon:
        span = llm_span(carbon.tracer, at=clock, model="gpt-4o", cached_input_tokens=100)
        assert_type(span, ReadableSpan)
        assert_type(carbon.spans(), "tuple[ReadableSpan, ...]")
        assert_type(carbon.total("carbon.request.emissions", {"gen_ai.provider.name": "openai"}), float)
        assert_type(carbon.processor, CarbonSpanProcessor)
        assert_type(carbon.provider, TracerProvider)
    assert_type(clock.advance(1.5), int)
    assert_type([*llm_attributes(model="gpt-5", extra={"user.cohort": "free"})], "list[str]")
    TracerProvider(id_generator=SequentialIds(first=10))
