# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Traffic for the stack: the demo's agent as a service, with spans and metrics sent by OTLP, and carbonspan in between.

    python traffic.py --endpoint http://localhost:4318 --minutes 10

What a release may change is an option (`--swap`, `--region`, `--no-cache`, `--release`), so that a worse design can be
tried and seen on the dashboards. No key and no network: the models are played by a server on loopback.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from carbonspan import CarbonSampler, CarbonSpanProcessor, InferenceRecord
from carbonspan.demo._runner import agent_runner
from carbonspan.demo._scenario import COHORTS, FLAG_KEY, VARIANTS, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE = "research-agent"
COHORT_NAMES = ("user.cohort", "app.feature")
METRICS_EVERY_MS = 1000
SPANS_EVERY_MS = 500
# Long enough for a Collector to be restarted meanwhile: what is not delivered is tried again.
DELIVERY_TIMEOUT_S = 30
FIRST_RUN_NUMBER = 5001
# Two days back, and ahead for as long as the stack may be left running.
HOURS = range(-48, 31 * 24)
ROUND = tuple(product(VARIANTS, COHORTS))


def arguments() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--endpoint", default="http://localhost:4318", help="OTLP over HTTP")
    parser.add_argument("--release", default="1.4.0", help="service.version (default: %(default)s)")
    parser.add_argument("--environment", default="demo", help="deployment.environment.name (default: %(default)s)")
    parser.add_argument("--instance", default="research-agent-0", help="service.instance.id (default: %(default)s)")
    parser.add_argument("--region", default="zone:GB", help="where the models run (default: %(default)s)")
    parser.add_argument(
        "--swap", action="append", default=[], metavar="MODEL=MODEL", help="serve one model's calls by another"
    )
    parser.add_argument("--no-cache", action="store_true", help="no prompt is read from a cache")
    parser.add_argument("--sample", type=float, default=1.0, help="share of traces that is exported (default: all)")
    parser.add_argument("--grid", type=Path, help="CSV of zone,hour,value; without: a made-up curve for GB and PL")
    parser.add_argument("--runs", type=int, help="how many runs of the agent, then stop")
    parser.add_argument("--minutes", type=float, help="how long, then stop (default: until interrupted)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between runs (default: %(default)s)")
    parser.add_argument("--rest", type=float, default=0.0, help="more seconds after each variant served each cohort")
    parser.add_argument("--counts", type=Path, help="write what was counted, as JSON, on the way out")
    return parser


def made_up_hours() -> str:
    """Return a day's curve of two zones for `HOURS`, as CSV. An illustration, not data of a grid."""
    this_hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = ["zone,hour,value"]
    for zone, mean, swing in (("GB", 150.0, 50.0), ("PL", 650.0, 80.0)):
        for at in (this_hour + timedelta(hours=ahead) for ahead in HOURS):
            evening = math.cos((at.hour - 19) / 24 * 2 * math.pi)  # highest at 19 h
            rows.append(f"{zone},{at.isoformat()},{mean + swing * evening:.1f}")
    return "\n".join(rows)


def swapped(variant: Variant, swaps: Mapping[str, str]) -> Variant:
    """Return the variant with some models' calls served by others."""
    models = {f.name: getattr(variant, f.name) for f in fields(variant) if f.name not in {"name", "description"}}
    return replace(variant, **{name: swaps.get(model, model) for name, model in models.items()})


def rounds(options: argparse.Namespace) -> Iterator[int]:
    """Yield the number of each run, until there have been enough."""
    end = math.inf if options.minutes is None else time.monotonic() + 60 * options.minutes
    for at in count():
        if time.monotonic() >= end or (options.runs is not None and at >= options.runs):
            return
        if at:
            time.sleep(options.pause + (0.0 if at % len(ROUND) else options.rest))
        yield at


class Counts:
    """What was counted: sums, and by trace only where that is wanted, so that what is left running does not grow.

    Args:
        by_trace: Whether grams, bounds, joules and how many inferences are kept of each trace.
    """

    def __init__(self, *, by_trace: bool) -> None:
        self.tasks = 0
        self.inferences = 0
        self.emissions_g = 0.0
        self.traces: dict[str, dict[str, float]] = {}
        self._by_trace = by_trace

    def count(self, one: InferenceRecord) -> None:
        """Add an inference."""
        low_g, central_g, high_g = one.footprint.emissions_g
        self.inferences += 1
        self.emissions_g += central_g
        if not self._by_trace:
            return
        sums = self.traces.setdefault(
            f"{one.trace_id:032x}", dict.fromkeys(("emissions_g", "low_g", "high_g", "energy_j", "inferences"), 0.0)
        )
        sums["emissions_g"] += central_g
        sums["low_g"] += low_g
        sums["high_g"] += high_g
        sums["energy_j"] += one.footprint.energy_j.central
        sums["inferences"] += 1


def serve(options: argparse.Namespace) -> Counts:
    """Run the agent as the options say, and return what was counted."""
    swaps = dict(pair.split("=", 1) for pair in options.swap)
    counts = Counts(by_trace=options.counts is not None)
    with ExitStack() as stack:
        hours = options.grid
        if hours is None:
            hours = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "made-up.csv"
            hours.write_text(made_up_hours(), encoding="utf-8")
        resource = Resource.create(
            {
                "service.name": SERVICE,
                "service.version": options.release,
                "service.instance.id": options.instance,
                "deployment.environment.name": options.environment,
            }
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{options.endpoint}/v1/metrics", timeout=DELIVERY_TIMEOUT_S),
            export_interval_millis=METRICS_EVERY_MS,
        )
        meter_provider = MeterProvider([reader], resource=resource)
        stack.callback(meter_provider.shutdown)
        carbon = CarbonSpanProcessor(
            region=options.region,
            grid=hours,
            grid_cache=False,
            flags=(FLAG_KEY,),
            cohorts=COHORT_NAMES,
            meter_provider=meter_provider,
        )
        carbon.prefetch_grid([options.region])
        carbon.subscribe(counts.count)
        provider = TracerProvider(
            sampler=CarbonSampler(TraceIdRatioBased(options.sample)), resource=resource, shutdown_on_exit=False
        )
        stack.callback(provider.shutdown)
        provider.add_span_processor(carbon)
        provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(f"{options.endpoint}/v1/traces", timeout=DELIVERY_TIMEOUT_S),
                schedule_delay_millis=SPANS_EVERY_MS,
            )
        )
        run = stack.enter_context(agent_runner(provider, caching=not options.no_cache))
        try:
            for at in rounds(options):
                variant, cohort = ROUND[at % len(ROUND)]
                run(variant=swapped(variant, swaps), cohort=cohort, run_number=FIRST_RUN_NUMBER + at, on_step=_nothing)
                counts.tasks += 1
        except KeyboardInterrupt:
            print("stopped; sending what is left")
        provider.force_flush()
        carbon.counts()  # subscribers are called now
    return counts


def _nothing() -> None:
    pass


def main() -> None:
    """Serve, and say what was counted."""
    options = arguments().parse_args()
    try:
        counts = serve(options)
    except KeyboardInterrupt:  # before there was anything to send
        sys.exit(130)
    print(f"{counts.tasks} tasks, {counts.inferences} model calls, {counts.emissions_g:.3f} gCO2e (estimate)")
    if options.counts:
        options.counts.write_text(json.dumps(counts.traces), encoding="utf-8")


if __name__ == "__main__":
    main()
