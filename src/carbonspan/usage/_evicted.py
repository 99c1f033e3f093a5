# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span of which the SDK's limit has evicted attributes still says by its name, and whether it was a call.

The SDK drops the oldest attributes beyond OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: model, provider and operation, which most
instrumentations set first. Only spans that have lost some come here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.core._outcome import Role
from carbonspan.usage import _no_calls as no_calls, _providers as providers
from carbonspan.usage._dialects import by_scope, choose
from carbonspan.usage._operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.usage._operations import Operation

# What the names begin with that calls carry: the conventions', OpenLLMetry's and OpenInference's, the Vercel AI SDK's.
_OF_CALLS = ("gen_ai.", "llm.", "ai.model.", "ai.prompt", "ai.response.", "ai.settings.", "ai.usage.")
# Those of them that show another sort of span, and those that agents and workflows have, too.
_OF_TOOLS = ("gen_ai.tool.", "ai.toolCall.", "tool.")
_OF_ANY = ("gen_ai.agent.", "gen_ai.workflow.", "gen_ai.conversation.", "gen_ai.evaluation.", "gen_ai.data_source.")
_MAX_NAME = 256


def recovered(attributes: Mapping[str, object], scope: str, name: str) -> Mapping[str, object]:
    """Return attributes with the operation and the model that the span's name says, where they have none themselves.

    The conventions name a span by its operation and model: `chat gpt-4o`.

    Args:
        attributes: What is left of a span's attributes.
        scope: The name of its instrumentation scope.
        name: Its own.
    """
    operation, model = _named(name)
    if operation is None:
        return attributes
    dialect = choose(attributes, scope)
    more: dict[str, object] = {}
    if dialect.operations and all(attributes.get(rule.attribute) is None for rule in dialect.operations):
        more[dialect.operations[0].attribute] = operation.name
    models = (*dialect.response_model, *dialect.request_model)
    if model and dialect.request_model and all(attributes.get(key) is None for key in models):
        more[dialect.request_model[0]] = model
    return {**attributes, **more} if more else attributes


def was_call(attributes: Mapping[str, object], scope: str, name: str) -> bool:
    """Return whether a span without counts was a call of a language model, by what is left of it.

    Args:
        attributes: What is left of its attributes.
        scope: The name of its instrumentation scope.
        name: Its own.
    """
    if any(attributes.get(key) is not None for key in no_calls.STORES):
        return False
    known = scope != "" and by_scope(scope) is not None
    if not known and scope.startswith(no_calls.SCOPES):
        return False
    operation, model = _operation(attributes, scope), ""
    if operation is None:
        operation, model = _named(name)
    if operation is not None and (operation.role is not Role.INFERENCE or operation.name == no_calls.SPEECH):
        return False
    if any(key.startswith(_OF_TOOLS) for key in attributes):
        return False
    # A word of a name is a sign only beside another one.
    return (
        any(key.startswith(_OF_CALLS) and not key.startswith(_OF_ANY) for key in attributes)
        or (operation is not None and known)
        or (operation is not None and bool(providers.inferred("", model)))
    )


def _operation(attributes: Mapping[str, object], scope: str) -> Operation | None:
    for rule in choose(attributes, scope).operations:
        value = attributes.get(rule.attribute)
        if isinstance(value, str) and value and value.lower() not in rule.ignored:
            return rule.values.get(value.lower())
    return None


def _named(name: str) -> tuple[Operation | None, str]:
    """Return the operation that a span's name begins with, and the model after it; None and "" where it has none."""
    first, _, model = name[:_MAX_NAME].strip().partition(" ")
    for word in (first, first.rpartition(".")[2]):  # chat gpt-4o, openai.chat
        found = OPERATIONS.get(word.lower())
        if found is not None:
            return found, model.strip() if found.role is Role.INFERENCE and " " not in model.strip() else ""
    return None, ""
