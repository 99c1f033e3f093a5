# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The examples run as they stand, in an interpreter of their own, and print carbon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_one_line_prints_a_span_with_carbon() -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / "one_line.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert '"carbon.emissions.grams"' in done.stdout
    assert '"gen_ai.usage.input_tokens": 1200' in done.stdout
    assert done.stderr == ""


def test_live_grid_joins_each_span_to_its_own_hour() -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / "live_grid.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines() == [
        "hours known: 24, in order: True",
        "0 h ago: 100.0 measured file",
        "6 h ago: 160.0 measured file",
    ]
    assert done.stderr == ""
