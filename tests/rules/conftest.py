# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Prometheus' promtool for the tests of the rules, among the stack's programs: `make stack-test` builds them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# As for tests/stack: other runs leave out what needs the programs.
collect_ignore_glob = [] if os.environ.get("STACK_TESTS") else ["test_promtool.py"]


@pytest.fixture(scope="session")
def promtool() -> Path:
    """promtool; where it has not been built its tests are skipped, and in CI they fail."""
    from examples.stack.native import programs_folder  # noqa: PLC0415 - needs the repository on the path

    found = programs_folder() / "promtool"
    if not found.is_file():
        reason = f"promtool has not been built: `make stack-programs` builds it into {found.parent}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
