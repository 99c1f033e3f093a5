# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Token counts as spans give them turned into whole, consistent numbers: the arithmetic of normalisation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from carbonspan.core._outcome import Outcome
from carbonspan.usage._providers import MAX_THOUGHTS

if TYPE_CHECKING:
    from carbonspan.core.values import Counts

MAX_TOKENS = 100_000_000
"""Tokens, the most one span can plausibly report on either side.

The largest context window on offer is 10 million tokens (Llama 4 Scout: Meta, "The Llama 4 herd", 2025,
https://ai.meta.com/blog/llama-4-multimodal-intelligence/); an agent span may sum several full ones. Ten times that
window is beyond both, and below what a swapped field (a nanosecond timestamp, a byte count) would show.
"""

DIGITS = r"[0-9]{1,9}(?:\.0+)?"
"""Regular expression of a whole number as text, without what is around it."""

_DIGITS = re.compile(DIGITS)
_MAX_TEXT = 32

PARTIAL_USAGE, NO_USAGE, INVALID_USAGE = Outcome.PARTIAL_USAGE, Outcome.NO_USAGE, Outcome.INVALID_USAGE
"""Problems: the span reports one side or the total only; no tokens at all; nothing but what cannot be a count."""


def count(value: object) -> int | None:
    """Return a token count as a whole number, or None where the value cannot be one.

    Integral floats are taken: JavaScript has no integers. So is text of digits, as gateways and older conventions write
    it. Booleans, other text, fractions, NaN, infinities, negative numbers and anything above `MAX_TOKENS` are not.
    """
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    if isinstance(value, str) and len(value) <= _MAX_TEXT and _DIGITS.fullmatch(text := value.strip()):
        value = float(text)  # which does not take all the space that `strip` does
    if isinstance(value, float):
        return int(value) if 0.0 <= value <= MAX_TOKENS and value.is_integer() else None
    return None


Raw: TypeAlias = "tuple[object, object, object, object, object, object]"
"""One set as the span has it: input, output, cached, cache write, reasoning, total. None is absent.

A plain tuple, as `Counts` is: both live for a microsecond on the path of every LLM span.
"""

NOTHING: Counts = (None, None, None, None, None, NO_USAGE)
"""The counts of a span that has none."""


class Reading(NamedTuple):
    """How a set of counts is to be read; None is "unknown": then arithmetic decides."""

    input_includes_cache: bool | None = None
    output_includes_reasoning: bool | None = None
    total_includes_thoughts: bool = False
    total_includes_tools: bool = False


def consistent(raw: Raw, reading: Reading, output_optional: bool = False) -> Counts:  # noqa: FBT001, FBT002 - as above
    """Return the counts that a raw set amounts to.

    A count that is present but impossible is not reported, and a set of nothing else is `invalid_usage`.
    Instrumentations write zeros where they do not know: two are `no_usage`, and one gives way to the total. One side,
    or only the total, is `partial_usage`, with the other side None.

    Args:
        raw: The set as the span has it.
        reading: What its counts include.
        output_optional: The operation has no output to report (embeddings): a missing count is zero.
    """
    raw_in, raw_out, raw_cached, raw_write, raw_reasoning, raw_total = raw
    if (
        type(raw_in) is int
        and type(raw_out) is int
        and (raw_cached is None or type(raw_cached) is int)
        and (raw_write is None or type(raw_write) is int)
        and (raw_reasoning is None or type(raw_reasoning) is int)
    ):
        cached, write, reasoning = raw_cached or 0, raw_write or 0, raw_reasoning or 0
        if (
            (reading.input_includes_cache or not (cached or write))
            and (reading.output_includes_reasoning or not reasoning)
            and not reading.total_includes_thoughts
            and cached >= 0 <= write
            and cached + write <= raw_in <= MAX_TOKENS
            and 0 <= reasoning <= raw_out <= MAX_TOKENS
            and raw_in + raw_out
            and (
                raw_total is None
                or raw_total == raw_in + raw_out
                or (raw_in and raw_out and not (cached or write or reasoning))
            )
        ):
            # Whole, within limits, and read as they stand: nearly every span. The long way comes to the same, slower.
            return raw_in, raw_out, raw_cached, raw_write, raw_reasoning, ""
    return _consistent(raw, reading, output_optional=output_optional)


def _consistent(raw: Raw, reading: Reading, *, output_optional: bool) -> Counts:
    raw_in, raw_out, raw_cached, raw_write, raw_reasoning, raw_total = raw
    own_out, total = count(raw_out), count(raw_total)
    tokens_in, tokens_out = _completed(count(raw_in), own_out, total, output_optional=output_optional)
    cached, write, reasoning = count(raw_cached), count(raw_write), count(raw_reasoning)
    # An output that was taken from the total holds the reasoning, if it is large enough.
    is_inside = own_out is None and tokens_out is not None and (reasoning or 0) <= tokens_out
    details = (cached or 0, write or 0, 0 if is_inside else reasoning or 0)
    more_in, more_out = _left_out(tokens_in, tokens_out, details, total, reading)
    tokens_in = None if tokens_in is None else tokens_in + more_in
    tokens_out = None if tokens_out is None else tokens_out + more_out
    if total and tokens_in is not None and tokens_out is not None:
        tokens_in, tokens_out = _beyond(
            tokens_in, tokens_out, total, reading, reasons=bool(reasoning), output_optional=output_optional
        )
    if tokens_in == tokens_out == 0 and total:
        tokens_in = tokens_out = None  # zeros that are no counts: the total says so
    problem = ""
    if not tokens_in and not tokens_out and (tokens_in is not None or tokens_out is not None or not total):
        wrong = any(value is not None and count(value) is None for value in (raw_in, raw_out, raw_total))
        problem = INVALID_USAGE if wrong else NO_USAGE
    elif tokens_in is None or tokens_out is None:
        problem = PARTIAL_USAGE
    if problem != PARTIAL_USAGE:  # details of nothing
        cached, write = (None, None) if tokens_in is None else (cached, write)
        reasoning = None if tokens_out is None else reasoning
    return tokens_in, tokens_out, cached, write, reasoning, problem


def _completed(
    tokens_in: int | None, tokens_out: int | None, total: int | None, *, output_optional: bool
) -> tuple[int | None, int | None]:
    """Return both sides, a missing one taken from the total; an embedding's missing output is zero.

    A total that is no more than the other side shows nothing of the missing one.
    """
    if output_optional and tokens_out is None:
        tokens_out = 0
    if total is not None:
        if tokens_in is None and tokens_out is not None and total > tokens_out:
            tokens_in = total - tokens_out
        elif tokens_out is None and tokens_in is not None and total > tokens_in:
            tokens_out = total - tokens_in
    return tokens_in, tokens_out


def _beyond(
    tokens_in: int, tokens_out: int, total: int, reading: Reading, *, reasons: bool, output_optional: bool
) -> tuple[int, int]:
    """Return both sides with what the total holds beyond them: of a side that is zero, of thoughts, of prompts."""
    beyond = total - tokens_in - tokens_out
    if beyond <= 0 or (tokens_in == tokens_out == 0 and not output_optional):
        return tokens_in, tokens_out
    if tokens_in == 0:
        return beyond, tokens_out
    if output_optional:
        return tokens_in, tokens_out
    if reading.total_includes_thoughts:
        # Prompts of tools where the thoughts are accounted for, or where it is more than any by default.
        if reading.total_includes_tools and (reasons or beyond > MAX_THOUGHTS):
            return tokens_in + beyond, tokens_out
        return tokens_in, tokens_out + beyond
    return (tokens_in, beyond) if tokens_out == 0 else (tokens_in, tokens_out)


def _left_out(
    tokens_in: int | None, tokens_out: int | None, details: tuple[int, int, int], total: int | None, reading: Reading
) -> tuple[int, int]:
    """Return what the input leaves out of the cached and cache-written tokens, and the output of the reasoning.

    The table says what is usual. Arithmetic overrules it: a part cannot be more than its whole (the completion tokens
    of xAI are without the reasoning: https://docs.x.ai/docs/guides/reasoning), and a total that adds up in another way
    only, with the cache or the reasoning beside the sides, shows that they are beside them.

    A total of the two sides as they stand does not show that anything is inside: instrumentations add up what they
    have. Only where it is the provider's own, and would have held the reasoning beside them, does it show that.
    """
    cached, write, reasoning = details
    cache = cached + write
    least_in = cache - (tokens_in or 0)
    without_cache = reading.input_includes_cache is False or least_in > 0
    usual_in = cache if without_cache else 0
    without_reasoning = reading.output_includes_reasoning is False or reasoning > (tokens_out or 0)
    usual_out = reasoning if without_reasoning else 0
    if total is None or tokens_in is None or tokens_out is None or not (cache or reasoning):
        return usual_in, usual_out
    beside = total - tokens_in - tokens_out
    if beside == usual_in + usual_out:
        return usual_in, usual_out
    ways_in, ways_out = [usual_in], [usual_out]
    if without_cache or not reading.total_includes_thoughts:  # else what is beside the sides are thoughts
        ways_in += [part for part in (cache, cached, write) if part and part >= least_in]
        if beside and least_in <= 0:
            ways_in.append(0)
    if not without_reasoning:
        ways_out.append(reasoning)
    elif reasoning <= tokens_out and (beside or reading.total_includes_thoughts):
        ways_out.append(0)
    for more_in in ways_in:
        for more_out in ways_out:
            if more_in + more_out == beside:
                return more_in, more_out
    return usual_in, usual_out
