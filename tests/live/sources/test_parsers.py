# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Any JSON into any parser: a `GridError` or valid hours come out, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import HourStore
from carbonspan.grid.source import GridError
from carbonspan.live.sources import (
    _eco2mix as eco2mix,
    _electricity_maps as electricity_maps,
    _energinet as energinet,
    _energy_charts as energy_charts,
    _uk_carbon_intensity as uk_carbon_intensity,
    _watttime as watttime,
)
from carbonspan.live.sources._rows import Part

UTC = timezone.utc
FETCHED = datetime(2026, 3, 1, tzinfo=UTC)
Parser = Callable[[Any], list[Part]]

PARSERS: dict[str, Parser] = {
    "uk": lambda answer: uk_carbon_intensity.parse(answer, None),
    "uk region": lambda answer: uk_carbon_intensity.parse(answer, 13),
    "energy_charts": lambda answer: energy_charts.parse(answer, "DE"),
    "eco2mix": eco2mix.parse,
    "energinet": lambda answer: energinet.parse(answer, "DK-DK1", Quality.MEASURED),
    "watttime": lambda answer: watttime.parse(answer, "CAISO_NORTH", "US-CAL-CISO"),
}

TEXTS = (
    *("DE", "13", "direct", "lifecycle", "lbs_co2_per_mwh", "CAISO_NORTH", "DK1", "nan", "12", "2026-03-01T12:00Z"),
    *("2026-03-01T12:30:00.000Z", "9999-12-31T23:59:00-12:00", "0001-01-01T00:00+01:00"),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from([10**400, -(10**400)])
    | st.integers(0, 3000)
    | st.text(max_size=8)
    | st.sampled_from(TEXTS)
)
NAMES = (
    *("zone", "history", "forecast", "data", "carbonIntensity", "datetime", "emissionFactorType", "isEstimated"),
    *("from", "intensity", "actual", "regions", "regionid", "unix_seconds", "co2eq", "co2eq_forecast", "results"),
    *("date_heure", "taux_co2", "records", "Minutes5UTC", "PriceArea", "CO2Emission", "meta", "region", "units"),
    *("point_time", "value", "data_point_period_seconds", "status", "signal_types", "signal_type", "error"),
)
KEYS = st.text(max_size=4) | st.sampled_from(NAMES)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
MOMENTS = st.sampled_from([f"2026-03-01T{hour:02}:{minute}:00+00:00" for hour in range(3) for minute in ("00", "30")])
ROWS = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(("from", "datetime", "date_heure", "Minutes5UTC", "point_time"), MOMENTS | SCALARS)
        | {name: SCALARS | st.floats(0, 3000) for name in ("carbonIntensity", "taux_co2", "CO2Emission", "value")}
        | {"intensity": st.fixed_dictionaries({"actual": SCALARS, "forecast": SCALARS}) | SCALARS},
        optional={"zone": st.sampled_from(["DE", "FR", None]), "isEstimated": SCALARS, "regionid": SCALARS},
    ),
    max_size=12,
)
NEARLY = st.builds(
    lambda rows, extra: {
        "zone": "DE",
        **dict.fromkeys(("data", "history", "results", "records"), rows),
        "meta": {"region": "CAISO_NORTH", "units": "lbs_co2_per_mwh", "data_point_period_seconds": 3600},
        **extra,
    },
    ROWS,
    st.dictionaries(KEYS, ANY, max_size=2),
)
LISTS = st.fixed_dictionaries(
    {key: st.lists(SCALARS, max_size=6) for key in ("unix_seconds", "co2eq", "co2eq_forecast")}
)
ANSWERS = ANY | NEARLY | LISTS | ROWS


@pytest.mark.parametrize("name", PARSERS)
@given(answer=ANSWERS)
def test_parts_or_a_grid_error(name: str, answer: Any) -> None:
    try:
        parts = PARSERS[name](answer)
    except GridError:
        return
    for part in parts:
        assert part.start.tzinfo is UTC
        assert math.isfinite(part.intensity_g_per_kwh)
        assert 0 <= part.intensity_g_per_kwh <= 3000
        assert part.quality in {Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST}


@given(answer=ANSWERS, basis=st.sampled_from([Basis.LIFE_CYCLE, Basis.DIRECT]))
def test_electricity_maps(answer: Any, basis: Basis) -> None:
    try:
        values = electricity_maps.parse(answer, "DE", basis, FETCHED)
    except GridError:
        return
    assert HourStore().put(values) == len(values)  # the store refuses none
    assert {value.zone for value in values} <= {"DE"}
