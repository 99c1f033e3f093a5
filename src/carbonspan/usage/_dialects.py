# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dialects: how each instrumentation says what was consumed, and which of them a span is written in.

The table is `data/usage/dialects.json`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._tables import load
from carbonspan.usage import _names as names, _operations as operations
from carbonspan.usage._names import NO_NAMES, Source, TokenSet, readings
from carbonspan.usage._operations import DEFAULT_OPERATION, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.usage._names import Names
    from carbonspan.usage._operations import Operation, Rule


class Dialect(NamedTuple):
    """How one instrumentation says what was consumed."""

    id: str
    scopes: Names
    markers: Names
    operations: tuple[Rule, ...]
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
    in_json: bool  # texts are in JSON, and names may go on into it: see `_embedded.text_at`

    @property
    def sets(self) -> tuple[tuple[object, ...], ...]:
        """Where its counts are, whatever they include."""
        return tuple((source.attribute, source.tokens, source.when) for source in self.sources)


def _source(entry: Mapping[str, Any], sets: Mapping[str, TokenSet]) -> Source:
    buckets = entry.get("buckets", False)
    return Source(
        entry.get("from", ""),
        NO_NAMES if buckets else sets[entry["set"]],
        *readings(entry),
        as_provider=entry.get("as_provider", False),
        when=tuple((name, tuple(values)) for name, values in entry.get("when", {}).items()),
        buckets=buckets,
    )


def _with_others(own: list[str], field: str) -> Names:
    """Return a dialect's names for a text, and then those of all others: a span may be in two dialects."""
    return tuple(dict.fromkeys((*own, *names.TEXTS[field])))


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
            operations=operations.rules(full["operation"]),
            default_operation=OPERATIONS[default] if default else DEFAULT_OPERATION,
            container_if=tuple(full["container_if"]),
            provider=_with_others(full["provider"], "provider"),
            provider_aliases=full["provider_aliases"],
            default_provider=full["default_provider"],
            request_model=_with_others(full["request_model"], "request_model"),
            response_model=_with_others(full["response_model"], "response_model"),
            response_id=tuple(full["response_id"]),
            model_hints=tuple(full["model_hints"]),
            host=tuple(full["host"]),
            cache_hit=tuple(full["cache_hit"]),
            sources=tuple(_source(rule, sets) for rule in full["tokens"]),
            details=tuple(_source(rule, sets) for rule in full["details"]),
            in_json=full["in_json"],
        )

    return tuple(dialect(entry) for entry in table["dialects"])


DIALECTS: tuple[Dialect, ...] = _compiled()
"""Every dialect, in the order in which scopes and markers are tried. The last is the conventions' own."""

MARKERS: frozenset[str] = names.MARKERS.union(marker for dialect in DIALECTS for marker in dialect.markers)
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
