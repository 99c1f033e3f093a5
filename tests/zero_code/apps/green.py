# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Under gevent: twenty greenlets that each end one LLM span."""

import time

import gevent  # type: ignore[import-untyped]
from gevent import monkey
from opentelemetry import trace
from opentelemetry.util.genai.handler import get_telemetry_handler


def ask() -> None:
    """Make one LLM span that gives way in its middle."""
    with get_telemetry_handler().inference("openai", request_model="gpt-4o") as call:
        time.sleep(0.01)
        call.input_tokens, call.output_tokens = 1200, 300


gevent.joinall([gevent.spawn(ask) for _ in range(20)], raise_error=True)
# Not left to the SDK's exit handler: under gevent, Python 3.12 refuses the thread its exporter needs there, with
# carbonspan or without ("can't create new thread at interpreter shutdown").
trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
print(f"patched: {monkey.is_module_patched('time')}")  # noqa: T201 - what the test looks for
