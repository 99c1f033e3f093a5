# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The law against values worked out by hand, and how far bounds reach."""

from __future__ import annotations

import math

import pytest

from carbonspan.core._tables import rows
from carbonspan.core.values import Range
from carbonspan.energy import _law as law
from carbonspan.energy._coefficients import Coefficients


def test_a_mixture_of_experts() -> None:
    # 0.0314 x 70^0.25 x 440^0.62 = 0.0314 x 2.8925 x 43.549 = 3.955 J out; 0.0071 x 70 = 0.497 J in.
    output, fresh, cached = law.open_weights(70, 440)
    assert output.central == pytest.approx(3.955, rel=1e-3)
    assert output == pytest.approx((output.central / 2.8, output.central, output.central * 3.8))
    assert fresh == pytest.approx((0.497 / 2.5, 0.497, 0.497 * 3.0))
    # High: exp(sqrt(ln(3)^2 + ln(3)^2)) = 4.728; low: exp(sqrt(ln(2.5)^2 + ln(5)^2)) = 6.373.
    assert cached == pytest.approx((0.0497 / 6.373, 0.0497, 0.0497 * 4.728), rel=1e-3)


def test_a_dense_model_costs_less_per_active_parameter_of_input() -> None:
    assert law.open_weights(70, 70).j_per_input_token.central == pytest.approx(0.329)
    assert law.open_weights(70, 70, moe=True).j_per_input_token.central == pytest.approx(0.497)
    assert law.open_weights(12, 40, moe=False).j_per_input_token.central == pytest.approx(0.0564)


def test_concurrency_moves_the_output_and_not_its_relative_bounds() -> None:
    usual, less_busy = law.open_weights(8, 8), law.open_weights(8, 8, concurrency=8)
    # (8 / 64)^-0.45 = 8^0.45 = 2.549
    assert less_busy.j_per_output_token.central == pytest.approx(2.549 * usual.j_per_output_token.central, rel=1e-3)
    assert less_busy.j_per_output_token.high == pytest.approx(3.8 * less_busy.j_per_output_token.central)
    assert less_busy.j_per_input_token == usual.j_per_input_token


def test_an_encoder_has_no_output_and_no_cheaper_cache() -> None:
    output, fresh, cached = law.encoder(1)
    assert output == Range(0.0, 0.0, 0.0)
    assert fresh == pytest.approx((0.0007855, 0.007855, 0.07855))
    assert cached == fresh


@pytest.mark.parametrize(
    ("active_b", "total_b", "concurrency", "message"),
    [
        (0, 8, 64, r"active_b must be a finite number above 0, not 0"),
        (8, -1, 64, r"total_b must be a finite number above 0, not -1"),
        (8, 8, math.nan, r"concurrency must be a finite number above 0, not nan"),
        (8, math.inf, 64, r"total_b must be a finite number above 0, not inf"),
        (9, 8, 64, r"active_b must not exceed total_b, but 9 > 8"),
    ],
)
def test_refuses_impossible_sizes(active_b: float, total_b: float, concurrency: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        law.open_weights(active_b, total_b, concurrency=concurrency)


@pytest.mark.parametrize(
    ("active_b", "total_b", "tier"),
    [
        (1, 1, "nano"),
        (4, 4, "nano"),
        (3.6, 21, "nano"),
        (7, 7, "small"),
        (15, 15, "small"),
        (3, 30, "medium"),
        (27, 27, "medium"),
        (17, 109, "medium"),
        (70, 70, "large"),
        (22, 235, "large"),
        (37, 671, "frontier"),
        (405, 405, "frontier"),
        (32, 1000, "ultra"),
    ],
)
def test_tier_of_a_size(active_b: float, total_b: float, tier: str) -> None:
    assert law.tier(active_b, total_b) == tier


def test_bounds_are_widened_by_class_and_never_narrowed() -> None:
    narrow = Coefficients.generator(Range(1, 2, 3), Range(1, 2, 3))
    reach = law.reaches()["D", "small"]
    wide = law.widened(narrow, "D", "small")
    assert wide.j_per_output_token == Range(2 / reach.output_divide, 2, 2 * reach.output_multiply)
    assert wide.j_per_input_token == Range(2 / reach.input_divide, 2, 2 * reach.input_multiply)
    vast = Coefficients.generator(Range(0.001, 2, 3000), Range(0.001, 2, 3000))
    assert law.widened(vast, "D", "small") == vast
    assert law.widened(narrow, "D", "frontier") == narrow
    assert all(factor >= 1 for reach in law.reaches().values() for factor in reach)
    assert all(row["why"] for row in rows("energy/bounds.csv"))
