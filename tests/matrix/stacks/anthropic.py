# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Anthropic's client: a message, one streamed, one in asyncio, and two under an agent's span, one with its helper."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anthropic import Anthropic, AsyncAnthropic
from opentelemetry import trace

from tests.matrix.instrumentors import instrument

if TYPE_CHECKING:
    from anthropic.types import MessageParam

_MODEL = "claude-sonnet-4-5"
_SAID: list[MessageParam] = [{"role": "user", "content": "How warm is it in Oslo?"}]


def run(url: str, parts: tuple[str, ...]) -> None:
    """Make five calls."""
    for whose in parts:
        instrument("anthropic", whose)
    with Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        client.messages.create(model=_MODEL, max_tokens=400, messages=_SAID)
        for _ in client.messages.create(model=_MODEL, max_tokens=400, messages=_SAID, stream=True):
            pass
        with trace.get_tracer("app").start_as_current_span("answer"):
            client.messages.create(model=_MODEL, max_tokens=400, messages=_SAID)
            with client.messages.stream(model=_MODEL, max_tokens=400, messages=_SAID) as stream:
                for _ in stream.text_stream:
                    pass
    asyncio.run(_message(url))


async def _message(url: str) -> None:
    async with AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        await client.messages.create(model=_MODEL, max_tokens=400, messages=_SAID)
