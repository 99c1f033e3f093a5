# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of a span: exact sums in any order, bounded, and between threads without a lock."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from carbonspan.counting._ancestry import Totals
from tests.figures import figures
from tests.threads import at_once

ONE = figures()
amounts = st.floats(min_value=0, max_value=1e6)


@given(st.lists(amounts, max_size=400))
def test_a_sum_is_exact_in_any_order_and_bounded(values: list[float]) -> None:
    one, other = Totals(), Totals()
    for value in values:
        one.add(ONE._replace(emissions_central_g=value))
    for value in random.Random(1).sample(values, len(values)):
        other.add(ONE._replace(emissions_central_g=value))
    assert one.sum()[:2] == other.sum()[:2] == (len(values), float(sum(map(Fraction, values))))
    assert len(one) <= 65
    one.take(other)
    assert one.sum()[1] == math.fsum([*values, *values])
    assert one.sum()[0] == 2 * len(values)


def test_what_is_covered_is_told_by_sort() -> None:
    totals = Totals()
    assert not totals.covers()
    totals.cover(encodes=True)
    assert (totals.covers(), totals.covers(encodes=True), totals.covers(encodes=False)) == (True, True, False)
    for _ in range(200):
        totals.cover(encodes=True)
    assert not totals.covers(encodes=False)
    totals.add(ONE)
    assert totals.covers(encodes=False)
    assert totals.sum()[0] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_keeps_reports_bounded_whatever_a_thread_of_its_parent_was_at() -> None:
    code = """
import os
from carbonspan.counting import _ancestry
from tests.figures import figures

totals, one = _ancestry.Totals(), figures()
totals.add(one)
_ancestry._summing.lock.acquire()  # as a thread that is in the middle of it when another forks
if os.fork() == 0:
    for _ in range(1000):
        totals.add(one)
    os._exit(0 if len(totals) < 100 and totals.sum()[0] == 1001 else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own code


def test_threads_lose_nothing() -> None:
    totals = Totals()

    def add() -> None:
        for _ in range(1000):
            totals.add(ONE)

    at_once([add] * 8, meanwhile=totals.sum)
    assert totals.sum() == (
        8000,
        math.fsum([ONE.emissions_central_g] * 8000),
        math.fsum([ONE.energy_central_wh] * 8000),
    )
