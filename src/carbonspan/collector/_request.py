# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What may be asked of `configuration.Maker`: apart from it, for a command line that makes nothing."""

from __future__ import annotations

from typing import NamedTuple

WHOLE, STATEMENTS, PIPELINES = "whole", "statements", "pipelines"
PARTS = (WHOLE, STATEMENTS, PIPELINES)


class Request(NamedTuple):
    """What to make."""

    part: str = WHOLE
    statements_file: str = ""  # of `PIPELINES`: where the statements will be
    covered: tuple[str, ...] = ()  # regions, as settings name them; empty: every cloud region
    models: tuple[str, ...] = ()
    timeout_s: float = 10.0
