# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where sets of counts are, and their names as open families: which quantity a name stands for, whoever writes it.

The prefixes and words are `data/usage/names.json`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from carbonspan.core._tables import load
from carbonspan.usage._counts import Reading
from carbonspan.usage._providers import own_counts, totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Names: TypeAlias = "tuple[str, ...]"

FIELDS = ("input", "output", "cached", "cache_write", "reasoning", "total")
"""The quantities of a set, in the order of `Raw`."""


class TokenSet(NamedTuple):
    """The names of one set of counts, each field in order of preference."""

    input: Names
    output: Names
    cached: Names
    cache_write: Names
    reasoning: Names
    total: Names
    requires: Names  # one of these must be there; empty: always tried


NO_NAMES = TokenSet((), (), (), (), (), (), ())
"""The names of a set whose names are open."""


class Source(NamedTuple):
    """Where a set of counts is kept, and what its totals include."""

    attribute: str  # the attribute that holds the set as an object; "" where the set is in the attributes themselves
    tokens: TokenSet
    default: Reading
    by_provider: Mapping[str, Reading]
    as_provider: bool = False  # the counts are those of the provider's own API, as they are
    when: tuple[tuple[str, Names], ...] = ()  # attributes that must have one of these values
    buckets: bool = False  # the object is open: whatever starts with input or output is part of that side

    def reading(self, provider: str, model: str) -> Reading:
        """Return how to read the counts when this provider answered, with this model."""
        if self.as_provider:
            cache, reasoning = own_counts(provider, model)
            return Reading(cache, reasoning, *totals(provider, model))
        usual_cache, usual_reasoning = self.by_provider.get(provider, self.default)[:2]
        return Reading(usual_cache, usual_reasoning, *totals(provider, model))

    def fits(self, attributes: Mapping[str, object]) -> bool:
        """Return whether a span with these attributes keeps its counts here, if it has any."""
        return all(isinstance(value := attributes.get(name), str) and value in values for name, values in self.when)


def readings(entry: Mapping[str, Any]) -> tuple[Reading, dict[str, Reading]]:
    """Return how the counts of an entry of a table are to be read by default, and by provider."""
    cache, reasoning = (
        value if isinstance(value, dict) else {"*": value}
        for value in (entry.get("input_includes_cache"), entry.get("output_includes_reasoning"))
    )

    def reading(provider: str) -> Reading:
        return Reading(cache.get(provider, cache["*"]), reasoning.get(provider, reasoning["*"]))

    return reading("*"), {provider: reading(provider) for provider in {*cache, *reasoning} - {"*"}}


_TABLE = load("usage/names.json")
_WORDS: dict[str, str] = {word: meaning for meaning, words in _TABLE["words"].items() for word in words}

# Words as they are told apart in snake_case, camelCase and with dots.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_]")
_MEASURED = frozenset({"token", "tokens"})
_OBJECTS = frozenset({"detail", "details"})
_MEANING: dict[frozenset[str], str] = {
    frozenset(words.split()): field
    for field, spelled in {
        "input": ("input", "input total"),
        "output": ("output", "output total"),
        "cached": ("cache", "cache read", "cache input", "cache read input"),
        "cache_write": ("cache write", "cache write input"),
        "reasoning": ("reasoning", "reasoning output"),
        "total": ("total",),
    }.items()
    for words in spelled
}

_MAX_NAME = 96
"""Characters of a name looked at. The longest in use have some 60."""

_CACHE_SIZE = 2048
"""Names, and sets of names, kept. Programs that make up names must not fill memory."""


@lru_cache(maxsize=_CACHE_SIZE)
def quantity(name: str) -> str:
    """Return the field of a token set that a name without its prefix stands for; "" where it stands for none.

    Args:
        name: Such as `cache_read.input_tokens`, `cachedInputTokens` or `prompt`.
    """
    if len(name) > _MAX_NAME:
        return ""
    words = [word.lower() for word in _WORD.findall(name)]
    meanings = {_WORDS.get(word, "") for word in words}
    if not words or "" in meanings or words[-1] in _OBJECTS:
        return ""
    meanings.discard("none")
    if not meanings:
        return "total" if not _MEASURED.isdisjoint(words) and "usage" not in words else ""
    return _MEANING.get(frozenset(meanings), "")


class Family(NamedTuple):
    """The counts under one prefix, or in one object."""

    prefix: str  # of the names of attributes; "" where the counts are in an object
    source: Source  # with the names known to be in use, those in an object by quantity
    closed: bool  # it has no other names


def _family(entry: Mapping[str, Any]) -> Family:
    prefix = entry.get("prefix", "")
    spellings = entry.get("spellings", {})
    names = {field: tuple(prefix + name for name in spellings.get(field, ())) for field in FIELDS}
    source = Source(
        entry.get("from", ""),
        TokenSet(**names, requires=()),
        *readings(entry),
        as_provider=entry.get("as_provider", False),
    )
    return Family(prefix, source, entry.get("closed", False))


FAMILIES: tuple[Family, ...] = tuple(map(_family, _TABLE["families"]))
"""By prefix, in the order in which they are tried."""

OBJECTS: tuple[Source, ...] = tuple(_family(entry).source for entry in _TABLE["objects"])
"""What may be in one attribute as JSON, in the order in which they are tried."""

TEXTS: dict[str, Names] = {field: tuple(spelled) for field, spelled in _TABLE["texts"].items()}
"""Where any span may name its provider and its models, by the field of a dialect."""

BARE: Source = Source("", NO_NAMES, Reading(), {})
"""Counts in an event that has names of its own."""

EVENTS: frozenset[str] = frozenset(_TABLE["events"]["families"])
"""Events whose attributes may hold usage under the names of a family."""

BARE_EVENTS: frozenset[str] = frozenset(_TABLE["events"]["bare"])
"""Events whose attributes may hold usage under names without a prefix."""

MARKERS: frozenset[str] = frozenset(
    name
    for family in FAMILIES
    for field in ("input", "output", "total")
    for name in getattr(family.source.tokens, field)
).union(source.attribute for source in OBJECTS)
"""Names of attributes that show that a span says what it consumed."""

PREFIXES: tuple[str, ...] = tuple(family.prefix for family in FAMILIES)
"""How the names of all families start."""

_OBJECT_NAMES = frozenset(source.attribute for source in OBJECTS)


def open_names(attributes: Iterable[str]) -> Names:
    """Return the names that belong to a family, for `opened`."""
    return tuple(name for name in attributes if name.startswith(PREFIXES))


def objects(attributes: Mapping[str, object]) -> tuple[Source, ...]:
    """Return those of `OBJECTS` that a span has."""
    if _OBJECT_NAMES.isdisjoint(attributes):
        return ()
    return tuple(source for source in OBJECTS if source.attribute in attributes)


class Opened(NamedTuple):
    """What a span has of one family."""

    source: Source  # its names by quantity: those known to be in use first
    details: Names  # what may be an object with more of its counts


@lru_cache(maxsize=_CACHE_SIZE)
def opened(names: Names) -> tuple[Opened, ...]:
    """Return what names amount to, family by family.

    Args:
        names: Those of a span's attributes, as `open_names` has them.
    """
    found = []
    for prefix, source, closed in FAMILIES:
        fields: dict[str, list[str]] = {field: [] for field in FIELDS}
        details = []
        for name in names:
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                field = quantity(rest)
                if closed and (not field or name not in getattr(source.tokens, field)):
                    continue
                if field:
                    fields[field].append(name)
                elif rest.endswith(("details", "Details")):
                    details.append(name)
        if details or any(fields.values()):
            ordered = {field: _known_first(there, getattr(source.tokens, field)) for field, there in fields.items()}
            found.append(Opened(source._replace(tokens=TokenSet(**ordered, requires=())), tuple(details)))
    return tuple(found)


def _known_first(there: list[str], known: Names) -> Names:
    return tuple(sorted(there, key=lambda name: known.index(name) if name in known else len(known)))


def by_quantity(flat: Mapping[str, object]) -> TokenSet:
    """Return the keys of an object by what they stand for."""
    fields: dict[str, list[str]] = {field: [] for field in FIELDS}
    for key in flat:
        field = quantity(key)
        if field:
            fields[field].append(key)
    # A key of the object itself comes before one of an object in it.
    ordered = {field: tuple(sorted(keys, key=lambda key: key.count("."))) for field, keys in fields.items()}
    return TokenSet(**ordered, requires=())
