# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The functions that OTTL lacks are as exact as they say: their statements, run as Python, against Python's own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.collector import (
    _arithmetic as arithmetic,
    _models as models,
    _ottl as ottl,
    _places as places,
    _statements as statements,
)
from carbonspan.counting import _attribution as attribution
from carbonspan.energy import default_registry
from carbonspan.energy._tokens import CONTEXT_TOKENS
from carbonspan.estimate.footprint import rates
from carbonspan.grid import Resolver
from carbonspan.site import site_of
from carbonspan.site._places import region_place

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET = re.compile(r"set\((span\.cache\[\"\w+\"\]), (.*?)\)(?: where (.*))?$")


def run(program: Sequence[str], **values: float) -> dict[str, Any]:
    """Run statements that do arithmetic alone: what they look like is Python too."""
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


def test_no_bound_that_the_tables_hold_is_out_of_their_reach() -> None:
    # The widest of a model, and 3 for what site and grid add: within 0 to 8.
    widest = 0.0
    for entry in default_registry().entries():
        for low, central, high in entry.coefficients:
            if central > 0.0:
                widest = max(widest, math.log(central / low), math.log(high / central))
    assert math.hypot(widest, 3.0) < 8.0


@given(st.floats(0.0, 1e12))
def test_numbers_are_read_as_they_were(value: float) -> None:
    written = ottl.number(value)
    assert re.fullmatch(r"(\d+\.\d*|\d*\.\d+)([eE][-+]?\d+)?", written)  # the language's own token
    assert math.isclose(float(written), value, rel_tol=1e-6)


def test_what_has_no_end_is_a_large_number() -> None:
    assert float(ottl.number(math.inf)) == ottl.INFINITE


def test_a_dollar_and_a_quote_survive_the_configuration() -> None:
    assert ottl.quoted("a$1'b") == "'a$$1''b'"


def test_the_constant_is_that_of_the_energy_model() -> None:
    assert any(ottl.number(CONTEXT_TOKENS) in statement for statement in arithmetic.joules())


def test_a_place_holds_what_footprints_need() -> None:
    place = region_place("eu-west-1", "", "")
    assert place is not None
    entry = places.figures(place, Resolver(), 0, None)
    assert entry is not None
    intensity = Resolver().at(place, 0, 0)
    assert intensity is not None
    site = site_of(place)
    expected = (*rates(site, intensity).figures, intensity.intensity_g_per_kwh.central, site.pue.central)
    assert entry["f"] == list(expected)
    assert len(expected) == len(arithmetic.FIGURES)


@pytest.mark.parametrize("name", ["gpt-4o", "claude-sonnet-5", "llama-3.1-70b"])
def test_an_entry_is_found_by_its_id(name: str) -> None:
    known = models.names(default_registry(), ())
    assert known.entries[known.exact[name]].id == name


def test_a_text_is_a_literal_of_go() -> None:
    assert ottl.text('a"\\\n$1') == r'"a\"\\\n$1"'
    assert ottl.text("\x01\x7f\u00e9") == r'"\u0001\u007f\u00e9"'
    assert ottl.text("\U0001f916") == r'"\U0001f916"'  # not two halves, as in JSON
    assert ottl.text("\udc80") == r'"\ufffd"'


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("m[a-c]x*", ["mbx", "org/mbx-1", "MAX"], ["mdx", "m[a-c]x"]),
        ("m[!a-c]x", ["mdx"], ["mbx"]),
        ("m[^x]", ["m^", "mx"], ["my"]),
        ("m[]]", ["m]"], ["m[]]"]),
        ("m[a-", ["m[a-"], ["ma"]),
        ("m[", ["m["], ["m"]),
        ("m?.1", ["m7.1"], ["m7x1"]),
    ],
)
def test_a_glob_means_what_it_means_to_the_registry(glob: str, matching: list[str], other: list[str]) -> None:
    registry = default_registry().with_models({glob: {"active_b": 8, "total_b": 8}})
    pattern = re.compile(models._whole(glob))
    for name in matching:
        assert registry.resolve(name).id == glob, name
        assert pattern.match(name.lower()), name
    for name in other:
        assert registry.resolve(name).id != glob, name
        assert not pattern.match(name.lower()), name


def test_flags_are_those_of_the_processor() -> None:
    group = statements._flags()
    assert all(ottl.plain(event) in group.condition.replace("\\\\", "\\") for event in attribution.FLAG_EVENTS)
    assert attribution.FLAG_KEY in group.condition
    variants = [f"[{ottl.text(variant)}]" for variant in attribution.FLAG_VARIANTS]
    places = [group.statements[0].index(variant) for variant in variants]
    assert places == sorted(places)  # the first that is there is taken
