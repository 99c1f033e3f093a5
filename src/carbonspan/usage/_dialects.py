# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dialects: how each instrumentation says what was consumed, and which of them a span is written in.

The tables are `data/usage/dialects.json` and, for what an operation counts as, `data/usage/operations.json`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from carbonspan.core._outcome import Role
from carbonspan.core._tables import load
from carbonspan.usage._counts import Reading
from carbonspan.usage._providers import own_counts, totals

if TYPE_CHECKING:
    from collections.abc import Mapping

Names: TypeAlias = "tuple[str, ...]"


class Operation(NamedTuple):
    """An operation in OpenTelemetry's spelling, and what it counts as."""

    name: str
    role: Role  # inference or container
    auxiliary: bool = False  # no model call of its own (tools, retrieval, guardrails): read only if it carries counts
    output_optional: bool = False  # it has no output tokens to report: a missing count is zero


def _operations() -> tuple[dict[str, Operation], Operation]:
    table = load("usage/operations.json")
    known = {}
    for group, role in (("inference", Role.INFERENCE), ("container", Role.CONTAINER), ("auxiliary", Role.CONTAINER)):
        for name, spellings in table[group].items():
            operation = Operation(name, role, group == "auxiliary", name in table["output_optional"])
            known.update(dict.fromkeys(spellings, operation))
    return known, known[table["default"]]


OPERATIONS, DEFAULT_OPERATION = _operations()
"""Every operation by each of its spellings, and the one of a span that names none."""

OUTPUT_OPTIONAL: frozenset[str] = frozenset(one.name for one in OPERATIONS.values() if one.output_optional)
"""Operations without output tokens to report, by name: a missing count is zero."""

_MAX_NAME = 64
"""Characters kept of an operation in no list: it may become a metric label, and spans hold text of any length."""


def unknown_operation(value: str) -> Operation:
    """Return the operation for a value in no list: a container, so that it counts only if nothing below it does."""
    return Operation(value[:_MAX_NAME], Role.CONTAINER)


class TokenSet(NamedTuple):
    """The names of one set of counts, each field in order of preference."""

    input: Names
    output: Names
    cached: Names
    cache_write: Names
    reasoning: Names
    total: Names
    requires: Names  # one of these must be there; empty: always tried


class Source(NamedTuple):
    """Where a dialect keeps a set of counts, and what its totals include."""

    attribute: str  # the attribute that holds the set as an object; "" where the set is in the attributes themselves
    tokens: TokenSet
    default: Reading
    by_provider: Mapping[str, Reading]
    as_provider: bool  # the counts are those of the provider's own API, as they are
    when: tuple[tuple[str, Names], ...]  # attributes that must have one of these values

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


class Dialect(NamedTuple):
    """How one instrumentation says what was consumed."""

    id: str
    scopes: Names
    markers: Names
    operations: tuple[tuple[str, Mapping[str, Operation], frozenset[str]], ...]
    default_operation: Operation
    container_if: Names
    provider: Names
    provider_aliases: Mapping[str, str]
    default_provider: str  # who answers where the span does not say; "": by its host and model
    request_model: Names
    response_model: Names
    response_id: Names
    model_hints: Names
    host: Names
    cache_hit: Names
    sources: tuple[Source, ...]
    details: tuple[Source, ...]

    @property
    def sets(self) -> tuple[tuple[object, ...], ...]:
        """Where its counts are, whatever they include."""
        return tuple((source.attribute, source.tokens, source.when) for source in self.sources)


def _source(entry: Mapping[str, Any], sets: Mapping[str, TokenSet]) -> Source:
    cache, reasoning = (
        value if isinstance(value, dict) else {"*": value}
        for value in (entry.get("input_includes_cache"), entry.get("output_includes_reasoning"))
    )

    def reading(provider: str) -> Reading:
        return Reading(
            cache.get(provider, cache["*"]),
            reasoning.get(provider, reasoning["*"]),
        )

    named = {*cache, *reasoning}
    return Source(
        attribute=entry.get("from", ""),
        tokens=sets[entry["set"]],
        default=reading("*"),
        by_provider={provider: reading(provider) for provider in named if provider != "*"},
        as_provider=entry.get("as_provider", False),
        when=tuple((name, tuple(values)) for name, values in entry.get("when", {}).items()),
    )


def _operation(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Operation], frozenset[str]]:
    values = dict(OPERATIONS)
    for spelling, name in entry.get("values", {}).items():
        # Span kinds are written in capitals or not, depending on the version of the package.
        values.update(dict.fromkeys((spelling, spelling.lower(), spelling.upper()), OPERATIONS[name]))
    return entry["attribute"], values, frozenset(entry.get("ignore", ()))


def _compiled() -> tuple[Dialect, ...]:
    table = load("usage/dialects.json")
    sets = {
        name: TokenSet(**{field: tuple(entry.get(field, ())) for field in TokenSet._fields})
        for name, entry in table["token_sets"].items()
    }

    by_id = {entry["id"]: entry for entry in table["dialects"]}

    def dialect(entry: Mapping[str, Any]) -> Dialect:
        like = by_id[entry["like"]] | {"markers": []} if "like" in entry else {}
        full = table["defaults"] | like | entry
        default = full.get("default_operation")
        return Dialect(
            id=full["id"],
            scopes=tuple(full["scopes"]),
            markers=tuple(full["markers"]),
            operations=tuple(_operation(rule) for rule in full["operation"]),
            default_operation=OPERATIONS[default] if default else DEFAULT_OPERATION,
            container_if=tuple(full["container_if"]),
            provider=tuple(full["provider"]),
            provider_aliases=full["provider_aliases"],
            default_provider=full["default_provider"],
            request_model=tuple(full["request_model"]),
            response_model=tuple(full["response_model"]),
            response_id=tuple(full["response_id"]),
            model_hints=tuple(full["model_hints"]),
            host=tuple(full["host"]),
            cache_hit=tuple(full["cache_hit"]),
            sources=tuple(_source(rule, sets) for rule in full["tokens"]),
            details=tuple(_source(rule, sets) for rule in full["details"]),
        )

    return tuple(dialect(entry) for entry in table["dialects"])


DIALECTS: tuple[Dialect, ...] = _compiled()
"""Every dialect, in the order in which scopes and markers are tried. The last is the conventions' own."""

MARKERS: frozenset[str] = frozenset(marker for dialect in DIALECTS for marker in dialect.markers)
"""Attribute names of which every LLM span carries at least one, and no other span does."""

_BY_MARKER: tuple[tuple[str, Dialect], ...] = tuple(
    (marker, dialect) for dialect in DIALECTS[:-1] for marker in dialect.markers
)

_CACHE_SIZE = 1024
"""Scopes kept. A process has some tens; programs that name a scope per request must not fill memory."""


@lru_cache(maxsize=_CACHE_SIZE)
def by_scope(scope: str) -> Dialect | None:
    """Return the dialect of an instrumentation scope, or None where the scope is not in the table."""
    for dialect in DIALECTS:
        for pattern in dialect.scopes:
            if scope == pattern or (pattern[-1] == "*" and scope.startswith(pattern[:-1])):
                return dialect
    return None


def choose(attributes: Mapping[str, object], scope: str) -> Dialect:
    """Return the dialect to read a span with: by its scope, else by what it carries, else the conventions' own."""
    found = by_scope(scope) if scope else None
    if found is not None:
        return found
    for marker, dialect in _BY_MARKER:
        if marker in attributes:
            return dialect
    return DIALECTS[-1]
