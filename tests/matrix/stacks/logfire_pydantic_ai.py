# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Pydantic AI under the provider that Logfire makes: what is current are Logfire's wrappers of spans."""

from __future__ import annotations

import logfire

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks import tools
from tests.matrix.stacks.logfire import configure
from tests.matrix.stacks.pydantic_ai import weather

__all__ = ["configure", "run"]


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent under a span of the application."""
    instrument_parts(parts)
    logfire.instrument_pydantic_ai()
    with logfire.span("answer"):
        weather(url).run_sync(tools.QUESTION)
