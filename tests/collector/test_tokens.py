# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Counts become the numbers that the processor makes of them."""

from __future__ import annotations

import json
from pathlib import Path

from carbonspan.usage._dialects import choose
from tests.collector import cases
from tests.collector.agreement import disagreements
from tests.collector.cases import Case

PACKAGES = Path(__file__).parents[1] / "data" / "spans" / "packages" / "usage.jsonl"


def test_counts_in_each_combination_are_those_of_the_processor() -> None:
    assert disagreements(cases.usages()) == {}


def test_one_side_or_only_a_total_comes_to_the_estimate_of_the_processor() -> None:
    assert disagreements(cases.one_side()) == {}


def test_what_each_package_writes_is_read_as_the_processor_reads_it() -> None:
    payloads = [json.loads(line) for line in PACKAGES.read_text(encoding="utf-8").splitlines()]
    given = [Case(payload["attributes"], payload["scope"]) for payload in payloads]
    plain = [case for case in given if not _is_text(case)]
    assert len(plain) > 0.85 * len(given)
    assert disagreements(plain) == {}


def _is_text(case: Case) -> bool:
    """Return whether a span's counts are in an object as text, which the Collector does not read."""
    dialect = choose(case.attributes, case.scope)
    objects = {source.attribute for source in (*dialect.sources, *dialect.details)} - {""}
    return bool(dialect.sources[0].attribute) or not objects.isdisjoint(case.attributes)
