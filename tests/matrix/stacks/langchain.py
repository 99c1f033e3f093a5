# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LangChain's agent, which is a graph of LangGraph's."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def ask(url: str, **config: Any) -> None:
    """Ask the agent, which asks OpenAI's API at `url`, under a configuration of LangChain's."""
    model = ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key="none", max_retries=0)
    agent = create_agent(
        model, [tools.find_station, tools.read_thermometer], system_prompt=tools.INSTRUCTIONS, name="weather"
    )
    agent.invoke({"messages": [{"role": "user", "content": tools.QUESTION}]}, config=config)


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts, "langchain")
    ask(url)
