# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Langfuse's usage: an open object in which whatever starts with input or output is part of that side.

The names that mean something else are in `data/usage/buckets.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._tables import load
from carbonspan.usage._counts import count
from carbonspan.usage._names import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from carbonspan.usage._counts import Raw

_TABLE = load("usage/buckets.json")
_INCLUSIVE = frozenset(_TABLE["inclusive"])
_LIFETIMES: tuple[str, ...] = tuple(_TABLE["lifetimes"])
_TIERS: tuple[str, ...] = tuple(_TABLE["tiers"])
_WITHIN = frozenset(_TABLE["within"])
_CACHED, _WRITTEN, _THOUGHT = ("cache",), ("creation", "write", *_LIFETIMES), ("reasoning", "thought", "thinking")


class _Side(NamedTuple):
    """One side's buckets: the whole or the rest under the side's own name, and the others."""

    own: int | None
    is_whole: bool  # the name is one that usually has the others in it
    others: dict[str, int]

    def amounts(self) -> Iterator[int]:
        """Yield what the side may amount to: what is usual first."""
        added = (self.own or 0) + sum(self.others.values())
        yield from (self.own or 0, added) if self.is_whole else (added, self.own or 0)


def added_up(flat: Mapping[str, object]) -> Raw | None:
    """Return a set of counts with each side's buckets added up; `None` where the object has none.

    The input has what is cached and written in it, the output the reasoning that is a bucket of it. What is usual for
    the names gives way to a total that only adds up another way.
    """
    given, output = _side(flat, "input"), _side(flat, "output")
    if not given.others and not output.others and (given.is_whole or output.is_whole):
        return None  # a provider's own usage object
    if given.own is None and output.own is None and not given.others and not output.others:
        return None
    beside, read_within = _beside(flat)
    given = _once(given)
    total = next((found for name in flat if quantity(name) == "total" and (found := count(flat[name]))), None)
    pairs = [(one, other) for one in given.amounts() for other in output.amounts()]
    whole = next((pair for pair in pairs if sum(pair) == total), None)
    if whole is None and total is not None:  # the cache's tokens may be part of the total, or not
        whole = next((pair for pair in pairs if sum(pair) + sum(beside.values()) == total), None)
    tokens_in, tokens_out = whole or pairs[0]
    tokens_in += sum(beside.values())
    cache = {name: amount for name, amount in {**given.others, **beside}.items() if _is(name, _CACHED + _WRITTEN)}
    written = [amount for name, amount in cache.items() if _is(name, _WRITTEN)]
    read = [amount for name, amount in cache.items() if not _is(name, _WRITTEN)] or read_within
    thoughts = [amount for name, amount in output.others.items() if _is(name, _THOUGHT)]
    reasoning: object = sum(thoughts) if thoughts else _thoughts_beside(flat)
    has_in, has_out = given.own is not None or given.others or beside, output.own is not None or output.others
    return (
        tokens_in if has_in else _stated(flat, "input"),
        tokens_out if has_out else _stated(flat, "output"),
        sum(read) if read else None,
        sum(written) if written else None,
        reasoning,
        total,
    )


def _side(flat: Mapping[str, object], side: str) -> _Side:
    own, is_whole, others = None, False, {}
    for name, value in flat.items():
        amount = count(value)
        if amount is None or "." in name:
            continue
        if quantity(name) == side:
            if own is None or amount > own:
                own, is_whole = amount, name in _INCLUSIVE
        elif name.startswith(side) and not name.startswith(_TIERS):
            others[name] = amount
    return _Side(own, is_whole, others)


def _once(given: _Side) -> _Side:
    """Return the input without cache writes by lifetime where their sum is there, too."""
    by_lifetime = {name for name in given.others if _is(name, _LIFETIMES)}
    parts = sum(given.others[name] for name in by_lifetime)
    sums = [amount for name, amount in given.others.items() if name not in by_lifetime and _is(name, _WRITTEN)]
    if not parts or parts not in sums:
        return given
    return given._replace(others={name: amount for name, amount in given.others.items() if name not in by_lifetime})


def _beside(flat: Mapping[str, object]) -> tuple[dict[str, int], list[int]]:
    """Return what is cached and written under names of neither side: beside the input, and within it."""
    beside: dict[str, int] = {}
    within: list[int] = []
    for name, value in flat.items():
        amount = count(value)
        if amount is None or name.startswith(("input", "output")) or not _is(name, _CACHED):
            continue
        if name in _WITHIN:
            within.append(amount)
        elif quantity(name) or name.startswith("cached_") or _is(name, _LIFETIMES):
            beside[name] = amount
    if any(_is(name, _WRITTEN) and not _is(name, _LIFETIMES) for name in beside):
        beside = {name: amount for name, amount in beside.items() if not _is(name, _LIFETIMES)}
    return beside, within


def _thoughts_beside(flat: Mapping[str, object]) -> object:
    return next((value for name, value in flat.items() if quantity(name) == "reasoning" and "." not in name), None)


def _stated(flat: Mapping[str, object], side: str) -> object:
    """Return what stands for a side of which there is no count: nothing, or what is no count."""
    return next((value for name, value in flat.items() if quantity(name) == side), None)


def _is(name: str, words: tuple[str, ...]) -> bool:
    lower = name.lower()
    return any(word in lower for word in words)
