# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of ranges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Range, independent_sum, product

positive = st.floats(min_value=1e-12, max_value=1e12, allow_nan=False, allow_infinity=False)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    return Range(*sorted((draw(positive), draw(positive), draw(positive))))


def test_product_combines_bounds_in_quadrature_in_log_space() -> None:
    # By hand: 10 (÷3, ×4) times 2 (÷2, ×2): ln 3 = 1.0986, ln 2 = 0.6931, ln 4 = 1.3863.
    got = product(Range(10 / 3, 10, 40), Range(1, 2, 4))
    assert got.central == pytest.approx(20)
    assert got.low == pytest.approx(20 / math.exp(math.hypot(1.098612, 0.693147)), rel=1e-5)
    assert got.high == pytest.approx(20 * math.exp(math.hypot(1.386294, 0.693147)), rel=1e-5)


def test_product_of_a_zero_central_value_keeps_what_the_upper_bounds_allow() -> None:
    assert product(Range(0, 0, 5), Range(1, 2, 3)) == Range(0, 0, 15)


def test_product_of_a_zero_lower_bound_reaches_zero() -> None:
    assert product(Range(0, 1, 2), Range(1, 2, 3)).low == 0


def test_independent_sum_adds_deviations_in_quadrature() -> None:
    assert independent_sum(Range(7, 10, 13), Range(16, 20, 24)) == Range(25, 30, 35)


def test_independent_sum_never_goes_below_zero() -> None:
    assert independent_sum(Range(0, 1, 1), Range(0, 0, 3)).low == 0


def test_plus_scaled_and_around() -> None:
    assert Range(1, 2, 3).plus(Range(1, 1, 1)) == Range(2, 3, 4)
    assert Range(1, 2, 3).scaled(2) == Range(2, 4, 6)
    assert Range.around(12, 3, 4) == Range(4, 12, 48)
    assert Range.exactly(5) == Range(5, 5, 5)


@given(ranges(), ranges())
def test_a_product_is_wider_than_each_factor_and_narrower_than_the_extremes(a: Range, b: Range) -> None:
    got = product(a, b)
    slack = 1 + 1e-9
    assert got.low <= got.central <= got.high
    assert got.high / got.central * slack >= max(a.high / a.central, b.high / b.central)
    assert got.high <= a.high * b.high * slack
    assert got.low * slack >= a.low * b.low


@given(st.lists(ranges(), min_size=1, max_size=4))
def test_an_independent_sum_is_ordered_and_within_the_plain_sum(parts: list[Range]) -> None:
    got = independent_sum(*parts)
    slack = 1 + 1e-9
    assert 0 <= got.low <= got.central <= got.high
    assert got.high <= sum(p.high for p in parts) * slack
    assert got.low * slack >= sum(p.low for p in parts) * (1 - 1e-9) - 1e-6 * got.central
