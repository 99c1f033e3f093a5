# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a span's attributes into a `Usage`: the engine over the dialect tables, with no dialect of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from carbonspan.core._outcome import ENCODING, Role
from carbonspan.core._text import clean
from carbonspan.core.values import Usage
from carbonspan.usage import _embedded as embedded, _providers as providers
from carbonspan.usage._counts import NOTHING
from carbonspan.usage._dialects import MARKERS, choose
from carbonspan.usage._no_calls import is_no_call
from carbonspan.usage._operations import NO_CALL, Operation, ended_as, unknown_operation
from carbonspan.usage._sets import counts_of, sets_of

if TYPE_CHECKING:
    from carbonspan.usage._dialects import Dialect
    from carbonspan.usage._names import Names

Get = Callable[[str], object]

_MAX_TEXT = 256
"""Characters kept of a model or response id. The longest in use, Bedrock ARNs, stay below; spans hold any text."""


def read(attributes: Mapping[str, object], scope: str = "", events: Sequence[Any] = ()) -> Usage | None:
    """Return what an ended span says was consumed, or None where it is no span of an LLM call or of a container.

    The cost for any other span is one look at its attribute names. A plain `dict` is read as it is; any other mapping
    is copied once it is known to be of interest, for theirs answer a miss with an exception.

    Tools, retrieval, guardrails and the like make no model call of their own: they are None, unless they carry token
    counts (repeated from below them), and then containers. So is a span that only names a model and is of something
    else: a cache, a web framework, speech.

    Args:
        attributes: The span's attributes. Values may be of any type; nothing in them raises.
        scope: The name of the span's instrumentation scope; "" where unknown.
        events: The events on it: some instrumentations put the usage there.

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
    return _read(attributes, choose(attributes, scope), scope, events)


def _read(attributes: dict[str, Any], dialect: Dialect, scope: str, events: Sequence[Any]) -> Usage | None:
    get = attributes.get
    if dialect.in_json:
        get = partial(embedded.text_at, get)
    request_model = _text(get, dialect.request_model)
    model = _text(get, dialect.response_model) or request_model
    provider = _provider(get, dialect, model)
    found = sets_of(attributes, dialect, events)
    measured = any(one.measures for one in found)
    operation = _operation(get, dialect, known=measured or model != "", is_call=measured and model != "")
    if operation is NO_CALL or (not measured and (operation.auxiliary or not operation.name)):
        return None  # a tool, say; or a mark of a provider with no operation, model or count beside it
    tokens_total: int | None = None
    if not measured:
        if operation.role is Role.INFERENCE and is_no_call(attributes, scope, dialect, operation, provider, model):
            return None
        counts = NOTHING
    else:
        counts, tokens_total = counts_of(
            found, provider, model, encodes=operation.name in ENCODING, output_optional=operation.output_optional
        )
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


def _operation(get: Get, dialect: Dialect, *, known: bool, is_call: bool) -> Operation:
    """Return the span's operation.

    Args:
        get: Looks up attributes.
        dialect: What the span is read with.
        known: Whether a span that names none has a model or counts.
        is_call: Whether it has both.
    """
    other: Operation | str = ""
    for rule in dialect.operations:
        value = get(rule.attribute)
        if isinstance(value, str) and value:
            spelled = value[:_MAX_TEXT].strip().lower()
            if spelled in rule.ignored:
                continue
            found = rule.values.get(spelled)
            if found is not None:
                return found
            other = other or (value[:_MAX_TEXT] if rule.others is None else ended_as(rule.others, spelled))
    if isinstance(other, Operation):
        return other
    if other or not known:
        return unknown_operation(other, is_call=is_call)
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
