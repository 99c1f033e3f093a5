# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where spans that have the same scope and the same attribute names hold their counts, found once for all of them.

Nothing here decides anything: a layout only says under which names `reader` would find what it looks for, and there is
none where that depends on values (usage as text, a response cache, details in objects).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.usage._dialects import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.usage._dialects import Dialect, Names, Source

ABSENT = ""
"""Stands for the name of what a layout has not: no attribute has an empty name."""


class Layout(NamedTuple):
    """How spans of one scope with the same attribute names are read."""

    dialect: Dialect
    source: Source  # how the counts are to be understood, by provider
    names: tuple[str, str, str, str, str, str, str]
    """Where input, output, cached, cache write, reasoning, total and the response's id are."""
    ambiguous: tuple[int, ...]  # which of these have a second name to look under where the first holds nothing
    deciding: Names  # whose values decide on operation, provider and model


def layout_of(attributes: Mapping[str, Any], scope: str) -> Layout | None:
    """Return where such a span holds its counts, or None where each must be read by itself."""
    dialect = choose(attributes, scope)

    def there(names: Names) -> Names:
        return tuple(name for name in names if name in attributes)

    if (
        there(dialect.cache_hit)
        or there(dialect.container_if)
        or any(s.attribute in attributes for s in dialect.details)
    ):
        return None
    for source in dialect.sources:
        if source.when and not source.fits(attributes):
            continue
        if source.attribute:
            if source.attribute in attributes:
                return None
            continue
        tokens = source.tokens
        if tokens.requires:
            return None
        if there(tokens.input) or there(tokens.output) or there(tokens.total):
            break
    else:
        return None
    fields = (tokens.input, tokens.output, tokens.cached, tokens.cache_write, tokens.reasoning, tokens.total)
    deciding = (
        *(name for name, _, _ in dialect.operations),
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
        names=(*(next(iter(there(names)), ABSENT) for names in fields), ids[0] if ids else ABSENT),  # type: ignore[arg-type]
        ambiguous=tuple(at for at, names in enumerate(fields) if len(there(names)) > 1),
        deciding=identity,
    )
