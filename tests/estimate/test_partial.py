# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a usage holds: bounds around every whole that it may be a part of, and nothing is invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._outcome import Role
from carbonspan.core.values import Energy, Range, Usage
from carbonspan.energy import TokenModel
from carbonspan.estimate import _partial as partial

if TYPE_CHECKING:
    from carbonspan.energy.model import EnergyModel

MODEL = TokenModel()
WHOLE = Usage(Role.INFERENCE, "chat", "openai", "gpt-4o", "gpt-4o", "test", 20_000, 2_000)
NOTHING = WHOLE._replace(input_tokens=None, output_tokens=None, problem="partial_usage")


def parts(whole: Usage) -> dict[str, Usage]:
    tokens_in, tokens_out = whole.input_tokens or 0, whole.output_tokens or 0
    nothing = whole._replace(input_tokens=None, output_tokens=None, problem="partial_usage")
    return {
        "input": nothing._replace(input_tokens=tokens_in),
        "output": nothing._replace(output_tokens=tokens_out),
        "total": nothing._replace(total_tokens=tokens_in + tokens_out),
    }


@pytest.mark.parametrize(
    ("given_usage", "sides"),
    [
        (NOTHING._replace(input_tokens=20_000), [(20_000, 0), (20_000, 1_200), (20_000, 12_000)]),
        (NOTHING._replace(input_tokens=100), [(100, 0), (100, 6), (100, 2_000)]),
        (NOTHING._replace(input_tokens=100, reasoning_tokens=50), [(100, 50), (100, 56), (100, 2_050)]),
        (NOTHING._replace(output_tokens=2_000), [(0, 2_000), (33_333, 2_000), (200_000, 2_000)]),
        (NOTHING._replace(output_tokens=30), [(0, 30), (500, 30), (40_000, 30)]),
        (
            NOTHING._replace(output_tokens=30, cached_input_tokens=900, cache_write_tokens=100),
            [(1_000, 30), (1_000, 30), (40_000, 30)],
        ),
        (NOTHING._replace(total_tokens=21_200), [(21_200, 0), (20_000, 1_200), (13_250, 7_950)]),
        (NOTHING._replace(total_tokens=1_060), [(1_060, 0), (1_000, 60), (0, 1_060)]),
        (NOTHING._replace(total_tokens=1_060, cached_input_tokens=1_030), [(1_060, 0), (1_030, 30), (1_030, 30)]),
        (NOTHING._replace(total_tokens=10, cached_input_tokens=30), [(30, 0), (30, 0), (30, 0)]),
    ],
)
def test_what_is_missing_is_nothing_the_usual_or_the_most(given_usage: Usage, sides: list[tuple[int, int]]) -> None:
    found = partial.completed(given_usage)
    assert [(one.input_tokens, one.output_tokens) for one in found] == sides
    assert all(one.usable for one in found)


@given(
    tokens_in=st.integers(1, 1_000_000),
    ratio=st.floats(0.0, partial.MOST_OUTPUT_PER_INPUT),
    cached=st.none() | st.floats(0.0, 1.0),
    model=st.sampled_from(["gpt-4o", "gpt-4o-mini", "llama-3.1-8b", "o3", "nobody-knows"]),
)
def test_bounds_hold_the_whole(tokens_in: int, ratio: float, cached: float | None, model: str) -> None:
    tokens_out = int(ratio * tokens_in)
    whole = WHOLE._replace(
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cached_input_tokens=None if cached is None else int(cached * tokens_in),
        model=model,
        request_model=model,
    )
    truth_j = MODEL.estimate(whole).it_j.central
    for name, part in parts(whole).items():
        found = partial.energy(part, MODEL)
        low_j, central_j, high_j = found.it_j
        assert low_j <= central_j <= high_j
        assert found.evidence == "F"
        assert name == part.reported
        assert low_j <= truth_j * (1 + 1e-9)
        # Where there are fewer tokens out than calls usually have, there may be more in than most have.
        most = partial.completed(part)[2]
        if name != "output" or tokens_in <= (most.input_tokens or 0):
            assert truth_j <= high_j * (1 + 1e-9)


@pytest.mark.parametrize("joules", [Range(0.0, 0.0, 0.0), Range(0.0, 0.0, 5.0), Range(1.0, 2.0, 4.0)])
def test_a_model_of_the_users_own(joules: Range) -> None:
    class Flat:
        name, version = "flat", "1"

        def estimate(self, usage: Usage) -> Energy:
            assert usage.usable
            return Energy(joules, 0.0, "m", model_known=True, tier="t", evidence="A", method="flat/1")

    flat: EnergyModel = Flat()
    assert partial.energy(parts(WHOLE)["input"], flat).it_j == joules
