# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan demo`: an agent on the real SDKs, a loopback server that plays the providers, and carbonspan on top.

Needs no key, no network and no container. `run` is what the command calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from carbonspan.demo import _render as render
from carbonspan.demo._result import Amounts, DemoResult, Run
from carbonspan.demo._runner import STEPS, DemoError, check, trace_agents

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Amounts", "DemoError", "DemoResult", "Run", "run"]


def run(console: Console) -> DemoResult:
    """Run the demo, show it on `console`, and return what was found.

    Sends spans by OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` (or its `_TRACES_` form) is set.

    Raises:
        DemoError: the demo cannot run here; the message says why and what to do.
    """
    check()
    console.print(render.header(console))
    animated = console.is_terminal and not console.record  # a log gets one line a run instead, a recording nothing
    progress = Progress(
        SpinnerColumn(),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not animated,
    )
    with progress:
        task = progress.add_task("", total=STEPS)

        def on_phase(text: str) -> None:
            progress.update(task, description=text)
            if not console.is_terminal:
                console.print(f"... {text}")

        result = trace_agents(on_phase=on_phase, on_step=lambda: progress.advance(task))
    for part in render.report(result, console):
        console.print(part)
    return result
