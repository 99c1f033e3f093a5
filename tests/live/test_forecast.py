# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Forecasts: asked for by who plans by them, once an hour for all processes of a host."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from carbonspan.core.values import Basis
from carbonspan.grid._store import HourStore
from carbonspan.live._backoff import answered
from carbonspan.live._clock import Clock
from carbonspan.live._forecast import TASK, Forecasts
from carbonspan.live._selection import SelectedSource
from carbonspan.live.cache._cache import HourCache, Key
from tests.live.loopback import WAIT_S, Hours, Loopback, LoopbackSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIFE_CYCLE = (Basis.LIFE_CYCLE,)


def ahead_of_now(_zone: str, first: int, last: int) -> Hours:
    return dict.fromkeys(range(first, last + 1), (50.0, "forecast"))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(ahead_of_now) as running:
        yield running


def forecasts(server: Loopback, cache: HourCache, store: HourStore, forecast_hours: int = 24) -> Forecasts:
    source = LoopbackSource(server.port, forecast_hours=forecast_hours)
    selected = SelectedSource(source, source.name, shared=True, owned=False)
    return Forecasts([(selected, cache)], LIFE_CYCLE, store, Clock())


def test_two_processes_ask_once_and_both_have_it(server: Loopback, tmp_path: Path) -> None:
    for _ in range(2):
        store = HourStore()
        report = forecasts(server, HourCache(tmp_path / "grid.sqlite3"), store).fetch("GB", WAIT_S)
        assert [row.outcome for row in report.series] == ["ok"]
        assert (report.complete, len(store)) == (True, 24)
    assert [path for path, *_ in server.requests] == ["/forecast"]


def test_while_another_process_asks_its_answer_is_waited_for(server: Loopback, tmp_path: Path) -> None:
    path, store = tmp_path / "grid.sqlite3", HourStore()
    other, key = HourCache(path), Key("loopback", "GB", Basis.LIFE_CYCLE, TASK)
    claim = other.claim(key)
    assert claim.holder is not None
    reports: list[bool] = []
    waiting = threading.Thread(
        target=lambda: reports.append(forecasts(server, HourCache(path), store).fetch("GB", WAIT_S).complete)
    )
    waiting.start()
    values = LoopbackSource(server.port, forecast_hours=3).forecast("GB", Basis.LIFE_CYCLE)
    attempt = answered(Clock().wall_s(), 3, random.Random())
    other.finish(key, claim.holder, attempt, values)
    waiting.join(WAIT_S)
    assert reports == [True]
    assert len(store) == 3
    assert server.total == 1  # the one of the other process


def test_the_wait_for_another_process_has_an_end(server: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "grid.sqlite3"
    assert HourCache(path).claim(Key("loopback", "GB", Basis.LIFE_CYCLE, TASK)).holder is not None
    forecasts(server, HourCache(path), HourStore()).fetch("GB", 0.1)
    assert server.total == 0


def test_a_source_without_forecast_or_without_the_basis_is_not_asked(server: Loopback) -> None:
    report = forecasts(server, HourCache(None), HourStore(), forecast_hours=0).fetch("GB", WAIT_S)
    assert [row.outcome for row in report.series] == ["empty"]
    source = LoopbackSource(server.port, basis=Basis.MARGINAL, forecast_hours=24)
    selected = [(SelectedSource(source, source.name, shared=True, owned=False), HourCache(None))]
    assert Forecasts(selected, LIFE_CYCLE, HourStore(), Clock()).fetch("GB", WAIT_S).series == ()
    assert server.total == 0
