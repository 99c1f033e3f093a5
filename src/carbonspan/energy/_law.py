# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The scaling law: a model's coefficients and class from its size, and how far their bounds must reach.

The law is fitted to 515 configurations of the ML.ENERGY Benchmark v3 (data of 2026-02-16,
https://ml.energy/leaderboard, Apache-2.0; energy of the accelerator only), times 1.571 for the rest of the server:
0.22 Wh of IT energy to 0.14 Wh of accelerators in Elsworth et al., Measuring the environmental impact of delivering AI
at Google Scale, 2025, https://arxiv.org/abs/2508.15734.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Range
from carbonspan.energy._coefficients import Coefficients

SERVER_PER_ACCELERATOR = 1.571

# Joules per output token at 64 concurrent requests: 0.020 J at the accelerator x 1.571.
OUTPUT_J = 0.0314
OUTPUT_ACTIVE_EXPONENT = 0.25
OUTPUT_TOTAL_EXPONENT = 0.62
REFERENCE_CONCURRENCY = 64.0
CONCURRENCY_EXPONENT = -0.45

# Joules per input token and billion active parameters: 3.0 mJ (dense) and 4.5 mJ (mixture of experts) at the
# accelerator x 1.571. Measured: 2.6-2.7 mJ, arXiv 2505.06371 Table 4 (2025), https://arxiv.org/abs/2505.06371.
DENSE_INPUT_J_PER_B = 0.0047
MOE_INPUT_J_PER_B = 0.0071

# Joules per token of an encoder, 5 mJ at the accelerator x 1.571: small models use the chip less well. Same source;
# derived.
ENCODER_INPUT_J_PER_B = 0.005 * SERVER_PER_ACCELERATOR
ENCODER_BOUND = 10.0

# Bounds of open weights, served by an unknown operator: serving regime (16 to 256 requests, 2.2-2.4), the law itself
# (1.5), the server boundary (1.25), precision and generation of the hardware (2, downwards), in quadrature.
OUTPUT_DIVIDE, OUTPUT_MULTIPLY = 2.8, 3.8
INPUT_DIVIDE, INPUT_MULTIPLY = 2.5, 3.0

# A router, or embedding tables counted once and not twice, moves the two sizes of a dense model apart by a few percent.
_DENSE_SLACK = 1.2

# Class, most billions active, most billions in all.
_DENSE_CUTS = (
    ("nano", 5.0, 5.0),
    ("small", 18.0, 18.0),
    ("medium", 50.0, 50.0),
    ("large", 275.0, 275.0),
    ("frontier", 850.0, 850.0),
)
_MOE_CUTS = (
    ("nano", 4.0, 21.0),
    ("small", 18.0, 18.0),
    ("medium", 17.0, 125.0),
    *_DENSE_CUTS[2:],
)


def open_weights(active_b: float, total_b: float, *, concurrency: float = 64, moe: bool | None = None) -> Coefficients:
    """Return server-level coefficients of a model of known size, in joules per token.

    A stated concurrency moves the central value and leaves the relative bounds: it is what was configured, while what a
    request met over its life still ranges as widely. Nothing published shows the bounds shrinking with such a hint.

    Args:
        active_b: Billions of parameters active per token.
        total_b: Billions of parameters in all.
        concurrency: Requests served at once on a replica.
        moe: Whether it is a mixture of experts; by default where the total exceeds the active size by a fifth.

    Raises:
        ValueError: A size or the concurrency is not a positive finite number, or `active_b` exceeds `total_b`.
    """
    for name, value in (("active_b", active_b), ("total_b", total_b), ("concurrency", concurrency)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number above 0, not {value!r}")
    if active_b > total_b:
        raise ValueError(f"active_b must not exceed total_b, but {active_b!r} > {total_b!r}")
    if moe is None:
        moe = total_b > _DENSE_SLACK * active_b
    j_per_output_token = (
        OUTPUT_J
        * active_b**OUTPUT_ACTIVE_EXPONENT
        * total_b**OUTPUT_TOTAL_EXPONENT
        * (concurrency / REFERENCE_CONCURRENCY) ** CONCURRENCY_EXPONENT
    )
    j_per_input_token = (MOE_INPUT_J_PER_B if moe else DENSE_INPUT_J_PER_B) * active_b
    return Coefficients.generator(
        Range.around(j_per_output_token, OUTPUT_DIVIDE, OUTPUT_MULTIPLY),
        Range.around(j_per_input_token, INPUT_DIVIDE, INPUT_MULTIPLY),
    )


def encoder(size_b: float) -> Coefficients:
    """Return server-level coefficients of an embedder or reranker of `size_b` billion parameters, bounds x/÷10."""
    return Coefficients.encoder(Range.around(ENCODER_INPUT_J_PER_B * size_b, ENCODER_BOUND, ENCODER_BOUND))


def tier(active_b: float, total_b: float) -> str:
    """Return the class of a size: nano, small, medium, large, frontier or ultra.

    The cuts lie between the classes' members: a dense 4B is nano and 7B small, 15B small and 20B medium, 40B medium
    and 60B large, 250B large and 300B frontier, 700B frontier and 1T ultra; a mixture of up to 21B with at most 4B
    active is nano, one of 30-120B with at most 17B active medium.
    """
    cuts = _MOE_CUTS if total_b > _DENSE_SLACK * active_b else _DENSE_CUTS
    fitting = (name for name, most_active_b, most_b in cuts if active_b <= most_active_b and total_b <= most_b)
    return next(fitting, "ultra")


class Reach(NamedTuple):
    """The least factors between the central value and either bound."""

    output_divide: float
    output_multiply: float
    input_divide: float
    input_multiply: float


@cache
def reaches() -> dict[tuple[str, str], Reach]:
    """Return how far bounds must reach, by grade of evidence and tier: `data/energy/bounds.csv`, which says why."""
    return {
        (grade, row["tier"]): Reach(*(float(row[name]) for name in Reach._fields))
        for row in rows("energy/bounds.csv")
        for grade in row["evidence"]
    }


def widened(coefficients: Coefficients, evidence: str, tier: str) -> Coefficients:
    """Return the coefficients with bounds at least as far as the table asks for this evidence and tier.

    Published figures lie outside narrower ones. Bounds are set by class, never by model; they are only ever widened,
    and no central value moves.
    """
    reach = reaches().get((evidence, tier))
    if reach is None:
        return coefficients
    return Coefficients.generator(
        _reaching(coefficients.j_per_output_token, reach.output_divide, reach.output_multiply),
        _reaching(coefficients.j_per_input_token, reach.input_divide, reach.input_multiply),
    )


def _reaching(value: Range, divide: float, multiply: float) -> Range:
    return Range(min(value.low, value.central / divide), value.central, max(value.high, value.central * multiply))
