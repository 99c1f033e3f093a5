# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's client: chat, chat streamed, Responses, Responses streamed, a chat in asyncio, embeddings."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI, OpenAI

from tests.matrix.instrumentors import instrument


def run(url: str, parts: tuple[str, ...]) -> None:
    """Make six calls."""
    for whose in parts:
        instrument("openai", whose)
    said = "How warm is it in Oslo?"
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": said}])
        for _ in client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": said}],
            stream=True,
            stream_options={"include_usage": True},
        ):
            pass
        client.responses.create(model="o3", input=said)
        for _ in client.responses.create(model="o3", input=said, stream=True):
            pass
        client.embeddings.create(model="text-embedding-3-small", input=said)
    asyncio.run(_chat(url, said))


async def _chat(url: str, said: str) -> None:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": said}])
