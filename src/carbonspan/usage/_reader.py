# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a span's attributes into a `Usage`: the engine over the dialect tables, with no dialect of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from carbonspan.core._outcome import ENCODING, Outcome, Role
from carbonspan.core._text import clean
from carbonspan.core.values import Usage
from carbonspan.usage import _embedded as embedded, _providers as providers
from carbonspan.usage._counts import NOTHING, consistent, count
from carbonspan.usage._dialects import MARKERS, choose, unknown_operation
from carbonspan.usage._no_calls import is_no_call

if TYPE_CHECKING:
    from carbonspan.core.values import Counts
    from carbonspan.usage._counts import Raw
    from carbonspan.usage._dialects import Dialect, Names, Operation, Source, TokenSet

Get = Callable[[str], object]

_MAX_TEXT = 256
"""Characters kept of a model or response id. The longest in use, Bedrock ARNs, stay below; spans hold any text."""


def read(attributes: Mapping[str, object], scope: str = "") -> Usage | None:
    """Return what an ended span says was consumed, or None where it is no span of an LLM call or of a container.

    The cost for any other span is one look at its attribute names. A plain `dict` is read as it is; any other mapping
    is copied once it is known to be of interest, for theirs answer a miss with an exception.

    Tools, retrieval, guardrails and the like make no model call of their own: they are None, unless they carry token
    counts (repeated from below them), and then containers. So is a span that only names a model and is of something
    else: a cache, a web framework, speech.

    Args:
        attributes: The span's attributes. Values may be of any type; nothing in them raises.
        scope: The name of the span's instrumentation scope; "" where unknown.

    Returns:
        Normalised usage (tokens) with role inference, container or cached. `problem` describes the counts whatever the
        role: a container without usage of its own has `no_usage` too.
    """
    if type(attributes) is not dict:
        if not attributes or MARKERS.isdisjoint(attributes):
            return None
        attributes = dict(attributes)
    elif attributes.keys().isdisjoint(MARKERS):
        return None
    return _read(attributes, choose(attributes, scope), scope)


def _read(attributes: dict[str, Any], dialect: Dialect, scope: str) -> Usage | None:
    get = attributes.get
    request_model = _text(get, dialect.request_model)
    model = _text(get, dialect.response_model) or request_model
    provider = _provider(get, dialect, model)
    sets = _sets(attributes, dialect)
    found = next(sets, None)
    operation = _operation(get, dialect, known=found is not None or model != "")
    if found is None and (operation.auxiliary or not operation.name):
        return None  # a tool, say; or a mark of a provider with no operation, model or count beside it
    tokens_total: int | None = None
    if found is None:
        if operation.role is Role.INFERENCE and is_no_call(attributes, scope, dialect, operation, provider, model):
            return None
        counts = NOTHING
    else:
        raw, source = found
        counts = consistent(raw, source.reading(provider, model), operation.output_optional)
        if counts[-1]:  # what is wrong with one set does not hide another, and a part does not hide the whole
            others = [
                (consistent(other, one.reading(provider, model), operation.output_optional), count(other[-1]))
                for other, one in sets
            ]
            counts, tokens_total = max(((counts, count(raw[-1])), *others), key=_completeness)
            if counts[0] is None and operation.name in ENCODING:
                counts = NOTHING  # what it consumes is its input
            if counts[-1] != Outcome.PARTIAL_USAGE or counts[0] is not None or counts[1] is not None:
                tokens_total = None
    role, cache_hit = operation.role, False
    if dialect.container_if and _first(get, dialect.container_if) is not None:
        role = Role.CONTAINER
    if dialect.cache_hit and _is_true(_first(get, dialect.cache_hit)):
        role, cache_hit = Role.CACHED, True
    tokens_in, tokens_out, cached, cache_write, reasoning, problem = counts
    return Usage(
        role,
        operation.name,
        provider,
        model,
        request_model,
        dialect.id,
        tokens_in,
        tokens_out,
        cached,
        cache_write,
        reasoning,
        _text(get, dialect.response_id),
        cache_hit,
        problem,
        tokens_total,
    )


def _completeness(found: tuple[Counts, int | None]) -> int:
    """Return how much counts say: more for the whole than for one side, and for that than for only the total."""
    tokens_in, tokens_out, *_, problem = found[0]
    if problem == Outcome.PARTIAL_USAGE:
        return 1 if tokens_in is tokens_out is None else 2
    return 0 if problem else 3


def _first(get: Get, names: Names) -> object:
    """Return the value of the first name that is present, or None."""
    for name in names:
        value = get(name)
        if value is not None:
            return value
    return None


def text(value: object) -> str:
    """Return a value that is text with something in it, cut to the length kept, or ""."""
    return clean(value, _MAX_TEXT) if isinstance(value, str) and value and not value.isspace() else ""


def _text(get: Get, names: Names) -> str:
    """Return the first name's value that is text with something in it, or ""."""
    for name in names:
        found = text(get(name))
        if found:
            return found
    return ""


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value[:8].lower() == "true")


def _operation(get: Get, dialect: Dialect, *, known: bool) -> Operation:
    """Return the span's operation; `known` says whether a span that names none has a model or counts."""
    other = ""
    for name, values, ignored in dialect.operations:
        value = get(name)
        if isinstance(value, str) and value and value not in ignored:
            found = values.get(value)
            if found is not None:
                return found
            other = other or value
    if other or not known:
        return unknown_operation(other)
    return dialect.default_operation


def _provider(get: Get, dialect: Dialect, model: str) -> str:
    """Return who answers: the first name that holds a provider, not a framework; else by dialect, host or model."""
    for name in dialect.provider:
        value = get(name)
        if isinstance(value, str) and value:
            short = clean(value, _MAX_TEXT)
            found = dialect.provider_aliases.get(short.lower()) if dialect.provider_aliases else None
            found = found or providers.canonical(short)
            if found:
                return found
    if dialect.default_provider:
        return dialect.default_provider
    hint = _text(get, dialect.model_hints) if dialect.model_hints else ""
    return providers.inferred(_text(get, dialect.host), hint or model)


def _first_count(get: Get, names: Names) -> object:
    """Return the value of the first name that holds a count, else that of the first that is present, or None."""
    present = None
    for name in names:
        value = get(name)
        if value is not None:
            if count(value) is not None:
                return value
            present = value if present is None else present
    return present


def _sets(attributes: dict[str, Any], dialect: Dialect) -> Iterator[tuple[Raw, Source]]:
    """Yield the counts of each source that has any, with that source."""
    get = attributes.get
    parsed = ""  # the attribute that `found` was parsed from: several shapes may share one
    found: dict[str, object] | None = None
    for source in dialect.sources:
        if source.when and not source.fits(attributes):
            continue
        lookup: Get = get
        if source.attribute:
            if source.attribute != parsed:
                parsed, found = source.attribute, embedded.parse(get(source.attribute))
            if found is None:
                continue
            lookup = found.get
        raw = _set(lookup, source.tokens)
        if raw is not None:
            yield (_detailed(get, dialect, raw) if dialect.details else raw), source


def _set(get: Get, names: TokenSet) -> Raw | None:
    """Return one set of counts, None where it has neither side nor a total."""
    if names.requires and _first(get, names.requires) is None:
        return None
    tokens_in, tokens_out = _first_count(get, names.input), _first_count(get, names.output)
    total = _first_count(get, names.total) if names.total else None
    if tokens_in is None and tokens_out is None and total is None:
        return None
    cached, write = _first_count(get, names.cached), _first_count(get, names.cache_write)
    return tokens_in, tokens_out, cached, write, _first_count(get, names.reasoning), total


def _detailed(get: Get, dialect: Dialect, raw: Raw) -> Raw:
    """Return the counts with missing details filled from the objects the dialect keeps them in."""
    tokens_in, tokens_out, cached, write, reasoning, total = raw
    for source in dialect.details:
        if count(cached) is not None and count(write) is not None and count(reasoning) is not None:
            break
        found = embedded.parse(get(source.attribute))
        if found is not None:
            names = source.tokens
            cached = _first_count(found.get, names.cached) if count(cached) is None else cached
            write = _first_count(found.get, names.cache_write) if count(write) is None else write
            reasoning = _first_count(found.get, names.reasoning) if count(reasoning) is None else reasoning
    return tokens_in, tokens_out, cached, write, reasoning, total
