# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The functions that OTTL lacks are as exact as they say: their statements, run as Python, against Python's own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st

from carbonspan.collector import _ottl as ottl

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET = re.compile(r"set\((span\.cache\[\"\w+\"\]), (.*?)\)(?: where (.*))?$")


def run(program: Sequence[str], **values: float) -> dict[str, Any]:
    """Run statements that do only arithmetic: what they look like is Python too."""
    span = type("Span", (), {"cache": dict(values)})()
    for statement in program:
        match = _SET.match(statement)
        assert match, statement
        target, expression, condition = match.groups()
        if condition is None or eval(condition, {"span": span}):  # noqa: S307 - the statements that are tested
            exec(f"{target} = {expression}", {"span": span})  # noqa: S102
    found: dict[str, Any] = span.cache
    return found


@given(st.floats(1e-10, 600.0))
def test_square_roots_are_exact_enough(radicand: float) -> None:
    root = run(ottl.square_root("y", "s"), s=radicand)["y"]
    assert math.isclose(root, math.sqrt(radicand), rel_tol=1e-6 if radicand >= 1e-5 else 0.0, abs_tol=2e-4)


@given(st.floats(0.0, 1e-10, exclude_max=True))
def test_next_to_nothing_has_no_root(radicand: float) -> None:
    assert run(ottl.square_root("y", "s"), s=radicand)["y"] == 0.0


@given(st.floats(0.0, 8.0))
def test_exponentials_are_exact_enough(exponent: float) -> None:
    assert math.isclose(run(ottl.exponential("x", "y"), y=exponent)["x"], math.exp(exponent), rel_tol=1e-6)


@given(st.floats(0.0, 1e12))
def test_numbers_are_read_as_they_were(value: float) -> None:
    written = ottl.number(value)
    assert re.fullmatch(r"(\d+\.\d*|\d*\.\d+)([eE][-+]?\d+)?", written)  # the language's own token
    assert math.isclose(float(written), value, rel_tol=1e-6)


def test_what_has_no_end_is_a_large_number() -> None:
    assert float(ottl.number(math.inf)) == ottl.INFINITE


def test_a_dollar_and_a_quote_survive_the_configuration() -> None:
    assert ottl.quoted("a$1'b") == "'a$$1''b'"


def test_a_text_is_a_literal_of_go() -> None:
    assert ottl.text('a"\\\n$1') == r'"a\"\\\n$1"'
    assert ottl.text("\x01\x7f\u00e9") == r'"\u0001\u007f\u00e9"'
    assert ottl.text("\U0001f916") == r'"\U0001f916"'  # not two halves, as in JSON
    assert ottl.text("\udc80") == r'"\ufffd"'
