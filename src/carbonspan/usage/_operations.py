# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an operation counts as: one model call, what holds model calls, or what makes none; however it is spelled.

The table is `data/usage/operations.json`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._outcome import Role
from carbonspan.core._tables import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TABLE = load("usage/operations.json")


class Operation(NamedTuple):
    """An operation in OpenTelemetry's spelling, and what it counts as."""

    name: str
    role: Role  # inference or container
    auxiliary: bool = False  # no model call of its own (tools, retrieval, guardrails): read only if it carries counts
    output_optional: bool = False  # it has no output tokens to report: a missing count is zero


def _operations() -> dict[str, Operation]:
    known = {}
    for group, role in (("inference", Role.INFERENCE), ("container", Role.CONTAINER), ("auxiliary", Role.CONTAINER)):
        for name, spellings in _TABLE[group].items():
            operation = Operation(name, role, group == "auxiliary", name in _TABLE["output_optional"])
            known.update(dict.fromkeys(spellings, operation))
    return known


OPERATIONS: dict[str, Operation] = _operations()
"""Every operation by each of its spellings, in lower case."""

DEFAULT_OPERATION: Operation = OPERATIONS[_TABLE["default"]]
"""The operation of a span that names none."""

OUTPUT_OPTIONAL: frozenset[str] = frozenset(one.name for one in OPERATIONS.values() if one.output_optional)
"""Operations without output tokens to report, by name: a missing count is zero."""

NO_CALL = Operation("", Role.CONTAINER, auxiliary=True)
"""What is of no interest even if it repeats the counts of a call."""

PATTERNS: tuple[tuple[str, Operation], ...] = tuple((pattern, OPERATIONS[name]) for pattern, name in _TABLE["patterns"])
"""Regular expressions, lower case, of spellings in no list; the first that is found in one decides."""

_PATTERNS = tuple((re.compile(pattern), operation) for pattern, operation in PATTERNS)

_MAX_NAME = 64
"""Characters kept of an operation in no list: it may become a metric label, and spans hold text of any length."""

_CACHE_SIZE = 512
"""Operations kept. An application has some tens; programs that make up names must not fill memory."""


class Rule(NamedTuple):
    """An attribute that may hold the operation."""

    attribute: str
    values: Mapping[str, Operation]  # by spelling, in lower case
    ignored: frozenset[str]  # values that say nothing, in lower case
    others: Mapping[str, Operation] | None = None  # by how a value in no list ends; what ends otherwise is no call


def rules(entries: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules of a dialect's entry, and after them those that hold for any span."""
    named = {entry["attribute"]: entry for entry in (*entries, *_TABLE["anywhere"])}
    own = {entry["attribute"]: entry for entry in entries}
    return tuple(_rule(entry) for entry in (named | own).values())


def _rule(entry: Mapping[str, Any]) -> Rule:
    values = OPERATIONS | {word.lower(): _named(name) for word, name in entry.get("values", {}).items()}
    others = entry.get("others")
    return Rule(
        entry["attribute"],
        values,
        frozenset(word.lower() for word in entry.get("ignore", ())),
        None if others is None else {end.lower(): _named(name) for end, name in others.items()},
    )


def _named(name: str) -> Operation:
    return OPERATIONS[name] if name else NO_CALL


@lru_cache(maxsize=_CACHE_SIZE)
def unknown_operation(value: str, *, is_call: bool) -> Operation:
    """Return the operation for a value in no list.

    Args:
        value: As the span has it; callers cut it.
        is_call: Whether the span has a model and counts: then it is a call, unless its name says what else it is. One
            without is a container, so that it counts only if nothing below it does.
    """
    name = value.strip().lower()
    for pattern, operation in _PATTERNS:
        if pattern.search(name):
            if operation.role is Role.INFERENCE and not is_call:
                break
            return operation if operation.role is Role.INFERENCE else operation._replace(name=value[:_MAX_NAME])
    return Operation(value[:_MAX_NAME], Role.INFERENCE if is_call else Role.CONTAINER)


def ended_as(others: Mapping[str, Operation], value: str) -> Operation:
    """Return the operation of a value by how it ends, in lower case; `NO_CALL` where it ends otherwise."""
    return next((operation for end, operation in others.items() if value.endswith(end)), NO_CALL)
