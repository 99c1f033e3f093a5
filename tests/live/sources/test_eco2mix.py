# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""eCO2mix: recorded answers, a clock change, and what is asked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer
from carbonspan.live.sources import _eco2mix as eco2mix
from carbonspan.live.sources._eco2mix import Eco2Mix
from carbonspan.live.sources._rows import floor, now
from tests.live.sources.faults import FaultServer, answer
from tests.live.sources.payloads import payload

UTC = timezone.utc


def test_recorded_answers_of_eco2mix() -> None:
    records = eco2mix.parse(payload("eco2mix_records_200.json"))
    assert [(part.start, part.intensity_g_per_kwh, part.quality) for part in records] == [
        (datetime(2024, 7, 3, tzinfo=UTC), 13, Quality.MEASURED)  # the others have a quarter each
    ]
    assert eco2mix.parse(payload("eco2mix_export_200.json")) == []  # one quarter is no hour


def test_numbers_as_text_and_a_clock_change() -> None:
    """On 25 October 2026 the hour from two to three comes twice in Paris; with its offset it is two hours."""
    rows: list[dict[str, Any]] = []
    for offset in ("+02:00", "+01:00"):
        rows += [{"date_heure": f"2026-10-25T02:{minute}:00{offset}", "taux_co2": "20"} for minute in ("00", "30")]
    rows += [{"date_heure": "2026-10-25T02:00:00+01:00", "taux_co2": 40}, {"date_heure": "2026-10-25T03:00:00+01:00"}]
    parts = eco2mix.parse(rows)
    assert [(part.start.hour, part.intensity_g_per_kwh) for part in parts] == [(0, 20), (1, 30)]
    with pytest.raises(BadAnswer):
        eco2mix.parse([{"date_heure": "2026-10-25T02:00:00+01:00", "taux_co2": "nan"}])
    with pytest.raises(BadAnswer):
        eco2mix.parse({"error_code": "x"})


def test_what_eco2mix_is_asked() -> None:
    with FaultServer(answer([])) as server:
        source = Eco2Mix(url=server.url)
        present = floor(now())
        assert source.history("FR", present - timedelta(days=90), present, Basis.LIFE_CYCLE) == []
        (request,) = server.requests
        assert request.path.endswith("/eco2mix-national-tr/exports/json")
        assert "taux_co2 is not null" in request.query["where"]
        assert (present - timedelta(days=31)).strftime("date'%Y-%m-%dT%H:%M:%SZ'") in request.query["where"]
        server.requests.clear()
        assert source.history("FR", present - timedelta(days=90), present - timedelta(days=60), Basis.DIRECT) == ()
        assert server.requests == []
