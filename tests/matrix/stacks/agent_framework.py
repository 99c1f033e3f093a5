# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Microsoft Agent Framework: its own spans, an agent asked, and asked again as a stream, on OpenAI or on Anthropic.

What Anthropic counts it passes on: input without the cache.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

# It writes the cached and the reasoning part of its counts only so, and looks once, when it is imported.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"

from agent_framework import Agent
from agent_framework.anthropic import AnthropicClient
from agent_framework.openai import OpenAIChatCompletionClient
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools

if TYPE_CHECKING:
    from collections.abc import Callable


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent twice, on the client that the first part names."""
    client, *instrumentations = parts
    instrument_parts(tuple(instrumentations))
    asyncio.run(_ask(CLIENTS[client], url))


async def _ask(client: Callable[[str], Any], url: str) -> None:
    agent = Agent(
        client=client(url),
        instructions=tools.INSTRUCTIONS,
        name="weather",
        tools=[tools.find_station, tools.read_thermometer],
    )
    await agent.run(tools.QUESTION)
    async for _ in agent.run(tools.QUESTION, stream=True):
        pass


def _on_openai(url: str) -> Any:
    openai = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    return OpenAIChatCompletionClient("gpt-4o", async_client=openai)


def _on_anthropic(url: str) -> Any:
    anthropic = AsyncAnthropic(base_url=url, api_key="none", max_retries=0)
    return AnthropicClient(model="claude-sonnet-4-5", anthropic_client=anthropic)


CLIENTS: dict[str, Callable[[str], Any]] = {"on_openai": _on_openai, "on_anthropic": _on_anthropic}
