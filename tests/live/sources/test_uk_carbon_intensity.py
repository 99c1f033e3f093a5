# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The UK Carbon Intensity API: four envelopes, its windows, and half-hours that have no actual value yet."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, NotCovered, Unavailable
from carbonspan.live.sources._uk_carbon_intensity import UkCarbonIntensity, parse
from tests.live.sources.apis import uk
from tests.live.sources.faults import FaultServer, answer, by_request
from tests.live.sources.payloads import payload

UTC = timezone.utc


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("uk_intensity_200.json", None, [(54, Quality.MEASURED)]),
        ("uk_intensity_null_actual_200.json", None, [(v, Quality.FORECAST) for v in (190, 177, 161, 143, 128)]),
        (
            "uk_intensity_range_mixed_actual_200.json",
            None,
            [(239, Quality.MEASURED), (248, Quality.MEASURED), (260, Quality.FORECAST), (155, Quality.FORECAST)],
        ),
        ("uk_regional_200.json", 1, [(0, Quality.FORECAST)]),  # zero is a value
        ("uk_regional_regionid_200.json", 13, [(435, Quality.FORECAST)]),  # a list
        ("uk_regional_intensity_from_fw24h_regionid_200.json", 13, [(172, Quality.FORECAST), (188, Quality.FORECAST)]),
        ("uk_regional_intensity_from_to_regionid_200.json", 13, [(160, Quality.FORECAST)]),  # an object
        ("uk_data_null_200.json", None, []),
    ],
)
def test_every_envelope(name: str, region: int | None, expected: list[tuple[float, Quality]]) -> None:
    found = [(part.intensity_g_per_kwh, part.quality) for part in parse(payload(name), region)]
    assert found[: len(expected)] == expected
    assert bool(found) is bool(expected)


@pytest.mark.parametrize(
    ("answered", "region"),
    [
        (payload("uk_outage_empty_object_200.json"), None),
        (payload("uk_regional_regionid_200.json"), 14),
        (payload("uk_regional_regionid_200.json"), None),
        (payload("uk_intensity_200.json"), 13),
        ({"data": 1}, None),
        ({"data": {"regionid": 13, "data": None}}, 13),
        ({"data": [{"from": "2026-01-01T00:00Z", "intensity": None}]}, None),
        ({"data": [{"from": "2026-01-01T00:00Z", "regions": [{"regionid": 13}]}]}, 13),
    ],
)
def test_what_is_no_answer(answered: Any, region: int | None) -> None:
    with pytest.raises(BadAnswer):
        parse(answered, region)


def test_the_duplicate_of_april_2021_is_one_half_hour() -> None:
    """2021-04-19T19:00Z came twice with two values (carbon-intensity/api-definitions issue 17): the last stays."""
    rows = [
        {"from": f"2021-04-19T19:{minute}Z", "intensity": {"forecast": 1, "actual": value}}
        for minute, value in (("00", 240), ("00", 250), ("30", 260))
    ]
    with FaultServer(answer({"data": rows})) as server:
        start = datetime(2021, 4, 19, 19, tzinfo=UTC)
        values = UkCarbonIntensity(url=server.url).history("GB", start, start + timedelta(hours=1), Basis.DIRECT)
        assert [value.intensity_g_per_kwh for value in values] == [255]


def test_the_windows_of_a_long_question() -> None:
    start, end = datetime(2025, 12, 20, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)
    with FaultServer(by_request(lambda request: uk(request, lambda _: 1))) as server:
        values = UkCarbonIntensity(url=server.url).history("GB", start, end, Basis.LIFE_CYCLE)
        assert [request.path.removeprefix("/intensity/") for request in server.requests] == [
            "2025-12-20T00:00Z/2026-01-01T00:00Z",
            "2026-01-01T00:00Z/2026-01-02T00:00Z",
            "2026-01-02T00:00Z/2026-01-15T00:00Z",
            "2026-01-15T00:00Z/2026-01-20T00:00Z",
        ]
        assert not any("content-type" in request.headers for request in server.requests)
    assert len(values) == 31 * 24
    assert {value.basis for value in values} == {Basis.DIRECT}  # its own, whatever was asked for


def test_errors_it_has_shown() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with FaultServer(answer({})) as server:
        source = UkCarbonIntensity(url=server.url, region_id="13")
        for name, status, expected in (
            ("uk_error_400_regionid.json", 400, NotCovered),
            ("uk_error_400_postcode.json", 400, BadAnswer),
            ("uk_error_400_content_type.json", 400, BadAnswer),
            ("uk_error_500.json", 500, Unavailable),
        ):
            server.usual = answer(payload(name), status=status)
            with pytest.raises(expected):
                source.history("GB", start, start + timedelta(hours=1), Basis.DIRECT)


@pytest.mark.parametrize("region", [0, 18, "x", True, 1.5])
def test_regions_it_has_not(region: Any) -> None:
    with pytest.raises(ValueError, match=r"region_id=.* allowed: 1 to 17"):
        UkCarbonIntensity(region_id=region)
