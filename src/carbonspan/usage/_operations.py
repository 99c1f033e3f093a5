# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span's operation stands for in the count: a model call, a container of model calls, or neither.

The vocabulary is `data/usage/operations.json`.
"""

from __future__ import annotations

from typing import NamedTuple

from carbonspan.core._outcome import Role
from carbonspan.core._tables import load


class Operation(NamedTuple):
    """An operation in OpenTelemetry's spelling, and what it stands for."""

    name: str
    role: Role  # inference or container
    aside: bool = False  # no model call of its own (tools, retrieval, guardrails): of no interest without counts
    output_optional: bool = False  # it has no output tokens to report: a missing count is zero


def _vocabulary() -> tuple[dict[str, Operation], Operation]:
    table = load("usage/operations.json")
    known = {}
    for kind, role in (("inference", Role.INFERENCE), ("container", Role.CONTAINER), ("aside", Role.CONTAINER)):
        for name, spellings in table[kind].items():
            operation = Operation(name, role, kind == "aside", name in table["output_optional"])
            known.update(dict.fromkeys(spellings, operation))
    return known, known[table["default"]]


BY_SPELLING, DEFAULT = _vocabulary()

_MAX_NAME = 64
"""Characters kept of an operation in no list: it may become a metric label, and spans hold text of any length."""


def unknown(value: str) -> Operation:
    """Return the operation for a value in no list: a container, so that it counts only if nothing below it does."""
    return Operation(value[:_MAX_NAME], Role.CONTAINER)
