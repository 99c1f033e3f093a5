# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LiteLLM as a library: its own callback for OpenTelemetry."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from opentelemetry import trace

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.chatting import SCHEMAS, converse

# Its callback: usage goes onto the span that is current; or onto one of its own; or the newer one, with the
# conventions' names. The first two have a span for the provider's raw answer, too.
FORMS = ("callback", "request_span", "v2")


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent. The forms of the callback are parts of their own."""
    import litellm

    if "request_span" in parts:
        os.environ["USE_OTEL_LITELLM_REQUEST_SPAN"] = "true"
    if "v2" in parts:
        os.environ["LITELLM_OTEL_V2"] = "true"
        from litellm.integrations.otel.logger import OpenTelemetryV2

        # Left to itself it makes a provider of its own.
        litellm.callbacks = [OpenTelemetryV2(tracer_provider=trace.get_tracer_provider())]
    elif {"callback", "request_span"} & set(parts):
        litellm.callbacks = ["otel"]
    instrument_parts(tuple(part for part in parts if part not in FORMS), "litellm")
    asked: dict[str, Any] = {
        "model": "openai/gpt-4o",
        "api_base": f"{url}/v1",
        "api_key": "none",
        "tools": SCHEMAS,
        "max_retries": 0,
    }
    if "v2" in parts:
        asyncio.run(_in_tasks(asked))
        return
    converse(lambda said: litellm.completion(messages=said, **asked))
    # Its callbacks run in threads of its own.
    from litellm.litellm_core_utils.thread_pool_executor import executor

    executor.shutdown(wait=True)


async def _in_tasks(asked: dict[str, Any]) -> None:
    """Ask as a server does: the newer callback tells of asynchronous calls alone."""
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    loop = asyncio.get_running_loop()

    def ask(said: list[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(litellm.acompletion(messages=said, **asked), loop).result()

    await asyncio.to_thread(converse, ask)
    await GLOBAL_LOGGING_WORKER.flush()
