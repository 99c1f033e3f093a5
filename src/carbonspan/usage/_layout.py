# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where spans that have the same scope and the same attribute names hold their counts, found once for all of them.

Nothing here decides anything: a layout only says under which names `reader` would find what it looks for, and there is
none where that depends on values (usage as text, a response cache, details in objects).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.usage._dialects import choose
from carbonspan.usage._names import FIELDS, objects, open_names, opened
from carbonspan.usage._sets import withheld

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.usage._dialects import Dialect
    from carbonspan.usage._names import Names, Opened, Source

ABSENT = ""
"""Stands for the name of what a layout has not: no attribute has an empty name."""


class Layout(NamedTuple):
    """How spans of one scope with the same attribute names are read."""

    dialect: Dialect
    source: Source  # how the counts are to be understood, by provider
    names: tuple[str, str, str, str, str, str, str]
    """Where input, output, cached, cache write, reasoning, total and the response's id are."""
    ambiguous: tuple[tuple[int, Names], ...]  # which of these have more than one name, and all of those
    deciding: Names  # whose values decide on operation, provider and model


def layout_of(attributes: Mapping[str, Any], scope: str) -> Layout | None:
    """Return where such a span holds its counts, or None where each must be read by itself."""
    dialect = choose(attributes, scope)

    def there(names: Names) -> Names:
        return tuple(name for name in names if name in attributes)

    families = opened(open_names(attributes))
    source = None if _by_value(attributes, dialect) else _source(attributes, dialect, families)
    if source is None:
        return None
    fields = [there(names) for names in source.tokens[:6]]
    for at, field in enumerate(FIELDS[2:], start=2):
        if not fields[at]:
            more = _from_others(families, field, fields)
            if more is None or objects(attributes):
                return None
            fields[at] = more
    deciding = (
        *(rule.attribute for rule in dialect.operations),
        *dialect.provider,
        *dialect.request_model,
        *dialect.response_model,
        *dialect.model_hints,
        *dialect.host,
    )
    identity = there(tuple(dict.fromkeys(deciding)))
    ids = there(dialect.response_id)
    if len(ids) > 1 or not identity:
        return None
    return Layout(
        dialect=dialect,
        source=source,
        names=(*(next(iter(names), ABSENT) for names in fields), ids[0] if ids else ABSENT),  # type: ignore[arg-type]
        ambiguous=tuple((at, names) for at, names in enumerate(fields) if len(names) > 1),
        deciding=identity,
    )


def _by_value(attributes: Mapping[str, Any], dialect: Dialect) -> bool:
    """Return whether values decide how spans of a dialect with these names are read."""
    names = (*dialect.cache_hit, *dialect.container_if, *(source.attribute for source in dialect.details))
    return dialect.in_json or withheld(attributes, dialect) or any(name in attributes for name in names)


def _source(attributes: Mapping[str, Any], dialect: Dialect, families: Sequence[Opened]) -> Source | None:
    """Return the first source that has a side or a total; None where that depends on values."""
    for source in (*dialect.sources, *(family.source for family in families)):
        tokens = source.tokens
        if source.when and not source.fits(attributes):
            continue
        if source.attribute:
            if source.attribute.partition("#")[0] in attributes:
                return None
        elif tokens.requires:
            return None
        elif any(name in attributes for name in (*tokens.input, *tokens.output, *tokens.total)):
            return source
    return None


def _from_others(families: Sequence[Opened], field: str, fields: Sequence[Names]) -> Names | None:
    """Return the names under which a family has what a set lacks; None where values decide whether they are meant."""
    found: Names = ()
    for family in families:
        tokens, details = family.source.tokens, family.details
        names = getattr(tokens, field)
        if names or details:
            sides = {*tokens.input, *tokens.output}
            if found or details or not sides <= {*fields[0], *fields[1]}:
                return None
            found = names
    return found
