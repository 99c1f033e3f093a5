# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics of spans: the instruments of a meter provider, and the sums behind them.

Flows are counters or histograms, never gauges, so that they can be summed over processes and time. Values are taken in
from the queue when a reader collects: see `queue`.
"""

from __future__ import annotations

import logging
import math
import threading
import weakref
from typing import TYPE_CHECKING

from opentelemetry import metrics as api, trace

from carbonspan.core._fork import renew_in_child
from carbonspan.core._outcome import Outcome
from carbonspan.core.values import J_PER_WH
from carbonspan.estimate.footprint import ML_PER_L
from carbonspan.telemetry._contract import (
    CACHE_SAVINGS_TOTAL,
    COST,
    DURATION,
    EMBODIED,
    ENERGY,
    HIGH,
    LABELS,
    LOW,
    REQUEST_EMISSIONS,
    SPANS,
    TOKEN_TYPES,
    TOKENS,
    WATER,
)
from carbonspan.telemetry._cost import Prices, usd
from carbonspan.telemetry._grid_metrics import GridMetrics
from carbonspan.telemetry._labels import Labels
from carbonspan.telemetry._queue import queue
from carbonspan.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation

    from carbonspan.estimate._plan import Figures, Plan
    from carbonspan.telemetry._contract import Metric
    from carbonspan.telemetry._grid_metrics import Grid
    from carbonspan.telemetry._labels import Series
    from carbonspan.telemetry._queue import Entry

_log = logging.getLogger("carbonspan")

SCOPE = "carbonspan"

_MAX_KEPT = 64  # labels kept with a plan, by its agents
_NS_PER_S = 1e9


class _Sums:
    """What has been added up under one combination of labels."""

    __slots__ = ("cache_savings_g", "cost_usd", "embodied_g", "energy_j", "high_g", "low_g", "tokens", "water_l")

    def __init__(self) -> None:
        self.energy_j = self.water_l = self.embodied_g = self.low_g = self.high_g = 0.0
        # Not reported, or without a price, is an unknown sum, not nothing.
        self.cache_savings_g: float | None = None
        self.cost_usd: float | None = None
        self.tokens = [0, 0, 0, 0]

    def add(self, figures: Figures, cost_usd: float | None) -> None:
        self.energy_j += figures.energy_central_wh * J_PER_WH
        self.water_l += figures.water_central_ml / ML_PER_L
        self.embodied_g += figures.embodied_central_g
        if figures.cache_savings_g is not None:
            self.save(figures.cache_savings_g)
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost_usd
        self.low_g += figures.emissions_low_g
        self.high_g += figures.emissions_high_g
        tokens_in, tokens_out = figures.input_tokens, figures.output_tokens
        cached, reasoning = figures.cached_input_tokens or 0, figures.reasoning_tokens or 0
        tokens = self.tokens
        tokens[0] += 0 if tokens_in is None else tokens_in - cached
        tokens[1] += cached
        tokens[2] += 0 if tokens_out is None else tokens_out - reasoning
        tokens[3] += reasoning

    def save(self, emissions_g: float) -> None:
        self.cache_savings_g = (self.cache_savings_g or 0.0) + emissions_g


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
        renew_in_child(self._renew)

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
            CACHE_SAVINGS_TOTAL: self._reading(lambda sums: sums.cache_savings_g),
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
            for metric in (REQUEST_EMISSIONS, DURATION)
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
        queue.drain()
        with self._lock:
            return [api.Observation(count, {SPANS.label: outcome}) for outcome, count in self._spans.items()]

    def watch(self, grid: Grid) -> None:
        """Report the sources and the hours in use of a live grid, until it is closed."""
        self._grid.watch(grid)

    def count(self, outcome: str, times: int = 1) -> None:
        """Count a span, or several, under an outcome."""
        with self._lock:
            self._spans[outcome] = self._spans.get(outcome, 0) + times

    def add(self, entry: Entry, figures: Figures, names: tuple[str, ...], *, idle: bool) -> None:
        """Add up one inference and record its histograms.

        Args:
            entry: What became of its span.
            figures: What it amounts to.
            names: The names of the labels in `entry.labels`.
            idle: Whether nobody waits, so that prices may be read in.
        """
        stated = None if entry.cost is None else usd(entry.cost, figures)
        cost_usd = self._prices.usd(figures, idle=idle) if stated is None else stated
        with self._lock:
            series = self._series(figures.plan, entry.labels, names)
            found = self._sums.get(id(series))
            if found is None:
                found = self._sums[id(series)] = (series, _Sums())
            if entry.outcome == Outcome.CACHED:
                found[1].save(figures.emissions_central_g)
                return
            found[1].add(figures, cost_usd)
        if not self._histograms:
            return
        # An exemplar is taken from the span in the context: the one that ended, whatever span is current by now.
        context = None
        if entry.context is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(entry.context))
        emissions, duration = self._histograms
        emissions.record(figures.emissions_central_g, series, context)
        duration_s = (figures.end_ns - figures.start_ns) / _NS_PER_S
        if duration_s >= 0.0 and math.isfinite(duration_s):
            duration.record(duration_s, series, context)

    def _series(self, plan: Plan, values: tuple[object, ...], names: tuple[str, ...]) -> Series:
        short = len(values) <= 1  # with the agent's name at most
        series: Series | None = plan.labels.get(values) if short else None
        if series is None:
            labels = self._labels.get(names)
            if labels is None:
                labels = self._labels[names] = Labels((*(name for name, _ in LABELS), *names))
            usage, energy = plan.usage, plan.energy
            series = labels.series(
                (
                    usage.provider,
                    usage.request_model or usage.model,
                    energy.tier,
                    energy.evidence,
                    plan.site.place.region,
                    plan.intensity.basis.value,
                    *(values or (None,) * len(names)),
                )
            )
            if short and len(plan.labels) < _MAX_KEPT:  # the values of flags and cohorts may be many
                plan.labels[values] = series
        return series


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
