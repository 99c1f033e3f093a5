# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A Celery application over a broker of files: once its worker is ready, six tasks with one LLM span each."""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, signals  # type: ignore[import-untyped]
from opentelemetry.util.genai.handler import get_telemetry_handler

folder = Path(os.environ["BROKER_FOLDER"])
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(folder),
    "data_folder_out": str(folder),
    "control_folder": str(folder / "control"),
}
app.conf.worker_prefetch_multiplier = 1


@app.task  # type: ignore[untyped-decorator] # Celery has no types
def ask() -> None:
    """Make one LLM span, marked with the process that made it."""
    with get_telemetry_handler().inference("openai", request_model="gpt-4o") as call:
        call.input_tokens, call.output_tokens = 1200, 300
        call.attributes["worker.pid"] = os.getpid()
        call.attributes["parent.pid"] = os.getppid()
        time.sleep(0.05)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def start(**_: Any) -> None:
    """Send the tasks."""
    for _number in range(6):
        ask.delay()
