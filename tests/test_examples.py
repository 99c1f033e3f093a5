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
