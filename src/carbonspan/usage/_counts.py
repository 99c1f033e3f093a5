# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Token counts as spans give them turned into whole, consistent numbers: the arithmetic of normalisation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

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

NO_USAGE = "no_usage"
"""Problem: the span does not say how many tokens were used."""

INVALID_USAGE = "invalid_usage"
"""Problem: the span has a count that cannot be one."""


def count(value: object) -> int | None:
    """Return a token count as a whole number, or None where the value cannot be one.

    Integral floats are taken: JavaScript has no integers. So is text of digits, as gateways and older conventions write
    it. Booleans, other text, fractions, NaN, infinities, negative numbers and anything above `MAX_TOKENS` are not.
    """
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    if isinstance(value, str) and len(value) <= _MAX_TEXT and _DIGITS.fullmatch(value.strip()):
        value = float(value)
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

    A primary count that is present but impossible makes the whole set `invalid_usage`; an impossible detail is only
    unknown. Two zeros are `no_usage`: instrumentations write them where they do not know.

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
            and (not (cached or write or reasoning) or raw_total is None or raw_total == raw_in + raw_out)
        ):
            # Whole, within limits, and read as they stand: nearly every span. The long way comes to the same, slower.
            return raw_in, raw_out, raw_cached, raw_write, raw_reasoning, ""
    return _consistent(raw, reading, output_optional=output_optional)


def _consistent(raw: Raw, reading: Reading, *, output_optional: bool) -> Counts:
    raw_in, raw_out, raw_cached, raw_write, raw_reasoning, raw_total = raw
    tokens_in, tokens_out = count(raw_in), count(raw_out)
    total = None if raw_total is None else count(raw_total)
    cached = write = reasoning = None
    invalid = (tokens_in is None and raw_in is not None) or (tokens_out is None and raw_out is not None)
    if not invalid and (tokens_in is None or tokens_out is None):
        tokens_in, tokens_out = _completed(tokens_in, tokens_out, total, output_optional=output_optional)
    if tokens_in is not None:
        cached = None if raw_cached is None else count(raw_cached)
        write = None if raw_write is None else count(raw_write)
    if tokens_out is not None:
        reasoning = None if raw_reasoning is None else count(raw_reasoning)
    more_in, more_out = _left_out(tokens_in, tokens_out, (cached or 0, write or 0, reasoning or 0), total, reading)
    if tokens_in is not None:
        tokens_in += more_in
    if tokens_out is not None:
        tokens_out += more_out
        beyond = total - tokens_in - tokens_out if total and tokens_in is not None else 0
        if beyond > 0 and tokens_in is not None and reading.total_includes_thoughts and not output_optional:
            # Prompts of tools where the thoughts are accounted for, or where it is more than any by default.
            if reading.total_includes_tools and (reasoning or beyond > MAX_THOUGHTS):
                tokens_in += beyond
            else:
                tokens_out += beyond
    if invalid:
        problem = INVALID_USAGE
    else:
        problem = "" if tokens_in is not None and tokens_out is not None and tokens_in + tokens_out else NO_USAGE
    return tokens_in, tokens_out, cached, write, reasoning, problem


def _completed(
    tokens_in: int | None, tokens_out: int | None, total: int | None, *, output_optional: bool
) -> tuple[int | None, int | None]:
    """Return both sides, a missing one taken from the total; an embedding's missing output is zero."""
    if output_optional and tokens_out is None:
        tokens_out = 0
    if total is not None:
        if tokens_in is None and tokens_out is not None and total >= tokens_out:
            tokens_in = total - tokens_out
        elif tokens_out is None and tokens_in is not None and total >= tokens_in:
            tokens_out = total - tokens_in
    return tokens_in, tokens_out


def _left_out(
    tokens_in: int | None, tokens_out: int | None, details: tuple[int, int, int], total: int | None, reading: Reading
) -> tuple[int, int]:
    """Return what the input leaves out of the cached and cache-written tokens, and the output of the reasoning.

    The table says what is usual. Arithmetic overrules it: a part cannot be more than its whole (the completion tokens
    of xAI are without the reasoning: https://docs.x.ai/docs/guides/reasoning), and a total that adds up in another way
    only, with the cache or the reasoning beside the sides, shows that they are beside them.

    A total of the two sides as they stand does not show that the cache is inside: instrumentations add up what they
    have. That the reasoning is inside it does show where the total is the provider's own and would have held it.
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
    if not without_reasoning:
        ways_out.append(reasoning)
    elif reading.total_includes_thoughts and reasoning <= tokens_out:
        ways_out.append(0)
    for more_in in ways_in:
        for more_out in ways_out:
            if more_in + more_out == beside:
                return more_in, more_out
    return usual_in, usual_out
