# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of token counts, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from carbonspan.usage._counts import MAX_TOKENS, NOTHING, Raw, Reading, _consistent, consistent, count

UNKNOWN = Reading()
INCLUDES = Reading(input_includes_cache=True, output_includes_reasoning=True)
EXCLUDES = Reading(input_includes_cache=False, output_includes_reasoning=False)
XAI = Reading(input_includes_cache=True, output_includes_reasoning=True, total_includes_thoughts=True)
GOOGLE = XAI._replace(total_includes_tools=True)
RAW_GOOGLE = GOOGLE._replace(output_includes_reasoning=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1200, 1200),
        (1200.0, 1200),
        ("1200", 1200),
        (" 1200\n", 1200),
        ("0", 0),
        (str(MAX_TOKENS), MAX_TOKENS),
        (str(MAX_TOKENS + 1), None),
        ("1200.5", None),
        ("1,200", None),
        ("1_200", None),
        ("+1200", None),
        ("NaN", None),
        (MAX_TOKENS, MAX_TOKENS),
        (float(MAX_TOKENS), MAX_TOKENS),
        (MAX_TOKENS + 1, None),
        (MAX_TOKENS + 1.0, None),
        (-1, None),
        (-0.5, None),
        (0.5, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (False, None),
        (None, None),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("1200.0", 1200),
        ("12\x1f", 12),
        ("\u200312 ", 12),
        ("٣", None),
        ("²", None),
        ("9" * 10_000, None),
        ((1,), None),
        ([1], None),
        (b"1", None),
    ],
)
def test_count(value: object, expected: int | None) -> None:
    got = count(value)
    assert got == expected
    assert type(got) is type(expected)


def raw(
    tokens_in: object = None,
    tokens_out: object = None,
    *,
    cached: object = None,
    write: object = None,
    reasoning: object = None,
    total: object = None,
) -> Raw:
    return tokens_in, tokens_out, cached, write, reasoning, total


@pytest.mark.parametrize(
    ("given_counts", "reading", "expected"),
    [
        # As they stand.
        (raw(1200, 300, cached=1000, reasoning=200), INCLUDES, (1200, 300, 1000, None, 200, "")),
        (raw(1200, 300, cached=0, write=0, reasoning=0), EXCLUDES, (1200, 300, 0, 0, 0, "")),
        # The dialect leaves the cache out.
        (raw(1100, 300, cached=90, write=10), EXCLUDES, (1200, 300, 90, 10, None, "")),
        # More cache than input shows it, whatever the table says.
        (raw(200, 300, cached=900, write=100), INCLUDES, (1200, 300, 900, 100, None, "")),
        (raw(200, 300, cached=900, write=100), UNKNOWN, (1200, 300, 900, 100, None, "")),
        # As much cache as input: all of it was cached.
        (raw(1000, 300, cached=900, write=100), UNKNOWN, (1000, 300, 900, 100, None, "")),
        # A total that only adds up with the cache shows it, where the dialect is unknown.
        (raw(1000, 300, cached=200, total=1500), UNKNOWN, (1200, 300, 200, None, None, "")),
        (raw(1000, 300, cached=200, total=1300), UNKNOWN, (1000, 300, 200, None, None, "")),
        # It overrules the table; one that adds up as the table has it, or in no way, does not.
        (raw(1000, 300, cached=200, total=1500), INCLUDES, (1200, 300, 200, None, None, "")),
        (raw(100, 30, cached=80, total=130), INCLUDES, (100, 30, 80, None, None, "")),
        (raw(100, 30, cached=80, total=210), INCLUDES, (180, 30, 80, None, None, "")),
        (raw(100, 50, cached=80, total=130), INCLUDES, (100, 50, 80, None, None, "")),
        (raw(100, 50, cached=80, total=130), EXCLUDES, (180, 50, 80, None, None, "")),
        (raw(1000, 300, cached=200, total=1301), INCLUDES, (1000, 300, 200, None, None, "")),
        (raw(1000, 300, write=200, total=1500), INCLUDES, (1200, 300, None, 200, None, "")),
        (raw(100.0, "30", cached="80", total=210.0), INCLUDES, (180, 30, 80, None, None, "")),
        # A sum of the sides as they stand is what instrumentations make themselves.
        (raw(1000, 300, cached=200, total=1300), EXCLUDES, (1200, 300, 200, None, None, "")),
        (raw(1000, 300, cached=200, total=1500), EXCLUDES, (1200, 300, 200, None, None, "")),
        # What was read is inside, what was written is not; and the other way.
        (raw(1100, 300, cached=900, write=100, total=1500), INCLUDES, (1200, 300, 900, 100, None, "")),
        (raw(1100, 300, cached=900, write=100, total=1500), EXCLUDES, (1200, 300, 900, 100, None, "")),
        (raw(1100, 300, cached=100, write=900, total=1500), UNKNOWN, (1200, 300, 100, 900, None, "")),
        (raw(910, 300, cached=900, write=100, total=1310), INCLUDES, (1010, 300, 900, 100, None, "")),
        # The cache and the reasoning, both.
        (raw(200, 100, cached=1000, reasoning=200, total=1500), INCLUDES, (1200, 300, 1000, None, 200, "")),
        (raw(2000, 300, cached=1000, reasoning=200, total=3500), INCLUDES, (3000, 500, 1000, None, 200, "")),
        (raw(2000, 300, cached=1000, reasoning=200, total=3300), INCLUDES, (3000, 300, 1000, None, 200, "")),
        (raw(2000, 300, cached=1000, reasoning=200, total=2500), EXCLUDES, (2000, 500, 1000, None, 200, "")),
        (raw(2000, 300, cached=1000, reasoning=200, total=3300), EXCLUDES, (3000, 300, 1000, None, 200, "")),
        (raw(2000, 300, cached=1000, reasoning=200, total=2300), EXCLUDES, (3000, 500, 1000, None, 200, "")),
        # Beside Google's sides are its thoughts, however many were cached.
        (raw(1200, 100, cached=200, total=1500), GOOGLE, (1200, 300, 200, None, None, "")),
        # Its total holds them once: an output that makes it up with the input has them inside.
        (raw(1200, 300, reasoning=200, total=1500), RAW_GOOGLE, (1200, 300, None, None, 200, "")),
        (raw(1200, 100, reasoning=200, total=1500), RAW_GOOGLE, (1200, 300, None, None, 200, "")),
        (raw(1200, 300, reasoning=200), RAW_GOOGLE, (1200, 500, None, None, 200, "")),
        # Reasoning left out: by the table, or by arithmetic, whatever the table says.
        (raw(1200, 100, reasoning=200), EXCLUDES, (1200, 300, None, None, 200, "")),
        (raw(1200, 100, reasoning=200), UNKNOWN, (1200, 300, None, None, 200, "")),
        (raw(1200, 100, reasoning=200), GOOGLE, (1200, 300, None, None, 200, "")),
        (raw(1200, 100, reasoning=200), INCLUDES, (1200, 300, None, None, 200, "")),
        (raw(12, 1, reasoning=386, total=399), INCLUDES, (12, 387, None, None, 386, "")),
        (raw(12, 500, reasoning=386, total=898), INCLUDES, (12, 886, None, None, 386, "")),
        (raw(12, 500, reasoning=386, total=898), UNKNOWN, (12, 886, None, None, 386, "")),
        (raw(10, 500, cached=2, reasoning=386, total=898), EXCLUDES, (12, 886, 2, None, 386, "")),
        (raw(12, 500, reasoning=386, total=512), INCLUDES, (12, 500, None, None, 386, "")),
        (raw(12, 500, reasoning=386, total=900), INCLUDES, (12, 500, None, None, 386, "")),
        (raw(12, 500, reasoning=0, total=900), INCLUDES, (12, 500, None, None, 0, "")),
        (raw(1200, 300, reasoning=200), UNKNOWN, (1200, 300, None, None, 200, "")),
        # Google's total holds thoughts; nobody else's does, and a short total takes nothing away.
        (raw(1200, 100, total=1500), GOOGLE, (1200, 300, None, None, None, "")),
        (raw(1200, 300, total=1500), GOOGLE, (1200, 300, None, None, None, "")),
        (raw(1200, 300, total=1300), GOOGLE, (1200, 300, None, None, None, "")),
        (raw(1200, 100, total=1500), UNKNOWN, (1200, 100, None, None, None, "")),
        # What it holds beyond the thoughts are prompts of tools: input. They are told apart by reasoning, else by size.
        (raw(100, 850, reasoning=800, total=20950), GOOGLE, (20100, 850, None, None, 800, "")),
        (raw(100, 50, reasoning=800, total=20950), GOOGLE, (20100, 850, None, None, 800, "")),
        (raw(100, 50, total=8342), GOOGLE, (100, 8242, None, None, None, "")),
        (raw(100, 50, total=8343), GOOGLE, (8293, 50, None, None, None, "")),
        (raw(100, 50, reasoning=0, total=950), GOOGLE, (100, 850, None, None, 0, "")),
        (raw(100, 50, total=20950), XAI, (100, 20850, None, None, None, "")),
        (raw(None, 100, total=50), GOOGLE, (None, 100, None, None, None, "partial_usage")),
        # One side from the total.
        (raw(1200, None, total=1500), UNKNOWN, (1200, 300, None, None, None, "")),
        (raw(None, 300, total=1500), UNKNOWN, (1200, 300, None, None, None, "")),
        (raw(1200, None, reasoning=200, total=1500), EXCLUDES, (1200, 300, None, None, 200, "")),
        (raw(-1, 300, cached=5, total=1500), UNKNOWN, (1200, 300, 5, None, None, "")),
        (raw(1200, "many", reasoning=5, total=1500), UNKNOWN, (1200, 300, None, None, 5, "")),
        # A zero beside a larger total was no count, unless the cache or the reasoning is what the total holds.
        (raw(0, 300, total=1500), UNKNOWN, (1200, 300, None, None, None, "")),
        (raw(1200, 0, total=1500), UNKNOWN, (1200, 300, None, None, None, "")),
        (raw(1200, 0, total=1200), UNKNOWN, (1200, 0, None, None, None, "")),
        (raw(0, 300, total=300), UNKNOWN, (0, 300, None, None, None, "")),
        (raw(0, 300), UNKNOWN, (0, 300, None, None, None, "")),
        (raw(1200, 0), UNKNOWN, (1200, 0, None, None, None, "")),
        (raw(0, 300, cached=1000, total=1300), UNKNOWN, (1000, 300, 1000, None, None, "")),
        (raw(1000, 0, cached=500, total=1500), UNKNOWN, (1500, 0, 500, None, None, "")),
        (raw(1000, 0, reasoning=386, total=1386), EXCLUDES, (1000, 386, None, None, 386, "")),
        # One side, or only the total.
        (raw(1200, None, total=1000), UNKNOWN, (1200, None, None, None, None, "partial_usage")),
        (raw(None, 300, total=200), UNKNOWN, (None, 300, None, None, None, "partial_usage")),
        (raw(1200, None, total=1200), UNKNOWN, (1200, None, None, None, None, "partial_usage")),
        (raw(None, 300, total=300), UNKNOWN, (None, 300, None, None, None, "partial_usage")),
        (raw(1200, None, total=True), UNKNOWN, (1200, None, None, None, None, "partial_usage")),
        (raw(1200, float("nan")), UNKNOWN, (1200, None, None, None, None, "partial_usage")),
        (raw("abc", 300), UNKNOWN, (None, 300, None, None, None, "partial_usage")),
        (raw(1200, None), UNKNOWN, (1200, None, None, None, None, "partial_usage")),
        (raw(1200, None, cached=200, reasoning=7), EXCLUDES, (1400, None, 200, None, 7, "partial_usage")),
        (raw(None, 300, cached=900, write=100), EXCLUDES, (None, 300, 900, 100, None, "partial_usage")),
        (raw(total=1500), UNKNOWN, (None, None, None, None, None, "partial_usage")),
        (raw(-1, float("nan"), total=1500), UNKNOWN, (None, None, None, None, None, "partial_usage")),
        (raw(0, 0, total=1500), UNKNOWN, (None, None, None, None, None, "partial_usage")),
        (raw(0, None), UNKNOWN, (0, None, None, None, None, "no_usage")),
        (raw(None, 0), UNKNOWN, (None, 0, None, None, None, "no_usage")),
        (raw(total=0), UNKNOWN, NOTHING),
        # Nothing, or zeros for nothing; details without their whole mean nothing.
        (raw(), UNKNOWN, NOTHING),
        (raw(0, 0), UNKNOWN, (0, 0, None, None, None, "no_usage")),
        (raw(0, 0, cached=900), UNKNOWN, (900, 0, 900, None, None, "")),
        (raw(cached=900, write=100, reasoning=200), UNKNOWN, NOTHING),
        # Impossible.
        (raw(-1, "many", cached=5, total=float("nan")), UNKNOWN, (None, None, None, None, None, "invalid_usage")),
        (raw(0, "many"), UNKNOWN, (0, None, None, None, None, "invalid_usage")),
        (raw(total="many"), UNKNOWN, (None, None, None, None, None, "invalid_usage")),
        (raw(1200, 300, cached=-1, write="x", reasoning=0.5), UNKNOWN, (1200, 300, None, None, None, "")),
    ],
)
def test_consistent(given_counts: Raw, reading: Reading, expected: tuple[object, ...]) -> None:
    assert consistent(given_counts, reading) == expected


@pytest.mark.parametrize(
    ("given_counts", "expected"),
    [
        (raw(800), (800, 0, None, None, None, "")),
        (raw(800, 0), (800, 0, None, None, None, "")),
        (raw(800, 5), (800, 5, None, None, None, "")),
        (raw(total=800), (800, 0, None, None, None, "")),
        (raw(0, 0, total=800), (800, 0, None, None, None, "")),
        (raw(-1, total=800), (800, 0, None, None, None, "")),
        (raw(800, -1), (800, 0, None, None, None, "")),
        (raw(None, 5), (None, 5, None, None, None, "partial_usage")),
        (raw(800, total=900), (800, 0, None, None, None, "")),
        (raw(0), (0, 0, None, None, None, "no_usage")),
        (raw(), (None, 0, None, None, None, "no_usage")),
    ],
)
def test_an_embeddings_missing_output_is_zero(given_counts: Raw, expected: tuple[object, ...]) -> None:
    for reading in (UNKNOWN, INCLUDES, GOOGLE):
        assert consistent(given_counts, reading, output_optional=True) == expected


VALUE = st.one_of(st.none(), st.integers(), st.integers(0, 2000), st.floats(), st.text(max_size=4), st.booleans())
FLAG = st.sampled_from([True, False, None])


@given(
    given_counts=st.tuples(VALUE, VALUE, VALUE, VALUE, VALUE, VALUE),
    reading=st.builds(Reading, FLAG, FLAG, st.booleans(), st.booleans()),
    output_optional=st.booleans(),
)
def test_consistent_counts_are_consistent(given_counts: Raw, reading: Reading, output_optional: bool) -> None:  # noqa: FBT001 (Hypothesis gives it)
    tokens_in, tokens_out, cached, write, reasoning, problem = consistent(
        given_counts, reading, output_optional=output_optional
    )
    partial = problem == "partial_usage"
    assert (cached or 0) + (write or 0) <= (tokens_in or 0) or (partial and tokens_in is None)
    assert (reasoning or 0) <= (tokens_out or 0) or (partial and tokens_out is None)
    assert (problem == "") == (tokens_in is not None and tokens_out is not None and tokens_in + tokens_out > 0)
    assert partial <= (tokens_in is None or tokens_out is None)
    assert not partial or tokens_in or tokens_out or count(given_counts[-1])


@given(
    fresh=st.integers(1, 10**6),
    details=st.tuples(*[st.integers(0, 10**6)] * 3),
    said=st.integers(0, 10**6),
    beside=st.tuples(st.booleans(), st.booleans()),
    table=st.tuples(FLAG, FLAG),
)
def test_a_total_beyond_the_sides_shows_what_is_beside_them(
    fresh: int,
    details: tuple[int, int, int],
    said: int,
    beside: tuple[bool, bool],
    table: tuple[bool | None, bool | None],
) -> None:
    cached, write, reasoning = details
    parts = {cached, write, cached + write, reasoning, cached + reasoning, write + reasoning, sum(details)}
    apart = len(parts) == 7 and 0 not in parts  # no two ways of adding up come to the same
    no_cache, no_reasoning = beside
    if not apart or not any(beside):
        return
    tokens_in, tokens_out = fresh + cached + write, said + reasoning
    given_counts = (
        fresh if no_cache else tokens_in,
        said if no_reasoning else tokens_out,
        cached,
        write,
        reasoning,
        tokens_in + tokens_out,
    )
    assert consistent(given_counts, Reading(*table)) == (tokens_in, tokens_out, cached, write, reasoning, "")


plain = st.none() | st.booleans() | st.integers(-2, 50) | st.sampled_from([MAX_TOKENS + 1, 5.0, "7", ""])


@given(
    st.tuples(plain, plain, plain, plain, plain, plain),
    st.builds(Reading, FLAG, FLAG, st.booleans(), st.booleans()),
    st.booleans(),
)
def test_the_short_way_comes_to_what_the_long_one_does(
    raw: tuple[object, object, object, object, object, object],
    reading: Reading,
    optional: bool,  # noqa: FBT001
) -> None:
    assert consistent(raw, reading, optional) == _consistent(raw, reading, output_optional=optional)
