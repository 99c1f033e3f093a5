# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LangChain's agent under Langfuse's callback."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools
from tests.matrix.stacks.langfuse import configure

__all__ = ["configure", "run"]


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    from langfuse.langchain import CallbackHandler

    model = ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key="none", max_retries=0)
    agent = create_agent(
        model, [tools.find_station, tools.read_thermometer], system_prompt=tools.INSTRUCTIONS, name="weather"
    )
    agent.invoke({"messages": [{"role": "user", "content": tools.QUESTION}]}, config={"callbacks": [CallbackHandler()]})
