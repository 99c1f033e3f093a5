# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Remembers how spans of one shape are read: same scope, same attribute names, so the same names hold the answers.

An application makes spans of a few tens of shapes. For each, the search for names is done once, and what the text
attributes decide (role, operation, provider, model) once for each combination of their values: a span then costs a few
look-ups. Nothing here decides anything: what is remembered is what `reader` found, and it is read afresh in every case
that is not plain.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.usage._dialects import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from carbonspan.core._outcome import Role
    from carbonspan.usage._counts import Reading
    from carbonspan.usage._dialects import Dialect, Names, Operation

# Shapes and combinations kept. Programs that name an attribute or a model per request must not grow them: what comes
# later is read without their help.
_MAX_SHAPES = 512
_MAX_CASES = 64
_MAX_NAMES = 256
_MAX_TEXT = 256

_ABSENT = ""  # no attribute has an empty name


class Case(NamedTuple):
    """What a combination of text values decides."""

    role: Role
    operation: Operation
    provider: str
    model: str
    request_model: str
    reading: Reading


class Shape(NamedTuple):
    """How spans of one scope with the same attribute names are read."""

    dialect: Dialect
    counts: Names  # where input, output, cached, cache write, reasoning and total are
    ambiguous: tuple[int, ...]  # which of these have a second name to look under where the first holds nothing
    response_id: str
    deciding: Names  # whose values decide the case
    identity: Callable[[Mapping[str, Any]], Any]  # these values
    cases: dict[Any, Case]

    def case(self, attributes: Mapping[str, Any]) -> Case | None:
        """Return what the span's texts decide, if that is known."""
        try:
            return self.cases.get(self.identity(attributes))
        except TypeError:  # a list where a text should be
            return None

    def remember(self, attributes: Mapping[str, Any], case: Case) -> None:
        """Keep what a span's texts decide, if they are short and there is room."""
        identity = self.identity(attributes)
        if len(self.cases) < _MAX_CASES and memorable(identity):
            self.cases[identity] = case


def memorable(identity: Any) -> bool:
    """Return whether the values of some attributes may be kept: short texts, that is."""
    values = identity if type(identity) is tuple else (identity,)
    return all(type(value) is str and len(value) <= _MAX_TEXT for value in values)


_shapes: dict[tuple[str, ...], Shape | None] = {}


def shape_of(attributes: Mapping[str, Any], scope: str) -> Shape | None:
    """Return how to read such a span, or None where it takes the long way: usage as text, say, or a response cache."""
    key = (scope, *attributes)
    try:
        return _shapes[key]
    except KeyError:
        shape = _shape(attributes, choose(attributes, scope))
        if len(_shapes) < _MAX_SHAPES and len(key) <= _MAX_NAMES:
            _shapes[key] = shape
        return shape


def _shape(attributes: Mapping[str, Any], dialect: Dialect) -> Shape | None:
    def there(names: Names) -> Names:
        return tuple(name for name in names if name in attributes)

    if (
        there(dialect.cache_hit)
        or there(dialect.container_if)
        or any(s.attribute in attributes for s in dialect.details)
    ):
        return None
    for source in dialect.sources:
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
    return Shape(
        dialect=dialect,
        counts=tuple(next(iter(there(names)), _ABSENT) for names in fields),
        ambiguous=tuple(at for at, names in enumerate(fields) if len(there(names)) > 1),
        response_id=ids[0] if ids else _ABSENT,
        deciding=identity,
        identity=itemgetter(*identity),
        cases={},
    )
