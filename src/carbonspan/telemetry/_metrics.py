# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every metric carbonspan exports of spans: name, kind, unit and meaning, in one table, and the state behind them.

`docs/reference/metrics.md` is made from the table, and from that of `grid_metrics`. Flows are counters or histograms,
never gauges, so that they can be summed over processes and time. Values are taken in from the queue when a reader
collects: see `_queue`.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import weakref
from typing import TYPE_CHECKING

from opentelemetry import metrics as api, trace

from carbonspan.core.values import J_PER_WH
from carbonspan.telemetry import _queue as journals
from carbonspan.telemetry._cost import Prices, usd
from carbonspan.telemetry._grid_metrics import GridMetrics
from carbonspan.telemetry._labels import Labels
from carbonspan.telemetry._metric import COUNTER, HISTOGRAM, Metric
from carbonspan.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation

    from carbonspan.estimate.footprint import Footprint
    from carbonspan.telemetry._grid_metrics import Grid
    from carbonspan.telemetry._labels import Series
    from carbonspan.telemetry._queue import Entry

_log = logging.getLogger("carbonspan")

SCOPE = "carbonspan"

EMISSIONS = Metric(
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
AVOIDED = Metric(
    "carbon.emissions.avoided",
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
    "tokens by type: fresh_input, cached_input, output without reasoning, reasoning; together all that were counted",
    label="carbon.token.type",
)
COST = Metric("carbon.request.cost", COUNTER, "USD", "cost: the span's own figure, else list price (extra `cost`)")
SPANS = Metric("carbonspan.spans", COUNTER, "{span}", "LLM spans by what became of them", label="carbonspan.outcome")

METRICS = (EMISSIONS, DURATION, ENERGY, WATER, EMBODIED, AVOIDED, LOW, HIGH, TOKENS, COST, SPANS)

# The labels of all but `carbonspan.spans`. Names are the conventions' where they have one.
LABELS: tuple[tuple[str, str], ...] = (
    ("gen_ai.provider.name", "who answers"),
    ("gen_ai.request.model", "the model that was asked for, the answering one where only that is known"),
    ("carbon.model.tier", "nano, small, medium, large, frontier, ultra, reasoning or embedding"),
    ("carbon.model.evidence", "grade A to E of the model's energy figure"),
    ("carbon.region.name", "where it ran, as far as known"),
    ("carbon.intensity.basis", "life-cycle, direct or marginal: two are never in one value"),
)
TOKEN_TYPES = ("fresh_input", "cached_input", "output", "reasoning")

CACHED = "cached"  # the outcome of an answer from a response cache: nothing was emitted
_ML_PER_L = 1000.0
_NS_PER_S = 1e9


class _Sums:
    """What has been added up under one combination of labels."""

    __slots__ = ("avoided_g", "cost_usd", "embodied_g", "energy_j", "high_g", "low_g", "tokens", "water_l")

    def __init__(self) -> None:
        self.energy_j = self.water_l = self.embodied_g = self.low_g = self.high_g = 0.0
        # Not reported, or without a price, is an unknown sum, not nothing.
        self.avoided_g: float | None = None
        self.cost_usd: float | None = None
        self.tokens = [0, 0, 0, 0]

    def add(self, footprint: Footprint, cost_usd: float | None) -> None:
        self.energy_j += footprint.energy_central_wh * J_PER_WH
        self.water_l += footprint.water_central_ml / _ML_PER_L
        self.embodied_g += footprint.embodied_central_g
        if footprint.avoided_g is not None:
            self.avoid(footprint.avoided_g)
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost_usd
        self.low_g += footprint.emissions_low_g
        self.high_g += footprint.emissions_high_g
        cached, reasoning = footprint.cached_input_tokens or 0, footprint.reasoning_tokens or 0
        tokens = self.tokens
        tokens[0] += (footprint.input_tokens or 0) - cached
        tokens[1] += cached
        tokens[2] += (footprint.output_tokens or 0) - reasoning
        tokens[3] += reasoning

    def avoid(self, emissions_g: float) -> None:
        self.avoided_g = (self.avoided_g or 0.0) + emissions_g


class Instruments:
    """The instruments of one meter provider and what they report: shared by all processors and exporters that use it.

    A provider that is set later is served from then on, with everything counted before (OpenTelemetry's proxies). What
    a provider raises is logged, and spans go on without metrics.
    """

    def __init__(self, provider: MeterProvider | None) -> None:
        self._prices = Prices()
        self._grid = GridMetrics()
        self._renew()
        self._histograms: tuple[Histogram, ...] = ()
        try:
            self._create(provider)
        except Exception:  # noqa: BLE001 - a provider of any make: the application goes on
            _log.warning("carbonspan: this meter provider takes no instruments; there are no metrics", exc_info=True)
        if hasattr(os, "register_at_fork"):
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _renew(self) -> None:
        # A forked child reports its own sums: those of the parent are the parent's to report.
        self._lock = threading.RLock()
        self._labels: dict[tuple[str, ...], Labels] = {}
        self._sums: dict[int, tuple[Series, _Sums]] = {}
        self._spans: dict[str, int] = {}

    def _create(self, provider: MeterProvider | None) -> None:
        meter = api.get_meter(SCOPE, __version__, provider)
        counters: dict[Metric, Callable[[CallbackOptions], Iterable[Observation]]] = {
            SPANS: self._read_spans,
            ENERGY: self._reading(lambda sums: sums.energy_j),
            WATER: self._reading(lambda sums: sums.water_l),
            EMBODIED: self._reading(lambda sums: sums.embodied_g),
            AVOIDED: self._reading(lambda sums: sums.avoided_g),
            LOW: self._reading(lambda sums: sums.low_g),
            HIGH: self._reading(lambda sums: sums.high_g),
            TOKENS: self._read_tokens,
            COST: self._reading(lambda sums: sums.cost_usd),
        }
        for metric, callback in counters.items():
            meter.create_observable_counter(metric.name, [callback], metric.unit, metric.meaning)
        self._histograms = tuple(
            meter.create_histogram(
                metric.name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=metric.boundaries
            )
            for metric in (EMISSIONS, DURATION)
        )
        self._grid.create(meter)

    # Readers call these. The first to be called, the outcomes', takes in what waits, the histograms' values too: the
    # SDK asks callbacks in the order of their making, and all of them before it looks at any histogram
    # (opentelemetry/sdk/metrics/_internal/measurement_consumer.py, 1.32 to 1.45).

    def _reading(self, value_of: Callable[[_Sums], float | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_options: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                values = [(value_of(sums), labels) for labels, sums in self._sums.values()]
            return [api.Observation(value, labels) for value, labels in values if value is not None]

        return read

    def _read_tokens(self, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [
                api.Observation(count, {**labels, TOKENS.label: kind})
                for labels, sums in self._sums.values()
                for kind, count in zip(TOKEN_TYPES, sums.tokens, strict=True)
                if count
            ]

    def _read_spans(self, _options: CallbackOptions) -> Iterable[Observation]:
        journals.journal.drain()
        with self._lock:
            return [api.Observation(count, {SPANS.label: outcome}) for outcome, count in self._spans.items()]

    def watch(self, grid: Grid) -> None:
        """Report the sources and the hours in use of a live grid, until it is closed."""
        self._grid.watch(grid)

    def count(self, outcome: str, times: int = 1) -> None:
        """Count a span, or several, under an outcome."""
        with self._lock:
            self._spans[outcome] = self._spans.get(outcome, 0) + times

    def add(self, entry: Entry, footprint: Footprint, names: tuple[str, ...], *, idle: bool) -> None:
        """Add up one inference and record its histograms.

        Args:
            entry: What became of its span.
            footprint: Its footprint.
            names: The names of the labels in `entry.labels`.
            idle: Whether nobody waits, so that prices may be read in.
        """
        outcome, _, _, start_ns, end_ns = entry.note
        stated = usd(entry.cost)
        cost_usd = self._prices.usd(footprint, start_ns, idle=idle) if stated is None else stated
        with self._lock:
            series = self._series(entry, footprint, names)
            _, sums = self._sums.setdefault(id(series), (series, _Sums()))
            if outcome == CACHED:
                sums.avoid(footprint.emissions_central_g)
                return
            sums.add(footprint, cost_usd)
        if not self._histograms:
            return
        # An exemplar is taken from the span in the context: the one that ended, whatever span is current by now.
        context = None
        if entry.context is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(entry.context))
        emissions, duration = self._histograms
        emissions.record(footprint.emissions_central_g, series, context)
        duration_s = (end_ns - start_ns) / _NS_PER_S
        if duration_s >= 0.0 and math.isfinite(duration_s):
            duration.record(duration_s, series, context)

    def _series(self, entry: Entry, footprint: Footprint, names: tuple[str, ...]) -> Series:
        labels = self._labels.get(names)
        if labels is None:
            labels = self._labels[names] = Labels((*(name for name, _ in LABELS), *names))
        shared = footprint.shared
        usage, energy = shared.usage, shared.energy
        return labels.series(
            (
                usage.provider,
                usage.request_model or usage.model,
                energy.tier,
                energy.evidence,
                shared.site.place.region,
                shared.intensity.basis.value,
                *(entry.labels or (None,) * len(names)),
            )
        )


_by_provider: weakref.WeakKeyDictionary[MeterProvider, Instruments] = weakref.WeakKeyDictionary()
_of_the_global: list[Instruments] = []
_making = threading.Lock()


def instruments(provider: MeterProvider | None = None) -> Instruments:
    """Return the instruments of a meter provider, of the application's global one by default: made once for each."""
    with _making:
        if provider is None:
            if not _of_the_global:
                _of_the_global.append(Instruments(None))
            return _of_the_global[0]
        try:
            found = _by_provider.get(provider)
            if found is None:
                found = _by_provider[provider] = Instruments(provider)
        except TypeError:  # a provider of one's own that cannot be a key: then its users do not share
            return Instruments(provider)
        return found
