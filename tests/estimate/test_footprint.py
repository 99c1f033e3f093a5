# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Joules to grams and millilitres: one case by hand, then what must hold for every case."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._outcome import Role
from carbonspan.core.values import Basis, Energy, Intensity, Place, Quality, Range, Site, Usage
from carbonspan.estimate.footprint import EMBODIED_G_PER_KWH, Footprint, footprint, rates

USAGE = Usage(
    Role.INFERENCE,
    "chat",
    "openai",
    "gpt-4o",
    "gpt-4o",
    "test",
    input_tokens=1000,
    output_tokens=1000,
    cached_input_tokens=0,
)


def energy(it_j: Range, cache_savings_it_j: float = 0.0) -> Energy:
    return Energy(it_j, cache_savings_it_j, "gpt-4o", model_known=True, tier="frontier", evidence="D", method="test/1")


def site(pue: Range) -> Site:
    place = Place("openai", "US", "provider_default")
    return Site(place, pue, Range.exactly(0.27), Range.exactly(3.13), "test")


def intensity(value: Range) -> Intensity:
    hour = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return Intensity(value, "US", hour, "test", Basis.LIFE_CYCLE, Quality.MIX, "production", "2025")


def test_the_worked_example_of_the_method_by_hand() -> None:
    # gpt-4o, 1,000 fresh input and 1,000 output tokens: 4,584 J at the server (docs/explanation/methodology.md); PUE
    # 1.17; US mix 384.4 g/kWh. 4584 J = 1.27333 Wh; x 1.17 = 1.4898 Wh; x 384.4 g/kWh = 0.57268 g; embodied
    # 1.27333e-3 x 40.
    got = footprint(USAGE, energy(Range.exactly(4584.0)), site(Range.exactly(1.17)), intensity(Range.exactly(384.4)))
    assert got.energy_wh.central == pytest.approx(1.4898, rel=1e-4)
    assert got.operational_g.central == pytest.approx(0.57268, rel=1e-4)
    assert got.embodied_g == pytest.approx((0.016553, 0.050933, 0.138793), rel=1e-4)
    assert got.emissions_g.central == pytest.approx(0.57268 + 0.05093, rel=1e-4)
    # On-site water is per kWh of IT energy: no PUE. 1.27333e-3 kWh x 0.27 L = 0.3438 mL; x 1.17 x 3.13 = 4.6631 mL.
    assert got.water_onsite_ml.central == pytest.approx(0.34380, rel=1e-4)
    assert got.water_offsite_ml.central == pytest.approx(4.66306, rel=1e-4)
    assert got.water_ml.central == pytest.approx(0.34380 + 4.66306, rel=1e-4)


def test_bounds_of_the_emissions_by_hand() -> None:
    # Energy ÷3 ×4; PUE x intensity known exactly; embodied 13-40-109 on 449.748 g per kWh of IT energy.
    got = footprint(
        USAGE, energy(Range(1000.0, 3000.0, 12000.0)), site(Range.exactly(1.17)), intensity(Range.exactly(384.4))
    )
    per_kwh = 1.17 * 384.4 + 40
    low_factor, high_factor = per_kwh / (per_kwh - 27), (per_kwh + 69) / per_kwh
    central = 3000 / 3.6e6 * per_kwh
    assert got.emissions_g.central == pytest.approx(central)
    assert got.emissions_g.low == pytest.approx(central / math.exp(math.hypot(math.log(3), math.log(low_factor))))
    assert got.emissions_g.high == pytest.approx(central * math.exp(math.hypot(math.log(4), math.log(high_factor))))


def test_a_guess_about_the_grid_widens_the_result() -> None:
    it = energy(Range(1000.0, 3000.0, 12000.0))
    sure = footprint(USAGE, it, site(Range.exactly(1.17)), intensity(Range.exactly(400)))
    guess = footprint(USAGE, it, site(Range.exactly(1.17)), intensity(Range(100, 400, 800)))
    assert guess.emissions_g.low < sure.emissions_g.low
    assert guess.emissions_g.high > sure.emissions_g.high
    assert guess.emissions_g.central == sure.emissions_g.central


def test_saved_is_what_the_cached_tokens_would_have_emitted() -> None:
    got = footprint(USAGE, energy(Range.exactly(1.0), 3.6e6), site(Range.exactly(1.2)), intensity(Range.exactly(100)))
    assert got.cache_savings_g == pytest.approx(1.2 * 100 + 40)


def test_saved_is_unknown_where_the_cached_share_is() -> None:
    unreported = USAGE._replace(cached_input_tokens=None)
    it = energy(Range.exactly(1.0))
    assert footprint(unreported, it, site(Range.exactly(1.2)), intensity(Range.exactly(100))).cache_savings_g is None


def test_an_hour_without_carbon_still_has_embodied_carbon() -> None:
    got = footprint(USAGE, energy(Range.exactly(3.6e6)), site(Range.exactly(1.2)), intensity(Range.exactly(0)))
    assert got.operational_g == Range(0, 0, 0)
    assert got.emissions_g == pytest.approx(EMBODIED_G_PER_KWH)


def test_rates_worked_out_before_give_the_same() -> None:
    where, grid = site(Range(1.1, 1.17, 1.3)), intensity(Range(100, 400, 800))
    it = energy(Range(1.0, 2.0, 3.0))
    assert footprint(USAGE, it, where, grid, rates(where, grid)) == footprint(USAGE, it, where, grid)


amounts = st.floats(min_value=0, max_value=1e9, allow_nan=False)
factors = st.floats(min_value=1e-3, max_value=10, allow_nan=False)


def _range(a: float, b: float, c: float) -> Range:
    return Range(*sorted((a, b, c)))


def _all(f: Footprint) -> list[Range]:
    return [f.energy_j, f.operational_g, f.embodied_g, f.emissions_g, f.water_onsite_ml, f.water_offsite_ml, f.water_ml]


@given(st.tuples(amounts, amounts, amounts), st.tuples(factors, factors, factors), st.tuples(amounts, amounts, amounts))
def test_every_range_is_finite_ordered_and_not_negative(
    it: tuple[float, float, float], pue: tuple[float, float, float], grid: tuple[float, float, float]
) -> None:
    got = footprint(USAGE, energy(_range(*it)), site(_range(*pue)), intensity(_range(*grid)))
    for r in _all(got):
        assert 0 <= r.low <= r.central <= r.high < math.inf
    assert got.emissions_g.central == pytest.approx(got.operational_g.central + got.embodied_g.central)


def test_a_footprint_as_plain_data_is_json_with_units_in_its_names() -> None:
    got = footprint(USAGE, energy(Range(1, 2, 3)), site(Range(1.1, 1.2, 1.3)), intensity(Range(100, 400, 800)))
    plain = json.loads(json.dumps(got.to_dict()))
    assert plain["emissions_g"] == {
        "low": got.emissions_g.low,
        "central": got.emissions_g.central,
        "high": got.emissions_g.high,
    }
    assert plain["intensity"]["basis"] == "life-cycle"
    assert plain["intensity"]["hour"] == "2026-01-01T00:00:00+00:00"
    assert plain["site"]["place"]["operator"] == "openai"
    assert (plain["usage"]["role"], plain["usage"]["input_tokens"]) == ("inference", 1000)
    assert plain["cache_savings_g"] == 0.0


def test_a_footprint_is_a_frozen_value() -> None:
    made = [
        footprint(USAGE, energy(Range.exactly(1)), site(Range.exactly(1.2)), intensity(Range.exactly(1))) for _ in "ab"
    ]
    assert made[0] == made[1]
    with pytest.raises(AttributeError):
        made[0].cache_savings_g = 1.0  # type: ignore[misc]
