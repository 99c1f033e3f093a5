# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Prometheus' promtool for the tests of the rules, among the stack's programs: `make stack-test` builds them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.stack.needed import built

if TYPE_CHECKING:
    from pathlib import Path

# As for tests/stack: other runs leave out what needs the programs.
collect_ignore_glob = [] if os.environ.get("STACK_TESTS") else ["test_promtool.py"]


@pytest.fixture(scope="session")
def promtool() -> Path:
    """promtool; where it has not been built its tests are skipped, and in CI they fail."""
    return built("promtool")
