# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Widens coefficients where published figures lie outside them: by class, never by model.

`data/energy/bounds.csv` names, for each grade of evidence and each tier, how far either side must reach at least, and
why. It only ever widens, and never moves a central value.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows
from carbonspan.core.values import Range
from carbonspan.energy._coefficients import Coefficients


class Reach(NamedTuple):
    """The least factors between the central value and either bound."""

    output_divide: float
    output_multiply: float
    input_divide: float
    input_multiply: float


@cache
def reaches() -> dict[tuple[str, str], Reach]:
    """Return the table: (grade of evidence, tier) to reach."""
    return {
        (grade, row["tier"]): Reach(*(float(row[name]) for name in Reach._fields))
        for row in rows("energy/bounds.csv")
        for grade in row["evidence"]
    }


def widened(coefficients: Coefficients, evidence: str, tier: str) -> Coefficients:
    """Return the coefficients with bounds at least as far as the table asks for this evidence and tier."""
    reach = reaches().get((evidence, tier))
    if reach is None:
        return coefficients
    return Coefficients.generator(
        _reaching(coefficients.j_per_output_token, reach.output_divide, reach.output_multiply),
        _reaching(coefficients.j_per_input_token, reach.input_divide, reach.input_multiply),
    )


def _reaching(value: Range, divide: float, multiply: float) -> Range:
    return Range(min(value.low, value.central / divide), value.central, max(value.high, value.central * multiply))
