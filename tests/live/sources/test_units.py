# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Units and bases by name, and values that are hardly in the unit that they seem to be in."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._regions import zones
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis
from carbonspan.live.sources._units import (
    LEAST_G_PER_KWH,
    MOST_G_PER_KWH,
    basis_of,
    g_per_kwh,
    question,
    read_name,
    unlikely,
)

POUND_G = 453.59237


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("g/kWh", 1),
        ("gCO2eq/kWh", 1),
        ("gCO\N{SUBSCRIPT TWO}eq/kWh", 1),
        ("g CO2-eq / kWh", 1),
        ("[gCO2/kWh]", 1),
        ("grams_co2e_per_kilowatt_hour", 1),
        ("kg/MWh", 1),
        ("kgCO2eq/MWh", 1),
        ("mg/Wh", 1),
        ("kg/kWh", 1000),
        ("kgCO2e kWh\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}", 1000),
        ("KG CO2 PER KWH", 1000),
        ("kilograms/kilowatt-hour", 1000),
        ("t/MWh", 1000),
        ("tCO2/MWh", 1000),
        ("tonnes CO2e per MWh", 1000),
        ("metric tons/MWh", 1000),
        ("short tons/MWh", 2 * POUND_G),
        ("lb/MWh", POUND_G / 1000),
        ("lbs_co2_per_mwh", POUND_G / 1000),
        ("pounds per megawatt-hour", POUND_G / 1000),
        ("lb/kWh", POUND_G),
        # As the names of columns have it.
        ("carbon_intensity_kg_per_kwh", 1000),
        ("value (kg/kWh)", 1000),
        ("carbonIntensityKgPerKwh", 1000),
        ("carbonIntensityGramsPerKWh", 1),
        ("ci_lb_mwh", POUND_G / 1000),
        ("co2_equivalent_total_output_emission_rate_(lb/MWh)", POUND_G / 1000),
    ],
)
def test_units(name: str, expected: float) -> None:
    assert g_per_kwh(name) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    ["", "MW", "%", "lb", "tons/MWh", "nox_lb_per_mwh", "coal_g_per_kwh", "net_mwh", "generation_mwh", "kWh/kg", "g/W"],
)
def test_what_is_no_unit_of_an_intensity(name: str) -> None:
    assert g_per_kwh(name) is None


@pytest.mark.parametrize(
    ("name", "basis"),
    [
        ("co2_moer", Basis.MARGINAL),
        ("MOER", Basis.MARGINAL),
        ("lrmer", Basis.MARGINAL),
        ("marginal", Basis.MARGINAL),
        ("co2_aoer", Basis.DIRECT),
        ("direct", Basis.DIRECT),
        ("LCA", Basis.LIFE_CYCLE),
        ("Life cycle", Basis.LIFE_CYCLE),
        ("life-cycle", Basis.LIFE_CYCLE),
        ("health_damage", None),
        ("average", None),
    ],
)
def test_bases(name: str, basis: Basis | None) -> None:
    assert basis_of(name) is basis


def test_a_column_names_both_in_any_order() -> None:
    for name in ("moer_lb_per_mwh", "lb/MWh (marginal)", "co2_moer [lbs CO2/MWh]"):
        about = read_name(name)
        assert about.g_per_kwh == pytest.approx(POUND_G / 1000)
        assert (about.basis, about.is_value) == (Basis.MARGINAL, True)


def test_every_row_of_the_tables_has_its_source_and_can_be_read() -> None:
    for row in rows("grid/units.csv"):
        assert "https://" in row["source"]
        for name in row["names"].split(";"):
            unit = f"{name}/kWh" if row["quantity"] == "mass" else f"g/{name}"
            amount = float(row["amount"])
            assert g_per_kwh(unit) == pytest.approx(amount if row["quantity"] == "mass" else 1 / amount), unit
    for row in rows("grid/bases.csv"):
        assert "https://" in row["source"]
        assert {basis_of(name) for name in row["names"].split(";")} == {Basis(row["basis"])}


LIFE_CYCLE, DIRECT, MARGINAL = Basis.LIFE_CYCLE, Basis.DIRECT, Basis.MARGINAL


@pytest.mark.parametrize(
    ("values", "zone", "basis", "doubted"),
    [
        ([0.85, 0.9], "IN-WE", LIFE_CYCLE, True),  # kg/kWh
        ([1.6, 2.1], "IN-WE", LIFE_CYCLE, True),  # lb/kWh
        ([0.0, 0.02], "SE-SE3", LIFE_CYCLE, True),
        ([0.028], "IS", LIFE_CYCLE, True),
        ([28.4], "IS", LIFE_CYCLE, False),
        ([17.5, 33.1], "CA-QC", LIFE_CYCLE, False),
        ([2.5], "SE-SE3", LIFE_CYCLE, False),  # as direct values are there
        ([850.5], "IN-WE", LIFE_CYCLE, False),
        ([0.0, 0.0], "IN-WE", LIFE_CYCLE, False),  # 0 is a value
        ([1.0, 2.0], "IN-WE", LIFE_CYCLE, False),  # whole numbers
        ([], "IN-WE", LIFE_CYCLE, False),
        ([0.85, 0.9], "IN-WE", DIRECT, True),
        ([0.35], "GB", DIRECT, True),
        ([0.8] * 20 + [20.5], "AU-SA", DIRECT, False),  # a sunny day
        ([0.05, 0.01], "IS", DIRECT, False),  # some oil
        ([0.85, 0.9], "IN-WE", MARGINAL, True),
        ([0.4], "NO-NO2", MARGINAL, True),
        ([400.5], "NO-NO2", MARGINAL, False),
        ([0.5, 430.5], "US-CAL-CISO", MARGINAL, False),
        ([0.4], "home", LIFE_CYCLE, True),  # no yearly figure
        ([35.5, 0.1], "home", LIFE_CYCLE, False),
    ],
)
def test_values_that_are_hardly_g_per_kwh(values: list[float], zone: str, basis: Basis, *, doubted: bool) -> None:
    assert bool(unlikely(values, zone, basis)) is doubted


@pytest.mark.parametrize(
    ("values", "zone", "basis", "other"),
    [
        ([1440.0] * 24, "IN-WE", LIFE_CYCLE, "lb/MWh"),
        ([1240.0] * 24, "IN-WE", LIFE_CYCLE, "lb/MWh"),
        ([1240.0] * 24, "IN-WE", MARGINAL, ""),
        ([1240.0] * 23, "IN-WE", LIFE_CYCLE, ""),  # too few hours to say so
        ([650.0] * 24, "IN-WE", LIFE_CYCLE, ""),
        ([1240.0] * 24, "home", LIFE_CYCLE, ""),
        ([2000.0], "home", LIFE_CYCLE, "lb/MWh"),  # more than coal
        ([2000.0, 0.0], "US-MIDW-LGEE", MARGINAL, "lb/MWh"),
        ([0.002, 0.004], "NO-NO2", DIRECT, "kg/kWh or t/MWh"),
        ([0.0, 0.0], "NO-NO2", DIRECT, ""),
        ([1.5, 2.5], "NO-NO2", DIRECT, ""),
    ],
)
def test_values_that_may_be_in_another_unit(values: list[float], zone: str, basis: Basis, other: str) -> None:
    assert unlikely(values, zone, basis) == ""
    assert question(values, zone, basis) == other


@pytest.mark.parametrize(
    ("signal", "other"), [("co2_moer", "lb/MWh"), ("CO2 AOER", "lb/MWh"), ("marginal", ""), ("lrmer", ""), ("", "")]
)
def test_signals_of_watttime_are_usually_pounds(signal: str, other: str) -> None:
    assert question([400.0], "US-CAL-CISO", MARGINAL, ["value", signal]) == other


@given(st.text(max_size=60) | st.text("co2 lbgkmtwhpers/()-_KW", max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    factor = g_per_kwh(text)
    assert factor is None or factor > 0
    assert basis_of(text) in {None, *Basis}


def test_no_zone_is_beyond_the_figures_that_the_questions_rest_on() -> None:
    years = [zone.lifecycle_g_per_kwh for zone in zones().values()]
    assert max(years) < 0.7 * MOST_G_PER_KWH
    assert min(years) > 3 * LEAST_G_PER_KWH
