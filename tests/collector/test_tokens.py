# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Counts become the numbers that the processor makes of them."""

from __future__ import annotations

from tests.collector import cases
from tests.collector.agreement import disagreements


def test_counts_in_each_combination_are_those_of_the_processor() -> None:
    assert disagreements(cases.usages()) == {}
