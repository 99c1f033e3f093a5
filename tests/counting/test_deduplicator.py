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
ID, OTHER_ID = "chatcmpl-AhjeKEjaCp7MqGMuzpxwV7SZ8MvmT", "chatcmpl-BkYw3Rz9fQm2LxT6vNc8HsD4pJg1e"
SECOND_NS = 1_000_000_000


def unguessable(n: int) -> str:
    return f"{ID[:-4]}{n:04d}"


def reported(
    response_id: str = "",
    start_ns: int = 0,
    *,
    scope: str = "a",
    provider: str = "openai",
    model: str = "gpt-4o",
    out: int = 300,
    end_ns: int | None = None,
    server: str = "",
    operation: str = "chat",
) -> Figures:
    return figures(
        model,
        provider,
        tokens=(1200, out, 0),
        response_id=response_id,
        start_ns=start_ns,
        end_ns=end_ns,
        scope=scope,
        server=server,
        operation=operation,
    )


def test_answers_are_bounded_in_number_and_in_time() -> None:
    calls = Deduplicator(capacity=3, max_age_ns=100)
    for i in range(5):
        assert calls.judge(reported(unguessable(i), 20 * i)) == COUNTED
    assert len(calls) <= 3
    assert calls.evicted() == 2
    assert calls.judge(reported(unguessable(0), 1)) == COUNTED  # forgotten
    assert calls.judge(reported(unguessable(4), 85)) == DUPLICATE
    assert calls.judge(reported(unguessable(4), 90)) == CACHED
    assert calls.judge(reported(unguessable(4), 190)) == CACHED
    assert calls.judge(reported(unguessable(4), 191)) == COUNTED  # too long ago


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (reported(ID, 5, scope="b"), DUPLICATE),
        (reported(ID, 5), DUPLICATE),
        (reported(ID, 10), CACHED),
        (reported(ID, 10, out=301), COUNTED),  # a server that gives every answer one id
        (reported(ID, 5, out=301), COUNTED),  # the same, at a time
        (reported(ID, 5, out=301, scope="b"), DUPLICATE),  # instrumentations that count a stream differently
        (reported(ID, 30 * SECOND_NS, out=301, scope="b"), DUPLICATE),  # the server's clock
        (reported(ID, 90 * SECOND_NS, out=301, scope="b"), COUNTED),
        (reported(ID, 90 * SECOND_NS, scope="b"), DUPLICATE),  # no sign of a cache, and the same answer all the same
        (reported(ID, 10, model="our-deployment"), CACHED),
        (reported(ID, 10, model="gpt-5"), COUNTED),
        (reported(ID, 5, provider="azure.ai.openai", model="gpt-4o-2024-08-06", scope="b"), DUPLICATE),
        (reported(ID, 5, server="inside.example", scope="b"), DUPLICATE),  # as the server's own span names itself
        (reported("", 5, provider="azure.ai.openai", scope="b"), DUPLICATE),
        (reported("", 5, provider="", scope="b"), DUPLICATE),
        (reported("", 5, provider="anthropic", scope="b"), COUNTED),
        (reported("", 5, model="gpt-5", scope="b"), COUNTED),
        (reported("", 5, model="our-deployment", scope="b"), DUPLICATE),
        (reported("", 5, server="a.example", scope="b"), DUPLICATE),
        (reported("", 5, server="b.example", scope="b"), COUNTED),
        (reported(ID, 5, model="gpt-5", out=301), COUNTED),
        (reported(OTHER_ID, 5, scope="b"), COUNTED),  # two calls at a time
        (reported("", 5, scope="b"), DUPLICATE),  # an instrumentation that writes no id
        (reported("", 5), COUNTED),  # of one instrumentation: two calls
        (reported("", 10, scope="b"), COUNTED),
        (reported("", 5, scope="b", out=301), COUNTED),
    ],
)
def test_what_is_the_same_call(other: Figures, verdict: str) -> None:
    calls = Deduplicator()
    assert calls.judge(reported(ID, server="a.example")) == COUNTED
    assert calls.judge(other) == verdict


@pytest.mark.parametrize("response_id", ["chatcmpl-7", "chatcmpl-123", "r", "gpt-4o"])
@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (reported("?", 5, scope="b"), DUPLICATE),
        (reported("?", 5), COUNTED),  # equal calls at a time
        (reported("?", 10), COUNTED),  # never a cache's answer
        (reported("?", 10, scope="b"), COUNTED),
        (reported("?", 5, out=301, scope="b"), COUNTED),
        (reported("?", 5, model="gpt-5", scope="b"), COUNTED),
        (reported("?", 5, server="b.example", scope="b"), COUNTED),
        (reported("", 5, scope="b"), DUPLICATE),
        (reported("chatcmpl-8", 5, scope="b"), COUNTED),
    ],
)
def test_an_id_that_can_be_guessed_is_no_proof(response_id: str, other: Figures, verdict: str) -> None:
    calls = Deduplicator()
    assert calls.judge(reported(response_id, server="a.example")) == COUNTED
    other = other._replace(response_id=other.response_id.replace("?", response_id))
    assert calls.judge(other) == verdict


@pytest.mark.parametrize(("response_id", "verdict"), [("r", DUPLICATE), ("chatcmpl-7", COUNTED)])
def test_other_output_under_an_id_that_does_not_count_is_of_one_call_where_one_span_holds_the_other(
    response_id: str, verdict: str
) -> None:
    calls = Deduplicator()
    assert calls.judge(reported(response_id)) == COUNTED
    assert calls.judge(reported(response_id, 2, end_ns=9, out=301, scope="b")) == verdict


def test_an_id_that_came_with_other_tokens_is_none_from_then_on() -> None:
    calls = Deduplicator()
    assert calls.judge(reported(ID)) == COUNTED
    assert calls.judge(reported(ID, 20, out=301)) == COUNTED
    assert calls.judge(reported(ID, 40)) == COUNTED
    assert calls.judge(reported(ID, 60)) == COUNTED
    assert calls.judge(reported(ID, 61, scope="b")) == DUPLICATE


def test_of_several_calls_the_nearest_in_time_is_meant() -> None:
    calls = Deduplicator()
    for start_ns in (0, 6, 12):
        assert calls.judge(reported("", start_ns)) == COUNTED
    for start_ns in (0, 6, 12):  # with the last that overlaps, none would be left for the third
        assert calls.judge(reported("", start_ns, scope="b")) == DUPLICATE


def test_what_any_of_its_spans_says_of_who_answered_counts() -> None:
    calls = Deduplicator()
    assert calls.judge(reported()) == COUNTED
    assert calls.judge(reported(scope="b", server="one.example")) == DUPLICATE
    assert calls.judge(reported(scope="c", server="two.example")) == COUNTED


def test_calls_that_ended_long_before_cost_no_look() -> None:
    calls = Deduplicator()
    assert calls.judge(reported("", 0, end_ns=5000)) == COUNTED  # ends first of all, by its times last
    for n in range(16):
        assert calls.judge(reported("", 10 * n)) == COUNTED
    assert calls.judge(reported("", 4000, scope="b", end_ns=5000)) == DUPLICATE
    assert calls.judge(reported("", 10 * 16)) == COUNTED
    assert calls.judge(reported("", 4000, scope="c", end_ns=5000)) == COUNTED  # not found any more


def test_embeddings_are_compared_with_embeddings() -> None:
    calls = Deduplicator()
    assert calls.judge(reported(operation="embeddings", model="text-embedding-3-small")) == COUNTED
    assert calls.judge(reported(scope="b")) == COUNTED
    assert calls.judge(reported(operation="embeddings", model="text-embedding-3-small", scope="b")) == DUPLICATE


@pytest.mark.parametrize("response_id", [ID, "chatcmpl-7", ""])
def test_a_nested_duplicate_takes_its_call_for_its_instrumentation(response_id: str) -> None:
    calls = Deduplicator()
    assert calls.judge(reported(response_id, 1)) == COUNTED
    calls.remember(reported(response_id, 0, scope="outer"))
    assert calls.judge(reported("", 2, scope="outer")) == COUNTED  # another call


def test_a_cache_s_answer_is_known_where_only_the_outer_span_comes_again() -> None:
    calls = Deduplicator()
    assert calls.judge(reported(ID, 1)) == COUNTED
    calls.remember(reported(ID, 0, end_ns=12, scope="outer"))
    assert calls.judge(reported(ID, 50, scope="outer")) == CACHED


def test_one_without_an_id_ties_once_to_each_instrumentation() -> None:
    calls = Deduplicator()
    assert [calls.judge(reported("", 0, scope=scope)) for scope in "aabbccb"] == [
        *(COUNTED, COUNTED),  # two calls at a time, as one instrumentation has them
        *(DUPLICATE, DUPLICATE),  # as a second
        *(DUPLICATE, DUPLICATE),  # and a third has them
        COUNTED,
    ]
    assert calls.judge(reported(ID, 0, scope="d")) == DUPLICATE
    assert calls.judge(reported(ID, 0, scope="e", out=301)) == DUPLICATE  # by the id it has learnt


@pytest.mark.parametrize("response_id", [ID, "r"])
def test_an_id_that_a_nested_duplicate_had_is_known(response_id: str) -> None:
    calls = Deduplicator()
    calls.remember(reported(response_id))
    assert calls.judge(reported(response_id, 5, scope="b")) == DUPLICATE


def test_an_answer_that_comes_again_costs_no_look_at_all_the_others() -> None:
    calls = Deduplicator()
    for n in range(1000):
        calls.judge(reported(unguessable(n), n, out=n))
    assert calls.judge(reported(unguessable(7), 5000, out=7)) is CACHED
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
    for i in range(400):
        calls.judge(reported("", i))
        calls.judge(reported("", i, out=i))
    assert len(calls) <= 10
    assert max(map(len, calls._by_tokens.values())) <= 256
    assert calls._indexed == sum(map(len, calls._by_tokens.values())) <= 256
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
        found.extend(calls.judge(reported(unguessable(i), i, scope=scope)) for i in range(300))

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
