# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How a span is written, as statements made from the dialect tables: which are of interest, the dialect of each.

A dialect that keeps its counts as text in one attribute is not read here: its spans are left as they are. See
docs/how-to/collector-enrichment.md.
"""

from __future__ import annotations

from carbonspan.collector._ottl import any_of, attribute, found, matches, name, plain, put, text
from carbonspan.telemetry._contract import EMISSIONS, ROLE
from carbonspan.usage._dialects import DIALECTS, MARKERS, Dialect

UNREAD = "unread"
"""The dialect of a span that keeps some of its counts as text."""

VERCEL = "vercel"
"""The one dialect whose details are read from an object in an attribute: it is of a language without a processor."""


def covered() -> list[Dialect]:
    """Return the dialects whose counts are attributes first of all, in the order they are tried."""
    return [one for one in DIALECTS if not one.sources[0].attribute]


def is_llm() -> str:
    """Return the condition of a span of an LLM call or a container that has not been handled."""
    there = " or ".join(f"{attribute(marker)} != nil" for marker in sorted(MARKERS))
    return f"{attribute(EMISSIONS)} == nil and {attribute(ROLE)} == nil and ({there})"


def request_models() -> list[str]:
    """Return the attributes that may hold the model that was asked for."""
    return _names_of("request_model")


def response_models() -> list[str]:
    """Return the attributes that may hold the model that answered."""
    return _names_of("response_model")


def _names_of(field: str) -> list[str]:
    ordered = sorted(covered(), key=lambda dialect: dialect is not DIALECTS[-1])
    return list(dict.fromkeys(key for dialect in ordered for key in getattr(dialect, field)))


def encodes() -> str:
    """Return the condition of an operation that only encodes, whatever the dialect."""
    by_attribute: dict[str, set[str]] = {}
    for dialect in covered():
        for key, values, _ in dialect.operations:
            spelled = {word for word, operation in values.items() if operation.output_optional}
            by_attribute.setdefault(key, set()).update(spelled)
    return " or ".join(f"{matches(attribute(key), any_of(sorted(words)))}" for key, words in by_attribute.items())


def dialect() -> list[str]:
    """Return the statements that tell how a span is written, by its scope, else by what it carries; and its classes.

    A class stands for dialects that have the same in one field of the table.
    """
    this, scope = name("dialect"), name("scope")
    ids: dict[str, str] = {}
    alternatives = []
    for one in DIALECTS:
        for pattern in one.scopes:
            ids.setdefault(pattern.removesuffix("*"), one.id)
            alternatives.append(plain(pattern[:-1]) if pattern.endswith("*") else f"{plain(pattern)}$")
    steps = [
        put(this, '""'),
        put(scope, f'ExtractPatterns(scope.name, {text(f"^(?P<s>{chr(124).join(alternatives)})")})["s"]'),
        put(this, found(ids, scope), f"{scope} != nil"),
    ]
    for one in DIALECTS[:-1]:
        there = " or ".join(f"{attribute(marker)} != nil" for marker in one.markers)
        if there:
            steps.append(put(this, text(one.id), f'{this} == "" and ({there})'))
    steps.append(put(this, text(DIALECTS[-1].id), f'{this} == ""'))
    for one in covered():
        if one.details and one.id != VERCEL:
            in_text = " or ".join(f"{attribute(source.attribute)} != nil" for source in one.details)
            steps.append(put(this, text(UNREAD), f"{this} == {text(one.id)} and ({in_text})"))
    return [*steps, put(name("class"), '""'), put(name("class"), found(_classes(), this))]


_CLASSED = ("operations", "container_if", "cache_hit", "provider", "provider_aliases", "sources")


def _classes() -> dict[str, object]:
    """Return the classes of each covered dialect, one for each field of `_CLASSED`."""
    return {one.id: {field: _class_of(one, field) for field in _CLASSED} for one in covered()}


def _class_of(one: Dialect, field: str) -> int:
    alike = [repr(getattr(other, field)) for other in covered()]
    return alike.index(repr(getattr(one, field)))


def alike(field: str) -> list[Dialect]:
    """Return one dialect of each class of a field."""
    firsts = {_class_of(one, field): one for one in reversed(covered())}
    return [firsts[key] for key in sorted(firsts)]


def of(one: Dialect, field: str) -> str:
    """Return the condition that a span's dialect is alike to one in a field."""
    return f'{name("class")}["{field}"] == {_class_of(one, field)}'
