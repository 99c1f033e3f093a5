# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Google's Agent Development Kit, with Gemini: its own spans."""

from __future__ import annotations

import asyncio

from google.adk.agents import LlmAgent
from google.adk.models import Gemini
from google.adk.runners import InMemoryRunner
from google.genai import types

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts, "adk")
    agent = LlmAgent(
        name="weather",
        model=Gemini(model="gemini-2.5-flash", base_url=url),
        instruction=tools.INSTRUCTIONS,
        tools=[tools.find_station, tools.read_thermometer],
    )
    asyncio.run(_run(InMemoryRunner(agent=agent, app_name="weather")))


async def _run(runner: InMemoryRunner) -> None:
    await runner.session_service.create_session(app_name="weather", user_id="u", session_id="s")
    question = types.Content(role="user", parts=[types.Part(text=tools.QUESTION)])
    async for _ in runner.run_async(user_id="u", session_id="s", new_message=question):
        pass
