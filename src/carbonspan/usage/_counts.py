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
            and (not reasoning or raw_total is None or raw_total == raw_in + raw_out)
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
        cache = (cached or 0) + (write or 0)
        if cache and _excludes_cache(tokens_in, tokens_out, cache, total, reading):
            tokens_in += cache
    if tokens_out is not None:
        reasoning = None if raw_reasoning is None else count(raw_reasoning)
        if reasoning and _excludes_reasoning(tokens_in, tokens_out, reasoning, total, reading):
            tokens_out += reasoning
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


def _excludes_cache(tokens_in: int, tokens_out: int | None, cache: int, total: int | None, reading: Reading) -> bool:
    """Whether the input count leaves the cached and cache-written tokens out: all of them or none.

    Known by the dialect, else shown by arithmetic: more cache than input, or a total that only adds up with the cache.
    """
    if reading.input_includes_cache is False or cache > tokens_in:
        return True
    return reading.input_includes_cache is None and tokens_out is not None and total == tokens_in + tokens_out + cache


def _excludes_reasoning(
    tokens_in: int | None, tokens_out: int, reasoning: int, total: int | None, reading: Reading
) -> bool:
    """Whether the output count leaves the reasoning out.

    Known by the dialect, or shown by arithmetic, which overrules it: more reasoning than output (the completion tokens
    of xAI are without it: https://docs.x.ai/docs/guides/reasoning), or a total that only adds up with the reasoning.
    """
    if reading.output_includes_reasoning is False or reasoning > tokens_out:
        return True
    return total is not None and tokens_in is not None and total == tokens_in + tokens_out + reasoning
