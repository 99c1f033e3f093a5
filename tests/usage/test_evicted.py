# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of a span that the SDK's limit took attributes from: what its name says, and whether it was a call."""

from __future__ import annotations

from typing import Any

import pytest

from carbonspan.usage import read, recovered, was_call

OPENAI = "opentelemetry.instrumentation.openai.v1"
PROMPTS = {"gen_ai.prompt.7.content": "text"}
USAGE = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}


@pytest.mark.parametrize(
    ("attributes", "scope", "name", "expected"),
    [
        (PROMPTS, OPENAI, "openai.chat", True),
        (PROMPTS, "my.app", "call", True),
        ({}, OPENAI, "openai.chat", True),
        ({"a": 1}, OPENAI, "chat", True),
        ({"a": 1}, "my.app", "chat gpt-4o", True),
        ({"a": 1}, "", "chat claude-sonnet-4-5", True),
        ({"gen_ai.request.model": "gpt-4o"}, "my.app", "call", True),
        ({"gen_ai.provider.name": "openai"}, "", "call", True),
        ({"gen_ai.operation.name": "chat"}, "my.app", "call", True),
        ({"llm.input_messages.0.message.content": "x"}, "openinference.instrumentation.openai", "ChatCompletion", True),
        # Nothing shows a call.
        ({"a": 1}, "my.app", "chat with a friend", False),
        ({"a": 1}, "my.app", "chat", False),
        ({"a": 1}, "my.app", "GET", False),
        ({"a": 1}, OPENAI, "call", False),
        ({"gen_ai.agent.name": "a"}, "my.app", "work", False),
        # It is of something else.
        (PROMPTS | {"db.system": "redis"}, "my.app", "chat gpt-4o", False),
        (PROMPTS, "opentelemetry.instrumentation.fastapi", "POST /chat", False),
        (PROMPTS, "my.app", "invoke_agent helper", False),
        ({"gen_ai.tool.name": "t"}, OPENAI, "chat", False),
        ({"gen_ai.operation.name": "execute_tool", **PROMPTS}, OPENAI, "chat", False),
        (PROMPTS, OPENAI, "transcription whisper-1", False),
    ],
)
def test_whether_it_was_a_call(attributes: dict[str, Any], scope: str, name: str, expected: bool) -> None:  # noqa: FBT001
    assert was_call(attributes, scope, name) is expected


@pytest.mark.parametrize("scope", ["my.app", OPENAI, "opentelemetry.instrumentation.genai.openai", ""])
def test_a_name_stands_for_what_is_gone(scope: str) -> None:
    found = read(recovered(USAGE, scope, "embeddings text-embedding-3-small"), scope)
    assert found is not None
    assert (found.operation, found.model) == ("embeddings", "text-embedding-3-small")


def test_a_name_never_replaces_what_is_there() -> None:
    whole = USAGE | {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    assert recovered(whole, "my.app", "embeddings text-embedding-3-small") == whole
    assert recovered(USAGE, "my.app", "do something") == USAGE
    assert "gen_ai.request.model" not in recovered(USAGE, "my.app", "chat with a friend")
    assert recovered(USAGE, "my.app", "invoke_agent helper")["gen_ai.operation.name"] == "invoke_agent"
