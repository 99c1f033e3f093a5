# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Strands Agents: its own spans."""

from __future__ import annotations

from strands import Agent, tool
from strands.models.openai import OpenAIModel

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    model = OpenAIModel(client_args={"base_url": f"{url}/v1", "api_key": "none", "max_retries": 0}, model_id="gpt-4o")
    agent = Agent(
        model=model,
        tools=[tool(tools.find_station), tool(tools.read_thermometer)],
        system_prompt=tools.INSTRUCTIONS,
        callback_handler=None,
    )
    agent(tools.QUESTION)
