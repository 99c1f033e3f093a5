# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Pydantic AI: its own spans."""

from __future__ import annotations

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def weather(url: str) -> Agent:
    """Return the agent, which asks OpenAI's API at `url`."""
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    return Agent(
        OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client)),
        instructions=tools.INSTRUCTIONS,
        tools=[tools.find_station, tools.read_thermometer],
        name="weather",
    )


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    Agent.instrument_all()
    weather(url).run_sync(tools.QUESTION)
