# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Mixes of geographies, computed again from the tables."""

from __future__ import annotations

import math

import pytest

from carbonspan.core._tables import rows
from carbonspan.core.values import Basis, Quality, Range
from carbonspan.grid import _spread as spread
from carbonspan.grid._mix import mixes

LIFE_CYCLE = Basis.LIFE_CYCLE


def test_every_geography_has_a_life_cycle_mix() -> None:
    assert {code for code, basis in mixes() if basis is LIFE_CYCLE} == {
        row["code"] for row in rows("sites/geographies.csv")
    }
    assert [code for code, basis in mixes() if basis is Basis.DIRECT] == ["US"]
    for (code, basis), mix in mixes().items():
        low, central, high = mix.intensity_g_per_kwh
        assert 0 < low < central < high < 1000
        assert (mix.zone, mix.source, mix.basis, mix.quality) == (code, f"mix:{code}", basis, Quality.MIX)


@pytest.mark.parametrize(
    ("code", "central", "accounting", "year"),
    [
        ("US", 384.4, "production", "latest"),
        ("EU", 213.02, "production", "2024"),
        ("EUROPE", 285.0, "production", "2024"),
        ("WORLD", 458.3, "production", "latest"),
        ("NORTH-AMERICA", 358.36, "production", "2024"),
        ("LATAM", 254.21, "production", "2024"),
        ("CHINA", 525.3, "production", "latest"),
        # Ohio or Oregon: (418 + 129) / 2
        ("US-GOV", 273.5, "consumption", "2025"),
    ],
)
def test_centres(code: str, central: float, accounting: str, year: str) -> None:
    mix = mixes()[code, LIFE_CYCLE]
    assert mix.intensity_g_per_kwh.central == pytest.approx(central)
    assert (mix.accounting, mix.year) == (accounting, year)


def test_the_direct_mix_of_the_us_is_egrids() -> None:
    mix = mixes()["US", Basis.DIRECT]
    low, central, high = mix.intensity_g_per_kwh
    assert central == 349.7  # 770.884 lb/MWh x 0.45359237
    # Oregon's hydro and South Carolina's coal, and direct hours on top
    hours = spread.of_an_hour("", Basis.DIRECT)
    assert math.log(central / low) > math.hypot(math.log(349.7 / 79.23), math.log(hours.low)) * 0.99
    assert math.log(high / central) > math.log(hours.high)
    assert pytest.approx(349.7, abs=0.05) == 770.884 * 0.45359237


def values_in(countries: set[str]) -> list[float]:
    yearly = {r["zone"]: float(r["lifecycle_g_per_kwh"]) for r in rows("electricity_maps_yearly_odbl/yearly.csv")}
    return sorted(yearly[r["zone"]] for r in rows("sites/cloud_regions.csv") if r["country"] in countries)


def at(values: list[float], share: float) -> float:
    position = share * (len(values) - 1)
    below = math.floor(position)
    return values[below] + (position - below) * (values[math.ceil(position)] - values[below])


@pytest.mark.parametrize("code", ["US", "EU", "EUROPE", "APAC", "MEA", "WORLD"])
def test_bounds_are_the_spread_of_the_cloud_regions_and_of_the_hours(code: str) -> None:
    inside = {
        "EUROPE": {"EU", "EUROPE"},
        "WORLD": {row["geography"] for row in rows("sites/countries.csv")} - {"CHINA"},
    }
    codes = inside.get(code, {code})
    values = values_in({row["iso3"] for row in rows("sites/countries.csv") if row["geography"] in codes})
    low, central, high = mixes()[code, LIFE_CYCLE].intensity_g_per_kwh
    if code in {"APAC", "MEA"}:
        assert central == pytest.approx(math.fsum(values) / len(values))
    where = Range(at(values, 0.05), central, at(values, 0.95))
    hours = spread.of_an_hour("")
    assert math.log(central / low) == pytest.approx(math.hypot(math.log(central / where.low), math.log(1 / hours.low)))
    assert math.log(high / central) == pytest.approx(math.hypot(math.log(where.high / central), math.log(hours.high)))


def test_a_call_somewhere_in_the_us_may_have_run_on_hydro_or_coal() -> None:
    # Oregon 129, Iowa 501 g/kWh: both within
    low, _, high = mixes()["US", LIFE_CYCLE].intensity_g_per_kwh
    assert low < 129
    assert high > 501
