# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Logfire's instrumentation of OpenAI's client, under the provider that Logfire makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import logfire
from openai import OpenAI

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.chatting import SCHEMAS, converse

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


def configure(processors: list[SpanProcessor], _url: str) -> None:
    """Set Logfire up as its users do, with carbonspan beside it."""
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    client: Any = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    logfire.instrument_openai(client)
    converse(lambda said: client.chat.completions.create(model="gpt-4o", messages=said, tools=SCHEMAS))
