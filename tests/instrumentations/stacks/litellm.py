# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LiteLLM as a library: its own callback for OpenTelemetry."""

from __future__ import annotations

import os

from opentelemetry import trace
from tests.instrumentations.instrumentors import instrument_parts
from tests.instrumentations.stacks.chatting import SCHEMAS, converse

# Its callback: usage goes onto the span that is current; or onto one of its own; or the newer one, with the
# conventions' names. The first two have a span for the provider's raw answer, too.
FORMS = ("callback", "request_span", "v2")


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent. The forms of the callback are parts of their own."""
    import litellm

    if "request_span" in parts:
        os.environ["USE_OTEL_LITELLM_REQUEST_SPAN"] = "true"
    if "v2" in parts:
        from litellm.integrations.otel.logger import OpenTelemetryV2

        # Left to itself it makes a provider of its own.
        litellm.callbacks = [OpenTelemetryV2(tracer_provider=trace.get_tracer_provider())]
    elif {"callback", "request_span"} & set(parts):
        litellm.callbacks = ["otel"]
    instrument_parts(tuple(part for part in parts if part not in FORMS), "litellm")
    converse(
        lambda said: litellm.completion(
            model="openai/gpt-4o", api_base=f"{url}/v1", api_key="none", messages=said, tools=SCHEMAS, max_retries=0
        )
    )
    # Its callbacks run in a thread of its own, which is waited for at exit.
    from litellm.litellm_core_utils.thread_pool_executor import executor

    executor.shutdown(wait=True)
