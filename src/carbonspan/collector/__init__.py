# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The estimate as a configuration of the OpenTelemetry Collector, made from the same tables as the processor's.

Here is only what can be requested: the command imports it without the time that the rest takes.
"""

from __future__ import annotations

from typing import NamedTuple

WHOLE, STATEMENTS, PIPELINES = "whole", "statements", "pipelines"
PARTS = (WHOLE, STATEMENTS, PIPELINES)

STATEMENTS_FILE = "${env:STATEMENTS_FILE:-collector-config/enrichment/statements.yaml}"
"""Where pipelines in a file of their own find the statements, unless `Request` names another place."""


class Request(NamedTuple):
    """What to make."""

    part: str = WHOLE
    statements_file: str = STATEMENTS_FILE  # of `PIPELINES`: where the statements will be
    covered: tuple[str, ...] = ()  # cloud regions, as settings name them; empty: every one
    models: tuple[str, ...] = ()  # names to be known without a look at patterns
    timeout_s: float = 10.0  # how long to wait for live sources
