# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every PromQL query of the docs runs against the live Prometheus and returns data; of TraceQL, see traceql/."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from tests.stack.fenced import Query, fenced
from tests.stack.running import REPOSITORY, wait_until

if TYPE_CHECKING:
    from examples.stack.native import Stack

PAGE = (REPOSITORY / "docs" / "reference" / "queries.md").read_text(encoding="utf-8")


def test_every_question_has_queries_that_are_found_and_says_how_to_read_them() -> None:
    for language in ("promql", "traceql"):
        found = [query for query in fenced(language) if query.where.startswith("queries.md:")]
        assert len(found) == PAGE.count(f"```{language}") > 10
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE):
        assert "```" in text, title
        assert "*Read*" in text, title


@pytest.mark.parametrize("query", fenced("promql"), ids=str)
def test_promql_returns_data(stack: Stack, query: Query) -> None:
    def numbers() -> list[float]:
        return [float(series["value"][1]) for series in stack.query(query.text)]

    # A rate needs two samples of each series, and a record an evaluation after them.
    values = wait_until(query.where, numbers, within_s=30)
    assert all(map(math.isfinite, values)), values
