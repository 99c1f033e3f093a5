# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's client, many times at once: the same question from threads and from tasks, charged the same each time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from openai import AsyncOpenAI, OpenAI

from tests.matrix.instrumentors import instrument_parts

_SAID = "How warm is it in Oslo?"
_CALLS = 6  # of each kind


def run(url: str, parts: tuple[str, ...]) -> None:
    """Make 24 calls, six at a time."""
    instrument_parts(parts, "openai")
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client, ThreadPoolExecutor(_CALLS) as pool:

        def chat(_: int) -> None:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": _SAID}])

        def respond(_: int) -> None:
            client.responses.create(model="gpt-4o", input=_SAID)

        list(pool.map(chat, range(_CALLS)))
        list(pool.map(respond, range(_CALLS)))
    asyncio.run(_tasks(url))


async def _tasks(url: str) -> None:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:

        async def chat() -> None:
            await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": _SAID}])

        async def respond() -> None:
            async for _ in await client.responses.create(model="gpt-4o", input=_SAID, stream=True):
                pass

        await asyncio.gather(*(chat() for _ in range(_CALLS)))
        await asyncio.gather(*(respond() for _ in range(_CALLS)))
