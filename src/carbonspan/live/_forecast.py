# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Fetches the hours to come, for those who plan by them: spans need none, so nothing does this in the background.

Asked once an hour for all processes of the host, like the hours that were.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.live._fetcher import Fetcher
from carbonspan.live._status import GridReport, SeriesStatus, status_of
from carbonspan.live.cache._cache import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbonspan.core.values import Basis
    from carbonspan.grid._store import HourStore
    from carbonspan.live._clock import Clock
    from carbonspan.live._selection import SelectedSource
    from carbonspan.live.cache._cache import HourCache

TASK = "forecast"
"""What is asked for, in place of a day of the past: it has attempts and leases of its own."""


class _Member(NamedTuple):
    item: SelectedSource
    cache: HourCache
    fetcher: Fetcher


class Forecasts:
    """The forecasts of all sources, each asked in a thread of its own: one that hangs holds up no other."""

    def __init__(
        self,
        sources: Sequence[tuple[SelectedSource, HourCache]],
        bases: tuple[Basis, ...],
        store: HourStore,
        clock: Clock,
    ) -> None:
        """Take the sources with the cache of each, the bases that may be used, where hours go, and the time."""
        self._members = [
            _Member(item, cache, Fetcher(item.source, bases, store, cache, clock)) for item, cache in sources
        ]
        self._bases = bases

    def fetch(self, zone: str, timeout_s: float) -> GridReport:
        """Have the forecast of a zone in the store, as far as sources have it and answer within `timeout_s` seconds."""
        end_s = time.monotonic() + timeout_s
        rows: list[SeriesStatus] = []
        threads = [
            threading.Thread(target=self._one, args=(one, zone, end_s, rows), name="carbonspan-forecast", daemon=True)
            for one in self._members
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        return GridReport(tuple(rows), complete=not any(thread.is_alive() for thread in threads))

    def _one(self, member: _Member, zone: str, end_s: float, rows: list[SeriesStatus]) -> None:
        item, cache, fetcher = member
        basis = next((basis for basis in self._bases if item.source.serves(zone, basis)), None)
        if basis is None:
            return
        key = Key(item.origin, zone, basis, TASK)
        claim = cache.claim(key)
        while claim.holder is None and claim.wait_s and time.monotonic() < end_s:
            time.sleep(claim.wait_s)  # another process is asking
            claim = cache.claim(key)
        attempt = claim.attempt
        if claim.holder is None:
            fetcher.load_present(key)
        else:
            attempt = fetcher.forecast(key, claim)
        rows.append(status_of(key, attempt, 0, None))
