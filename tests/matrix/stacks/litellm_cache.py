# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LiteLLM with its response cache: the same question three times, which is one call of the provider's API."""

from __future__ import annotations

import os

from tests.matrix.stacks import tools


def run(url: str, parts: tuple[str, ...]) -> None:
    """Ask three times; with the part "request_span", LiteLLM makes spans of its own."""
    import litellm

    if "request_span" in parts:
        os.environ["USE_OTEL_LITELLM_REQUEST_SPAN"] = "true"
    litellm.callbacks = ["otel"]
    litellm.cache = litellm.Cache(type="local")
    for _ in range(3):
        litellm.completion(
            model="openai/gpt-4o",
            api_base=f"{url}/v1",
            api_key="none",
            messages=[{"role": "user", "content": tools.QUESTION}],
            caching=True,
            max_retries=0,
        )
    from litellm.litellm_core_utils.thread_pool_executor import executor

    executor.shutdown(wait=True)
