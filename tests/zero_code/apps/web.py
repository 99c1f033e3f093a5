# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A WSGI application: one LLM span a request, marked with the process that made it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from opentelemetry.util.genai.handler import get_telemetry_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def application(_environ: object, start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Answer with the process id."""
    with get_telemetry_handler().inference("openai", request_model="gpt-4o") as call:
        call.input_tokens, call.output_tokens = 1200, 300
        call.attributes["worker.pid"] = os.getpid()
        time.sleep(0.05)  # so that requests at the same time meet different workers
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
