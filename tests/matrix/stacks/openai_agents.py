# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's Agents SDK, over Responses."""

from __future__ import annotations

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_trace_processors
from openai import AsyncOpenAI

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    set_trace_processors([])  # its own exporter would send to its maker
    instrument_parts(parts, "openai_agents")
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    agent = Agent(
        name="weather",
        instructions=tools.INSTRUCTIONS,
        tools=[function_tool(tools.find_station), function_tool(tools.read_thermometer)],
        model=OpenAIResponsesModel("gpt-4o", openai_client=client),
    )
    Runner.run_sync(agent, tools.QUESTION)
