# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CrewAI: a crew of one."""

from __future__ import annotations

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the crew."""
    from crewai import LLM, Agent, Crew, Task
    from crewai.tools import tool

    instrument_parts(parts, "crewai")
    agent = Agent(
        role="Meteorologist",
        goal="Tell the temperature",
        backstory=tools.INSTRUCTIONS,
        llm=LLM(model="openai/gpt-4o", base_url=f"{url}/v1", api_key="none"),
        tools=[tool(tools.find_station), tool(tools.read_thermometer)],
    )
    task = Task(description=tools.QUESTION, expected_output="The temperature", agent=agent)
    Crew(agents=[agent], tasks=[task]).kickoff()
