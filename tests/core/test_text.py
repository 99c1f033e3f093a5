# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Values of spans and baggage become texts and attributes that any exporter can write, whatever they are."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider

from carbonspan.core._text import MAX_CHARACTERS, as_attribute, as_text, clean, digits

# All code points, halves of surrogate pairs among them, which `st.text()` leaves out.
TEXTS = st.text(st.characters(), max_size=300)
SCALARS = st.one_of(TEXTS, st.booleans(), st.floats(), st.integers(), st.integers(min_value=10**4300))


@given(TEXTS)
def test_a_text_is_utf_8_and_stays_what_it_was_where_it_may(text: str) -> None:
    found = clean(text)
    assert len(found) == min(len(text), MAX_CHARACTERS)
    assert found.encode().decode() == found
    assert all(new in {old, "?"} for new, old in zip(found, text, strict=False))
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert found == text[:MAX_CHARACTERS]


@given(SCALARS)
def test_any_scalar_is_a_short_text(value: Any) -> None:
    found = as_text(value)
    assert len(found) <= MAX_CHARACTERS
    found.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (2**63 - 1, str(2**63 - 1)),
        (2**63, ""),
        (-(2**63) - 1, ""),
        (10**5000, ""),
        (0.5, "0.5"),
        ("a\ud800b", "a?b"),
        (None, ""),
        ((1,), ""),
        (b"x", ""),
    ],
    ids=lambda _: "",  # pytest cannot name an integer of so many digits either
)
def test_what_a_scalar_becomes(value: Any, text: str) -> None:
    assert as_text(value) == text


@given(st.one_of(SCALARS, st.lists(SCALARS, max_size=3).map(tuple)))
def test_an_attribute_of_another_span_can_be_exported(value: Any) -> None:
    found = as_attribute(value)
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    if found is not None:
        span._attributes._dict["k"] = found  # type: ignore[attr-defined] # as the write-back does
        span.end()
        encoded = encode_spans([span])  # type: ignore[list-item]
        assert [a.key for a in encoded.resource_spans[0].scope_spans[0].spans[0].attributes] == ["k"]
        encoded.SerializeToString()


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
