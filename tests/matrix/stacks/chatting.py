# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""An agent written out over OpenAI's client: three calls, two tools. For what instruments the client alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from tests.matrix.stacks import tools

if TYPE_CHECKING:
    from collections.abc import Callable

TOOLS = {function.__name__: function for function in (tools.find_station, tools.read_thermometer)}
SCHEMAS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in TOOLS
]


def converse(ask: Callable[[list[Any]], Any]) -> None:
    """Ask until there is an answer, under one span of the application.

    Args:
        ask: Sends the messages and returns the completion.
    """
    said: list[Any] = [{"role": "user", "content": tools.QUESTION}]
    with trace.get_tracer("app").start_as_current_span("answer"):
        while True:
            message = ask(said).choices[0].message
            said.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                return
            for call in message.tool_calls:
                result = TOOLS[call.function.name](**json.loads(call.function.arguments))
                said.append({"role": "tool", "tool_call_id": call.id, "content": result})
