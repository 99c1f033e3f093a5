# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Langfuse's wrapper of OpenAI's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.chatting import SCHEMAS, converse

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


def configure(processors: list[SpanProcessor], url: str) -> None:
    """Set Langfuse up over a provider of the application's; what it sends goes to loopback."""
    from langfuse import Langfuse

    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    Langfuse(public_key="none", secret_key="none", base_url=url, tracer_provider=provider)  # noqa: S106 - no secret


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    from langfuse.openai import OpenAI

    client: Any = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    converse(lambda said: client.chat.completions.create(model="gpt-4o", messages=said, tools=SCHEMAS))
