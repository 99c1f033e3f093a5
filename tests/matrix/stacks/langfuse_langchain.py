# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""LangChain's agent under Langfuse's callback."""

from __future__ import annotations

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.langchain import ask
from tests.matrix.stacks.langfuse import configure

__all__ = ["configure", "run"]


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts)
    from langfuse.langchain import CallbackHandler

    ask(url, callbacks=[CallbackHandler()])
