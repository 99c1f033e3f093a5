# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Under gevent: twenty greenlets that each end one LLM span."""

import time

import gevent  # type: ignore[import-untyped]
from gevent import monkey
from opentelemetry.util.genai.handler import get_telemetry_handler


def ask() -> None:
    """Make one LLM span that gives way in its middle."""
    with get_telemetry_handler().inference("openai", request_model="gpt-4o") as call:
        time.sleep(0.01)
        call.input_tokens, call.output_tokens = 1200, 300


gevent.joinall([gevent.spawn(ask) for _ in range(20)], raise_error=True)
print(f"patched: {monkey.is_module_patched('time')}")  # noqa: T201 - what the test looks for
