# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Pydantic AI under the provider that Logfire makes: what is current are Logfire's wrappers of spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import logfire
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


def configure(processors: list[SpanProcessor], _url: str) -> None:
    """Set Logfire up as its users do, with carbonspan beside it."""
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent under a span of the application."""
    instrument_parts(parts)
    logfire.instrument_pydantic_ai()
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
    agent = Agent(
        model,
        instructions=tools.INSTRUCTIONS,
        tools=[tools.find_station, tools.read_thermometer],
        name="weather",
    )
    with logfire.span("answer"):
        agent.run_sync(tools.QUESTION)
