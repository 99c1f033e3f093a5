# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""For tests of applications: LLM spans without a model; the same ids, times and grid in every run; what was written.

    from carbonspan.testing import FixedGrid, Pipeline, llm_span

    with Pipeline(region="zone:GB", grid=FixedGrid({"GB": 200.0})) as carbon:
        llm_span(carbon.tracer, model="gpt-4o", input_tokens=1200, output_tokens=300)
        (span,) = carbon.spans()
        assert span.attributes["carbon.intensity.g_per_kwh"] == 200.0

Needs nothing but the SDK. There is no network, no key and no file.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from carbonspan import CarbonSpanProcessor
from carbonspan.core.values import Basis, Quality
from carbonspan.counting._handled import handled
from carbonspan.grid import Capabilities, HourValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from opentelemetry.sdk.metrics.export import DataPointT
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler
    from typing_extensions import Self, Unpack

    from carbonspan.runtime import Options

__all__ = ["MOMENT", "SCOPE", "Clock", "FixedGrid", "Pipeline", "SequentialIds", "llm_attributes", "llm_span"]

MOMENT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
"""When spans are unless a test says otherwise: a time of the past, so that no result hangs on the day of the run."""

SCOPE = "opentelemetry.instrumentation.genai.openai"
"""The instrumentation scope of `Pipeline.tracer`: OpenTelemetry's own instrumentation of the OpenAI client."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Clock:
    """A time that moves only when it is told to, for the start and the end of spans.

    Args:
        at: Where it begins; an aware datetime.
    """

    def __init__(self, at: datetime = MOMENT) -> None:
        self._ns = _ns(at)

    @property
    def ns(self) -> int:
        """The time in nanoseconds since 1970 (UTC), as spans have it."""
        return self._ns

    @property
    def time(self) -> datetime:
        """The time in UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self._ns // 1000)

    def advance(self, seconds: float) -> int:
        """Move on by some seconds, and return the new time in nanoseconds since 1970."""
        self._ns += round(seconds * 1e9)
        return self._ns


class SequentialIds(IdGenerator):
    """Trace and span ids that count up from `first`: the same in every run, for `TracerProvider(id_generator=...)`.

    Samplers that decide by the trace id, such as `TraceIdRatioBased`, see small numbers, and so keep every trace.
    """

    def __init__(self, first: int = 1) -> None:
        self._traces = itertools.count(first)
        self._spans = itertools.count(first)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)


class FixedGrid:
    """A grid whose carbon intensity is given, for the option `grid`: no network, no table.

        CarbonSpanProcessor(region="zone:GB", grid=FixedGrid({"GB": 200.0}), grid_cache=False)

    It is a `carbonspan.grid.GridSource` like any other, so the first span of a zone gets its hours only after
    `prefetch_grid`; `Pipeline` calls that itself. Give `grid_cache=False` with it, or its hours go into the file that
    other processes read.

    Args:
        g_per_kwh: The intensity of each zone (Electricity Maps' spelling: `GB`, `US-CAL-CISO`) in gCO2e/kWh: a number
            for all hours, or a function of the start of the hour (UTC).
        at: The day for which hours are there at once, with the days before and after it. Other days come as they do
            from any source: after the first span that wanted them.
        basis: What the figures contain: `life-cycle`, `direct` or `marginal`.
        name: As in `carbon.intensity.source`.
    """

    def __init__(
        self,
        g_per_kwh: Mapping[str, float | Callable[[datetime], float]],
        *,
        at: datetime = MOMENT,
        basis: str | Basis = Basis.LIFE_CYCLE,
        name: str = "fixed",
    ) -> None:
        self._g_per_kwh = dict(g_per_kwh)
        self._at = at.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        self._basis = Basis(basis)
        self._name = name

    @property
    def name(self) -> str:
        """What spans say of where the figure is from."""
        return self._name

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones it has, in the order they were given."""
        return tuple(self._g_per_kwh)

    def history(
        self,
        zone: str,
        start: datetime,
        end: datetime,
        basis: Basis,  # noqa: ARG002 - it has one basis, and marks it
    ) -> Sequence[HourValue]:
        """Return the hours of `start <= hour < end` and those around `at`, oldest first."""
        return [self._hour(zone, hour) for hour in sorted({*_hours(start, end), *self._hours_at_once()})]

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002 - it has none
        """Return nothing: there is no forecast."""
        return ()

    def capabilities(self) -> Capabilities:
        """Return its zones and its basis; its history has no end."""
        return Capabilities(frozenset(self._g_per_kwh), frozenset({self._basis}), history_hours=10**6)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone was given."""
        return zone in self._g_per_kwh

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _hours_at_once(self) -> list[datetime]:
        return _hours(self._at - _DAY, self._at + 2 * _DAY)

    def _hour(self, zone: str, hour: datetime) -> HourValue:
        given = self._g_per_kwh[zone]
        return HourValue(
            zone=zone,
            hour=hour,
            intensity_g_per_kwh=given(hour) if callable(given) else given,
            basis=self._basis,
            quality=Quality.MEASURED,
            accounting="consumption",
            source=self._name,
            fetched_at=datetime.now(timezone.utc),
        )


def llm_attributes(
    *,
    model: str = "gpt-4o",
    provider: str = "openai",
    input_tokens: int | None = 1200,
    output_tokens: int | None = 300,
    operation: str = "chat",
    response_model: str | None = None,
    cached_input_tokens: int | None = None,
    cache_write_tokens: int | None = None,
    reasoning_tokens: int | None = None,
    response_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what an instrumentation writes on the span of one LLM call, by OpenTelemetry's semantic conventions.

    What is `None` is left out, as a call that does not report it.

    Args:
        model: The model asked for (`gen_ai.request.model`).
        provider: Who answers (`gen_ai.provider.name`).
        input_tokens: All input tokens, cached ones and those written to a cache included.
        output_tokens: All output tokens, reasoning included.
        operation: `chat`, `generate_content`, `embeddings`, `invoke_agent`, ...
        response_model: The model that answered, where it is not the same name.
        cached_input_tokens: How many of the input tokens were read from a prompt cache.
        cache_write_tokens: How many of the input tokens were written to one.
        reasoning_tokens: How many of the output tokens were reasoning.
        response_id: The answer's id.
        extra: Other attributes, such as `{"user.cohort": "free"}`; they win over those above.

    Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
    """
    written = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": response_model,
        "gen_ai.response.id": response_id,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.usage.cache_read.input_tokens": cached_input_tokens,
        "gen_ai.usage.cache_creation.input_tokens": cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": reasoning_tokens,
    }
    return {name: value for name, value in {**written, **(extra or {})}.items() if value is not None}


def llm_span(
    tracer: trace.Tracer,
    *,
    at: datetime | Clock = MOMENT,
    duration_s: float = 2.0,
    parent: trace.Span | None = None,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    **call: Any,
) -> ReadableSpan:
    """Start and end the span of one LLM call, and return it as the SDK has it.

    Below opentelemetry-sdk 1.40 `carbon.*` is on the span that the exporter is given, not on the one returned here:
    look at `Pipeline.spans()`.

    Args:
        tracer: Of a provider of the SDK.
        at: When it starts. A `Clock` moves on to the end of the span.
        duration_s: How long it takes, seconds.
        parent: The span above it; by default the current one.
        name: The span's; by default operation and model, as `chat gpt-4o`.
        attributes: All of its attributes, in place of those of `llm_attributes`.
        **call: What `llm_attributes` takes: `model`, `provider`, `input_tokens`, `output_tokens`, ...

    Raises:
        ValueError: the span is not recorded, since the tracer is not the SDK's or its sampler dropped the span; or
            both `attributes` and parts of `llm_attributes` are given.
    """
    if attributes is not None and call:
        raise ValueError(f"attributes are given, and {', '.join(call)} too; allowed: one of both")
    written = llm_attributes(**call) if attributes is None else dict(attributes)
    clock = at if isinstance(at, Clock) else Clock(at)
    span = tracer.start_span(
        name or f"{written.get('gen_ai.operation.name', 'chat')} {written.get('gen_ai.request.model', '')}".strip(),
        context=None if parent is None else trace.set_span_in_context(parent),
        kind=trace.SpanKind.CLIENT,
        attributes=written,
        start_time=clock.ns,
    )
    span.end(clock.advance(duration_s))
    if not isinstance(span, ReadableSpan):
        raise ValueError("the span is not recorded; allowed: a tracer of the SDK whose sampler keeps the span")
    return span


class Pipeline:
    """A tracer provider with `CarbonSpanProcessor`, and in memory what it exported and measured.

    The same ids in every run; no resource attributes, no file, no other thread but that of a grid source. Use it as a
    context manager, or call `close`. Variables of the environment (`CARBONSPAN_*`) hold for it as for any processor.

    Args:
        processors: Other span processors, registered before the exporter.
        sampler: Of the tracer provider; by default every span is kept.
        span_limits: Of the tracer provider.
        resource: Attributes of the resource.
        scope: The instrumentation scope of `tracer`.
        **options: As `CarbonSpanProcessor` takes them. `grid_cache` is off; a `FixedGrid` has its hours from the start.

    Attributes:
        provider: The tracer provider.
        tracer: A tracer of it.
        processor: The `CarbonSpanProcessor`.
        meter_provider: Where its metrics go.
        exporter: The SDK's exporter that keeps spans in memory.
        reader: The SDK's reader that keeps metrics in memory.

    Raises:
        ValueError: for a wrong option, naming it, its value and what is allowed.
    """

    def __init__(
        self,
        *,
        processors: Sequence[SpanProcessor] = (),
        sampler: Sampler | None = None,
        span_limits: SpanLimits | None = None,
        resource: Mapping[str, Any] | None = None,
        scope: str = SCOPE,
        **options: Unpack[Options],
    ) -> None:
        handled.spans.clear()  # kept by id for the whole process, and an earlier pipeline's ids come again here
        self.reader = InMemoryMetricReader()
        described = Resource(dict(resource or {}))
        self.meter_provider = MeterProvider([self.reader], resource=described, shutdown_on_exit=False)
        options.setdefault("grid_cache", False)
        self.processor = CarbonSpanProcessor(meter_provider=self.meter_provider, **options)
        given = options.get("grid")
        for grid in given if isinstance(given, (list, tuple)) else (given,):
            if isinstance(grid, FixedGrid):
                self.processor.prefetch_grid([f"zone:{zone}" for zone in grid.zones])
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(
            sampler=sampler,
            resource=described,
            shutdown_on_exit=False,
            id_generator=SequentialIds(),
            span_limits=span_limits,
        )
        for processor in (self.processor, *processors, SimpleSpanProcessor(self.exporter)):
            self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer(scope)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Shut down both providers. What was exported and measured can still be read."""
        self.provider.shutdown()
        self.meter_provider.shutdown()

    def spans(self, name: str | None = None) -> tuple[ReadableSpan, ...]:
        """Return the spans that were exported, those that ended first, first; with a name only those of that name."""
        return tuple(span for span in self.exporter.get_finished_spans() if name in {None, span.name})

    def metrics(self) -> dict[str, list[DataPointT]]:
        """Return the data points of every metric by its name, cumulative since the start."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def total(self, metric: str, labels: Mapping[str, str] | None = None) -> float:
        """Return the sum of a metric in its own unit (of a histogram: of its sums) over all points with these labels.

        0 where nothing was measured.
        """
        wanted = (labels or {}).items()
        points = [point for point in self.metrics().get(metric, []) if wanted <= dict(point.attributes or {}).items()]
        return float(sum(getattr(point, "sum", getattr(point, "value", 0.0)) for point in points))


def _ns(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"at is {at!r}; allowed: a datetime with a time zone")
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _hours(start: datetime, end: datetime) -> list[datetime]:
    first = start.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    first += _HOUR if first < start else timedelta(0)
    return [first + n * _HOUR for n in range(max(0, -((first - end) // _HOUR)))]
