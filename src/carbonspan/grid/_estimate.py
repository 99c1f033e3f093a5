# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What passes between the rungs and the resolver, and the percentile they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core.values import Basis, Quality, Range


class Estimate(NamedTuple):
    """What one rung says of one hour."""

    intensity_g_per_kwh: Range
    zone: str
    source: str
    basis: Basis
    quality: Quality
    accounting: str
    year: str


class Yearly(NamedTuple):
    """A yearly mean, with where it is from."""

    g_per_kwh: float
    source: str
    accounting: str
    year: str


def percentile(values: Iterable[float], share: float) -> float:
    """Return a percentile, interpolated between the two values next to it."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
