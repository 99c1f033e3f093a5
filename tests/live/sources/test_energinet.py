# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energinet: five minutes of two price areas, and what is asked."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer
from carbonspan.live.sources import _energinet as energinet
from carbonspan.live.sources._energinet import Energinet
from tests.live.sources.apis import HOUR
from tests.live.sources.faults import FaultServer, answer

UTC = timezone.utc


def test_five_minutes_of_denmark() -> None:
    def row(minute: int, value: Any, **other: Any) -> dict[str, Any]:
        return {"Minutes5UTC": f"2026-03-01T12:{minute:02}:00", "PriceArea": "DK1", "CO2Emission": value, **other}

    rows = [row(minute, minute) for minute in range(0, 60, 5)]
    (hour,) = energinet.parse({"records": rows}, "DK-DK1", Quality.MEASURED)
    assert (hour.start, hour.intensity_g_per_kwh) == (datetime(2026, 3, 1, 12, tzinfo=UTC), 27.5)
    assert hour.quality is Quality.MEASURED
    assert energinet.parse({"records": rows[:5]}, "DK-DK1", Quality.MEASURED) == []
    with pytest.raises(BadAnswer, match="another area"):
        energinet.parse({"records": [row(0, 1, PriceArea="DK2")]}, "DK-DK1", Quality.MEASURED)
    with pytest.raises(BadAnswer):
        energinet.parse({"total": 0}, "DK-DK1", Quality.MEASURED)


def test_what_energinet_is_asked() -> None:
    with FaultServer(answer({"records": []})) as server:
        source = Energinet(url=server.url)
        start = datetime(2026, 3, 1, tzinfo=UTC)
        assert source.history("DK-DK2", start, start + HOUR, Basis.DIRECT) == []
        source.forecast("DK-DK2", Basis.DIRECT)
        past, ahead = server.requests
        assert (past.path, ahead.path) == ("/dataset/CO2Emis", "/dataset/CO2EmisProg")
        assert json.loads(past.query["filter"]) == {"PriceArea": ["DK2"]}
        assert (past.query["start"], past.query["end"]) == ("2026-02-28T22:00", "2026-03-01T03:00")
        assert past.query["limit"] == "0"
