# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How numbers read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._numbers import digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (0.000123456, "0.000123"),
        (0.012, "0.0120"),
        (0.9996, "1.00"),
        (1.2, "1.20"),
        (34.55, "34.5"),
        (99.96, "100"),
        (123.4, "123"),
        (1234.5, "1,230"),
        (1234567, "1,230,000"),
        (1e-9, "1.00e-09"),
        (2.5e12, "2.50e+12"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert digits(value) == text


@given(st.floats(1e-9, 1e12))
def test_numbers_are_off_by_half_a_percent_at_most(value: float) -> None:
    assert float(digits(value).replace(",", "")) == pytest.approx(value, rel=0.00501)
