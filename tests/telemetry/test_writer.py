# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The attributes of an inference: what templates make is what the table says of its footprint, in the table's order."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Level
from carbonspan.telemetry._contract import ATTRIBUTES, TASK
from carbonspan.telemetry._writer import Writer
from tests.figures import figures

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures

# Where users find what the figures hold flat.
PUBLIC = {
    "emissions_low_g": "emissions_g.low",
    "emissions_central_g": "emissions_g.central",
    "emissions_high_g": "emissions_g.high",
    "energy_low_wh": "energy_wh.low",
    "energy_central_wh": "energy_wh.central",
    "energy_high_wh": "energy_wh.high",
    "operational_central_g": "operational_g.central",
    "embodied_central_g": "embodied_g.central",
    "water_central_ml": "water_ml.central",
    "cache_savings_g": "cache_savings_g",
    "input_tokens": "usage.input_tokens",
    "output_tokens": "usage.output_tokens",
    "cached_input_tokens": "usage.cached_input_tokens",
    "reasoning_tokens": "usage.reasoning_tokens",
    "total_tokens": "usage.total_tokens",
}
LEVELS = list(Level)


def expected(found: Figures, level: Level) -> dict[str, Any]:
    footprint = found.footprint()
    rows = [a for a in ATTRIBUTES if LEVELS.index(a.level) <= LEVELS.index(level)]
    values = {a.name: a.fixed or attrgetter(PUBLIC.get(a.path, a.path))(footprint) for a in rows}
    return {name: value for name, value in values.items() if value is not None}


tokens = st.integers(1, 1_000_000)


@given(st.sampled_from(LEVELS), st.booleans(), tokens, tokens, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1))
def test_templates_make_what_the_table_says(  # noqa: PLR0917 - each is drawn
    level: Level,
    is_task: bool,  # noqa: FBT001 - drawn
    tokens_in: int,
    tokens_out: int,
    cached: float | None,
    reasoning: float | None,
) -> None:
    plan = figures().plan
    found = plan.figures(
        "r",
        0,
        1,
        tokens_in,
        tokens_out,
        None if cached is None else int(cached * tokens_in),
        None,
        None if reasoning is None else int(reasoning * tokens_out),
    )
    plan.templates.clear()  # those of another level
    got = Writer(level).of(found, is_task=is_task)
    want = expected(found, level)
    task = [*TASK] if is_task else []
    assert list(got) == [*want, *task]
    for name, value in want.items():
        if isinstance(value, float):
            assert math.isclose(got[name], value, rel_tol=1e-12)
        else:
            assert got[name] == value
    if is_task:
        assert [got[name] for name in TASK] == [found.emissions_central_g, found.energy_central_wh, 1]


@pytest.mark.parametrize("level", LEVELS)
def test_a_template_is_made_once_and_gives_each_its_own(level: Level) -> None:
    plan = figures().plan
    plan.templates.clear()
    writer = Writer(level)
    first, second = writer.of(figures(tokens=(1, 1, 0))), writer.of(figures(tokens=(2, 2, 0)))
    assert len(plan.templates) == 1
    assert first is not second
    assert first["carbon.emissions.grams"] != second["carbon.emissions.grams"]
