# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""When a source is asked again."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from carbonspan.grid.source import BadAnswer, GridError, NotCovered, RateLimited, Unauthorised, Unavailable
from carbonspan.live._backoff import (
    FAILED_S,
    JITTER_S,
    LIMITED_S,
    LONGEST_WAIT_S,
    REFUSED_S,
    Attempt,
    answered,
    answered_for_past,
    failed,
)
from carbonspan.live._clock import DAY_S, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_S = 1_772_453_400.0  # 2026-03-02T12:10:00Z


def test_after_an_answer_the_next_hour_a_few_minutes_late() -> None:
    attempt = answered(NOW_S, 24, Random(1))
    late_s = attempt.next_s - (NOW_S // HOUR_S + 1) * HOUR_S
    assert JITTER_S[0] <= late_s <= JITTER_S[1]
    assert (attempt.outcome, attempt.failures, attempt.success_s) == ("ok", 0, NOW_S)
    assert answered(NOW_S, 0, Random(1)).outcome == "empty"
    assert not attempt.due(NOW_S)
    assert attempt.due(attempt.next_s)


@pytest.mark.parametrize(
    ("error", "waits_s"),
    [
        (lambda: Unauthorised("x", "h"), REFUSED_S),
        (lambda: NotCovered("x", "h"), REFUSED_S),
        (lambda: RateLimited("x", "h"), LIMITED_S),
        (lambda: Unavailable("x", "h"), FAILED_S),
        (lambda: BadAnswer("x", "h"), FAILED_S),
        (lambda: GridError("x", "h"), FAILED_S),
        (lambda: ZeroDivisionError("secret"), FAILED_S),
    ],
)
def test_failures_in_a_row_wait_longer_and_longer_and_none_for_ever(
    error: Callable[[], Exception], waits_s: tuple[float, ...]
) -> None:
    attempt, now_s = Attempt(success_s=5.0), NOW_S
    for wait_s in (*waits_s, waits_s[-1], waits_s[-1]):
        before, attempt = attempt, failed(attempt, now_s, error(), Random(2))
        assert wait_s <= attempt.next_s - now_s <= wait_s * 1.25
        assert (attempt.failures, attempt.success_s) == (before.failures + 1, 5.0)
        now_s = attempt.next_s
    assert answered(now_s, 1, Random(3)).failures == 0


def test_a_refused_key_is_tried_again_within_minutes() -> None:
    assert REFUSED_S[0] <= 60
    assert all(earlier < later for earlier, later in pairwise(REFUSED_S))


@pytest.mark.parametrize("kind", [RateLimited, Unavailable])
def test_what_a_source_asks_for_is_kept_up_to_a_day(kind: type[RateLimited | Unavailable]) -> None:
    def wait_s(retry_after_s: float) -> float:
        return failed(Attempt(), NOW_S, kind("x", retry_after_s=retry_after_s), Random(4)).next_s - NOW_S

    assert wait_s(7200.0) == 7200.0
    assert wait_s(1e9) == LONGEST_WAIT_S
    assert wait_s(1.0) >= 30.0


def test_an_error_of_another_kind_is_named_by_its_type_alone() -> None:
    attempt = failed(Attempt(), NOW_S, KeyError("token=abc"), Random(5))
    assert (attempt.outcome, attempt.hint) == ("error", "the source raised KeyError")


@pytest.mark.parametrize("kind", [BadAnswer, RateLimited, Unauthorised, Unavailable])
def test_an_error_without_a_hint_gets_the_usual_one_of_its_outcome(kind: type[GridError]) -> None:
    assert failed(Attempt(), NOW_S, kind("x", "ask later"), Random(5)).hint == "ask later"
    assert kind.usual_hint
    assert failed(Attempt(), NOW_S, kind("x"), Random(5)).hint == kind.usual_hint


def test_a_day_of_the_past_is_asked_for_once_a_day() -> None:
    attempt = answered_for_past(NOW_S, 2)
    assert (attempt.outcome, attempt.next_s) == ("ok", NOW_S + DAY_S)
    assert answered_for_past(NOW_S, 0).outcome == "empty"


@given(st.floats(0, 4e9), st.floats(-4e9, 4e9), st.integers(0, 20))
def test_no_clock_holds_an_attempt_up_for_longer_than_a_day(now_s: float, jump_s: float, failures: int) -> None:
    attempt = failed(Attempt(failures=failures), now_s, Unauthorised("x"), Random(6))
    later_s = now_s + jump_s
    # whatever the clock says now, it is due a day from then
    assert attempt.due(later_s) or attempt.due(later_s + LONGEST_WAIT_S + 60)
