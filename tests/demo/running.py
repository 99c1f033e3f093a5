# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The demo run once for all tests that look at what it found, on a machine set up to lead it astray."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from carbonspan import demo

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.demo import DemoResult

WIDTH = 100

# A machine set up for real use, in every way that could lead the demo astray.
ASTRAY = {
    "OPENAI_API_KEY": "sk-a-real-key",
    "OPENAI_BASE_URL": "http://192.0.2.1/v1",
    "ANTHROPIC_API_KEY": "sk-ant-a-real-key",
    "ANTHROPIC_BASE_URL": "http://192.0.2.1",
    "ANTHROPIC_OPEN_TELEMETRY": "true",
    "HTTP_PROXY": "http://192.0.2.1:3128",
    "HTTPS_PROXY": "http://192.0.2.1:3128",
    "OTEL_TRACES_SAMPLER": "always_off",
    "CARBONSPAN_ATTRIBUTES": "minimal",
}


@cache
def demo_run() -> tuple[DemoResult, str, list[Any]]:
    """Return what the demo found, what it showed, and each address that was connected to meanwhile."""
    connected: list[Any] = []
    watching = True
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}  # of tests before this one

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "socket.connect" and threading.get_ident() not in others:
            connected.append(arguments[1])

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            patch.delenv(name)
        for name, value in ASTRAY.items():
            patch.setenv(name, value)
        sys.addaudithook(watch)  # for good: there is no way to remove one
        text = StringIO()
        result = demo.run(Console(file=text, width=WIDTH))
        watching = False
        assert os.environ["ANTHROPIC_OPEN_TELEMETRY"] == "true"
    return result, text.getvalue(), connected


def model_calls(result: DemoResult) -> list[ReadableSpan]:
    """Return the spans of model calls."""
    return [span for span in result.spans if span.attributes and "gen_ai.usage.input_tokens" in span.attributes]
