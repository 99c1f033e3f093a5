# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which spans are one call: by id, by tokens and times, bounded in number and time, between threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from carbonspan.core._outcome import Role
from carbonspan.counting._deduplicator import Deduplicator
from tests.figures import figures
from tests.threads import at_once

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures

COUNTED, DUPLICATE, CACHED = Role.INFERENCE, Role.DUPLICATE, Role.CACHED


def reported(
    response_id: str = "",
    start_ns: int = 0,
    *,
    scope: str = "a",
    provider: str = "openai",
    model: str = "gpt-4o",
    out: int = 300,
) -> Figures:
    return figures(model, provider, tokens=(1200, out, 0), response_id=response_id, start_ns=start_ns, scope=scope)


def test_answers_are_bounded_in_number_and_in_time() -> None:
    calls = Deduplicator(capacity=3, max_age_ns=100)
    for i in range(5):
        assert calls.judge(reported(f"r{i}", 20 * i)) == COUNTED
    assert len(calls) <= 3
    assert calls.evicted() == 2
    assert calls.judge(reported("r0", 1)) == COUNTED  # forgotten
    assert calls.judge(reported("r4", 85)) == DUPLICATE
    assert calls.judge(reported("r4", 90)) == CACHED
    assert calls.judge(reported("r4", 190)) == CACHED
    assert calls.judge(reported("r4", 191)) == COUNTED  # too long ago


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (reported("r", 5, scope="b"), DUPLICATE),
        (reported("r", 5), DUPLICATE),
        (reported("r", 10), CACHED),
        (reported("r", 10, out=301), COUNTED),  # a server that gives every answer one id
        (reported("r", 5, out=301), COUNTED),  # the same, at a time
        (reported("r", 5, out=301, scope="b"), DUPLICATE),  # instrumentations that count a stream differently
        (reported("r", 5, provider="azure.ai.openai", model="gpt-4o-2024-08-06", scope="b"), DUPLICATE),
        (reported("", 5, provider="azure.ai.openai", scope="b"), DUPLICATE),
        (reported("", 5, provider="", scope="b"), DUPLICATE),
        (reported("", 5, provider="anthropic", scope="b"), COUNTED),
        (reported("r", 5, model="gpt-5", out=301), COUNTED),
        (reported("other", 5, scope="b"), COUNTED),  # two calls at a time
        (reported("", 5, scope="b"), DUPLICATE),  # an instrumentation that writes no id
        (reported("", 5), COUNTED),  # of one instrumentation: two calls
        (reported("", 10, scope="b"), COUNTED),
        (reported("", 5, scope="b", out=301), COUNTED),
    ],
)
def test_what_is_the_same_call(other: Figures, verdict: str) -> None:
    calls = Deduplicator()
    assert calls.judge(reported("r")) == COUNTED
    assert calls.judge(other) == verdict


def test_one_without_an_id_ties_once_to_each_instrumentation() -> None:
    calls = Deduplicator()
    assert [calls.judge(reported("", 0, scope=scope)) for scope in "aabbccb"] == [
        *(COUNTED, COUNTED),  # two calls at a time, as one instrumentation has them
        *(DUPLICATE, DUPLICATE),  # as a second
        *(DUPLICATE, DUPLICATE),  # and a third has them
        COUNTED,
    ]
    assert calls.judge(reported("r", 0, scope="d")) == DUPLICATE
    assert calls.judge(reported("r", 0, scope="e")) == DUPLICATE  # by the id it has learnt


def test_an_id_that_a_nested_duplicate_had_is_known() -> None:
    calls = Deduplicator()
    calls.remember(reported("r"))
    assert calls.judge(reported("r", 5, scope="b")) == DUPLICATE


def test_an_answer_that_comes_again_costs_no_look_at_all_the_others() -> None:
    calls = Deduplicator()
    for n in range(1000):
        calls.judge(reported(f"r{n}", n, out=n))
    assert calls.judge(reported("r7", 5000, out=7)) is CACHED
    assert calls._indexed == 0  # with one instrumentation only there is nothing to tie


def test_a_call_that_two_spans_reported_by_its_id_is_of_both_their_instrumentations() -> None:
    calls = Deduplicator()
    assert calls.judge(reported("r")) is COUNTED
    assert calls.judge(reported("r", scope="b")) is DUPLICATE
    assert calls.judge(reported(scope="c")) is DUPLICATE  # by its tokens
    assert calls.judge(reported(scope="b")) is COUNTED  # two of one instrumentation are two calls


def test_calls_alike_are_bounded() -> None:
    calls = Deduplicator(capacity=10)
    calls.judge(reported("", -100, scope="b"))  # with one instrumentation only there is nothing to tie
    for i in range(100):
        calls.judge(reported("", i))
        calls.judge(reported("", i, out=i))
    assert len(calls) <= 10
    assert max(map(len, calls._by_tokens.values())) <= 64
    assert calls._indexed == sum(map(len, calls._by_tokens.values())) <= 64
    many = Deduplicator(capacity=100)
    many.judge(reported("", -100, scope="b"))
    for i in range(2000):
        many.judge(reported("", i, out=i % 50))
    assert many._indexed == sum(map(len, many._by_tokens.values())) <= 100


def test_calls_without_an_id_that_go_while_they_may_be_tied_are_counted() -> None:
    calls = Deduplicator(capacity=3)
    for n in range(5):  # all at one time, of different tokens
        calls.judge(reported(out=300 + n))
    assert calls.evicted() == 0  # with one instrumentation only there is nothing to tie
    calls.judge(reported(start_ns=-100, out=1, scope="b"))
    for n in range(2):
        calls.judge(reported(out=400 + n))
    assert calls.evicted() == 3


def test_many_threads_at_once_count_each_call_once() -> None:
    calls = Deduplicator()
    found: list[Role] = []

    def report(scope: str) -> None:
        found.extend(calls.judge(reported(f"r{i}", i, scope=scope)) for i in range(300))

    at_once(partial(report, scope) for scope in "abcdefgh")
    assert found.count(COUNTED) == 300
    assert found.count(DUPLICATE) == 7 * 300


def test_threads_that_make_room_at_once_raise_nothing_and_the_count_of_calls_comes_right() -> None:
    calls, raised = Deduplicator(capacity=4), []
    seen = [reported("", n, out=n % 9, scope=scope) for n in range(9) for scope in "ab"]

    def report(first: int) -> None:
        for n in range(first, first + 8000):
            one = seen[n * 7 % len(seen)]
            try:
                calls.judge(one._replace(start_ns=n))
            except KeyError as error:
                raised.append(error)

    at_once(partial(report, n) for n in range(4))
    assert not raised
    for n in range(20):
        calls.judge(reported("", 10_000 + n, out=n))
    assert calls._indexed == sum(map(len, calls._by_tokens.values())) == 4
