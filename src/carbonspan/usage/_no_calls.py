# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What shows that a span without any count is no call of a language model, though it names a model.

The names are `data/usage/no_calls.json`. Only spans that would else be a gap (`no_usage`) are looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from carbonspan.core._tables import load
from carbonspan.usage._dialects import by_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.usage._dialects import Dialect
    from carbonspan.usage._operations import Operation

_TABLE = load("usage/no_calls.json")

STORES: tuple[str, ...] = tuple(_TABLE["stores"])
"""Attributes of a database, a cache or a queue."""

WEB: tuple[str, ...] = tuple(_TABLE["web"])
"""Attributes of a request over HTTP or RPC."""

SCOPES: tuple[str, ...] = tuple(_TABLE["scopes"])
"""How the scopes of general instrumentations begin; those of language models that do, too, are dialects."""

CALLS: tuple[str, ...] = tuple(_TABLE["calls"])
"""Attributes that only a call has."""

SPEECH: str = _TABLE["speech"]["operation"]
"""The operation of speech to text and text to speech."""

SPEECH_PROVIDERS: tuple[str, ...] = tuple(_TABLE["speech"]["providers"])
"""Who offers speech and nothing else."""

SPEECH_MODELS: str = _TABLE["speech"]["models"]
"""Regular expression of the names of models of speech, in lower case."""

_IS_SPEECH = re.compile(SPEECH_MODELS)


def is_no_call(  # noqa: PLR0917 - what the reader has found
    attributes: Mapping[str, object],
    scope: str,
    dialect: Dialect,
    operation: Operation,
    provider: str,
    model: str,
) -> bool:
    """Return whether a span without any count is something other than a call of a language model.

    Args:
        attributes: The span's.
        scope: The name of its instrumentation scope; "" where unknown.
        dialect: What it is read with.
        operation: What it was read as, if only by default.
        provider: Who answers.
        model: Its model.
    """
    if operation.name == SPEECH or provider in SPEECH_PROVIDERS or _IS_SPEECH.search(model.strip().lower()):
        return True

    def has_any(names: tuple[str, ...]) -> bool:
        return any(attributes.get(name) is not None for name in names)

    if has_any(STORES):
        return True
    if not scope or by_scope(scope) is not None:
        return False
    is_general = scope.startswith(SCOPES)
    if _names_operation(attributes, dialect):
        return is_general and has_any(WEB)
    return is_general or has_any(WEB) or not has_any(CALLS)


def _names_operation(attributes: Mapping[str, object], dialect: Dialect) -> bool:
    values = ((attributes.get(rule.attribute), rule.ignored) for rule in dialect.operations)
    return any(isinstance(value, str) and value and value.lower() not in ignored for value, ignored in values)
