# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A cache that is asked as a source's answer comes in: keys, values and attempts of one zone at one noon."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from carbonspan.core._hours import hour_index
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import HourValue
from carbonspan.live._backoff import Attempt
from carbonspan.live._clock import Clock
from carbonspan.live.cache._cache import Claim, HourCache, Key

if TYPE_CHECKING:
    import pytest

    from carbonspan.live.cache import _lease as lease

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
NOON_S = NOON.timestamp()
HOUR = hour_index(NOON)
GB = Key("uk", "GB", Basis.DIRECT)
ROOT = Path(__file__).parents[3]


def value(number: float, hours: int = 0, quality: Quality = Quality.MEASURED, *, age_min: int = 0) -> HourValue:
    return HourValue(
        "GB",
        NOON + timedelta(hours=hours),
        number,
        Basis.DIRECT,
        quality,
        "consumption",
        "uk",
        NOON - timedelta(minutes=age_min),
        "2026-02",
    )


def at(wall_s: float) -> Clock:
    return Clock(wall_s=lambda: wall_s)


def good(next_s: float = NOON_S + 3600) -> Attempt:
    return Attempt("ok", "", 0, NOON_S, NOON_S, next_s)


def granted(claim: Claim) -> lease.Holder:
    assert claim.holder is not None
    return claim.holder


def ask(
    cache: HourCache, *values: HourValue, key: Key = GB, attempt: Attempt | None = None, whole: bool = False
) -> None:
    cache.finish(key, granted(cache.claim(key)), attempt or good(NOON_S), values, whole=whole)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "carbonspan"]


def asks_alone(cache: HourCache, caplog: pytest.LogCaptureFixture, *words: str) -> None:
    """It goes on in memory, says so once, and raises nothing."""
    with caplog.at_level(logging.WARNING, "carbonspan"):
        for _ in range(3):
            assert cache.hours(GB, HOUR, HOUR) == []
            if (claim := cache.claim(GB)).holder is not None:
                cache.finish(GB, claim.holder, good(), [value(54)])
        assert cache.attempt(GB) == good()
    (message,) = warnings(caplog)
    assert all(word in message for word in words), message
    assert cache.problem
