# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics of the live grid: real sources over loopback, real meter providers, and what is left when one ends."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from carbonspan import CarbonSpanProcessor
from carbonspan.core.values import Basis
from carbonspan.grid._store import HourStore
from carbonspan.grid.source import GridError
from carbonspan.live._in_use import Present
from carbonspan.live._live import open_grids
from carbonspan.site import parse_region
from carbonspan.telemetry._contract import GRID_METRICS
from carbonspan.telemetry._grid_metrics import MAX_ZONES, OUTCOMES, GridMetrics
from tests.live.loopback import WAIT_S, FakeClock, Loopback, LoopbackSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.live._in_use import InUse

REFRESHES, AGE, INTENSITY = (metric.name for metric in GRID_METRICS)


pytestmark = pytest.mark.usefixtures("closed")


class Meters:
    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(
            metric_readers=[self.reader], shutdown_on_exit=False, resource=Resource.get_empty()
        )

    def read(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Return the points of the grid's metrics: labels in the order of the table, to the value."""
        data = self.reader.get_metrics_data()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        labels = {metric.name: names for metric, names in GRID_METRICS.items()}
        points: Any
        for resource in data.resource_metrics if data else ():
            for metric in (m for s in resource.scope_metrics for m in s.metrics if m.name in labels):
                points = metric.data.data_points
                assert all(set(point.attributes) == set(labels[metric.name]) for point in points)
                found[metric.name] = {
                    tuple(point.attributes[name] for name in labels[metric.name]): point.value for point in points
                }
        return found


def processor(meters: Meters, *sources: LoopbackSource, **options: Any) -> CarbonSpanProcessor:
    given: dict[str, Any] = {"grid": list(sources), "grid_cache": False} | options
    return CarbonSpanProcessor(meter_provider=meters.provider, **given)


def test_a_grid_has_metrics_until_it_is_closed(server: Loopback) -> None:
    meters = Meters()
    first = processor(meters, LoopbackSource(server.port))
    assert meters.read() == {}
    first.prefetch_grid(["GB", "zone:FR"], timeout_s=WAIT_S)
    found = meters.read()
    assert found[REFRESHES] == {("loopback", "ok"): 2}
    assert set(found[AGE]) == {("loopback", "GB"), ("loopback", "FR")}
    assert all(age >= 0.0 for age in found[AGE].values())
    hour = 100.0 + time.gmtime().tm_hour
    assert set(found[INTENSITY]) == {(zone, "loopback", "life-cycle", "measured") for zone in ("GB", "FR")}
    assert all(value in {hour, hour - 1, 100.0, 123.0} for value in found[INTENSITY].values())
    first.shutdown()
    assert meters.read() == {REFRESHES: {("loopback", "ok"): 2}}  # a counter does not go back
    second = processor(meters, LoopbackSource(server.port))
    second.prefetch_grid(["GB"], timeout_s=WAIT_S)
    assert meters.read()[REFRESHES] == {("loopback", "ok"): 3}


def test_two_processors_of_one_grid_report_it_once(server: Loopback) -> None:
    meters, source = Meters(), LoopbackSource(server.port)
    both = [processor(meters, source), processor(meters, source)]
    both[0].prefetch_grid(["GB"], timeout_s=WAIT_S)
    assert meters.read()[REFRESHES] == {("loopback", "ok"): 1}
    both[0].shutdown()
    assert set(meters.read()) == {REFRESHES, AGE, INTENSITY}  # the other one goes on


def test_a_source_that_fails_shows_in_outcome_and_quality(server: Loopback) -> None:
    server.status = 401
    meters = Meters()
    processor(meters, LoopbackSource(server.port)).prefetch_grid(["GB"], timeout_s=WAIT_S)
    found = meters.read()
    assert found[REFRESHES] == {("loopback", "unauthorised"): 1}
    assert AGE not in found
    ((labels, value),) = found[INTENSITY].items()
    assert labels == ("GB", "electricity_maps_yearly", "life-cycle", "annual")
    assert value > 0


def test_without_metrics_or_live_sources_there_are_none(server: Loopback) -> None:
    meters = Meters()
    processor(meters, LoopbackSource(server.port), metrics=False).prefetch_grid(["GB"], timeout_s=WAIT_S)
    CarbonSpanProcessor(meter_provider=meters.provider)
    assert meters.read() == {}


class Many:
    """A grid with more zones and outcomes than there is room for."""

    closed = False

    def refreshes(self) -> Mapping[tuple[str, str], int]:
        return {("s", f"outcome-{n}"): 1 for n in range(1000)}

    def in_use(self) -> list[InUse]:
        clock = FakeClock(datetime(2026, 3, 2, tzinfo=timezone.utc))
        present = Present(
            HourStore(), (), basis=Basis.LIFE_CYCLE, basis_strict=False, clock=clock.clock, place_of=parse_region
        )
        (used,) = present.of(["GB"])
        return [used._replace(zone=f"zone-{n:04}") for n in range(MAX_ZONES + 50)]


def test_labels_are_bounded() -> None:
    meters, metrics = Meters(), GridMetrics()
    metrics.create(meters.provider.get_meter("test"))
    metrics.watch(Many())
    found = meters.read()
    assert found[REFRESHES] == {("s", "other"): 1000}
    assert len(found[INTENSITY]) == MAX_ZONES


def test_every_outcome_of_a_source_has_its_label() -> None:
    kinds: list[type[GridError]] = [GridError, *GridError.__subclasses__()]
    assert {kind.outcome for kind in kinds} < OUTCOMES


def test_grids_that_were_closed_are_let_go_without_a_reader(server: Loopback) -> None:
    metrics = GridMetrics()
    for _ in range(20):
        meters = Meters()
        one = processor(meters, LoopbackSource(server.port))
        (grid,) = open_grids()
        metrics.watch(grid)
        one.shutdown()
    assert len(metrics._watched.grids) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_counts_its_own_requests(server: Loopback) -> None:
    meters = Meters()
    one = processor(meters, LoopbackSource(server.port))
    one.prefetch_grid(["GB"], timeout_s=WAIT_S)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            one.prefetch_grid(["zone:FR"], timeout_s=WAIT_S)
            os.write(write, str(sum(meters.read()[REFRESHES].values())).encode())
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said == "1"
    assert meters.read()[REFRESHES] == {("loopback", "ok"): 1}
