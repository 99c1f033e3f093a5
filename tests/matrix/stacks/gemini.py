# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Google's client: generate_content, streamed and in asyncio, and an agent's loop of three calls.

The loop is written out: the client's own ("automatic function calling") makes several calls in one, of which every
instrumentation tells the last alone.
"""

from __future__ import annotations

import asyncio
from typing import Any

from google import genai
from google.genai import types

from tests.matrix.api.script import TOOLS
from tests.matrix.instrumentors import instrument

_MODEL, _SAID = "gemini-2.5-flash", "How warm is it in Oslo?"


def run(url: str, parts: tuple[str, ...]) -> None:
    """Make six calls."""
    for whose in parts:
        instrument("gemini", whose)
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
    client.models.generate_content(model=_MODEL, contents=_SAID)
    for _ in client.models.generate_content_stream(model=_MODEL, contents=_SAID):
        pass
    asyncio.run(_generate(url))
    said: list[Any] = [types.UserContent(_SAID)]
    parameters = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    tools = [types.FunctionDeclaration(name=name, description=name, parameters=parameters) for name in TOOLS]
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=tools)])
    while True:
        reply: Any = client.models.generate_content(model=_MODEL, contents=said, config=config)
        said.append(reply.candidates[0].content)
        if not reply.function_calls:
            return
        said += [types.Part.from_function_response(name=c.name, response={"is": 11}) for c in reply.function_calls]


async def _generate(url: str) -> None:
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
    await client.aio.models.generate_content(model=_MODEL, contents=_SAID)
