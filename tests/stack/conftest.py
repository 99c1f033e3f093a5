# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The real Collector, Prometheus and Jaeger for the tests of this folder: `make stack-test` builds and runs them.

Other runs leave this folder out. Where a program has not been built its tests are skipped; in CI they fail instead.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from examples.stack.native import Stack
from tests.stack.needed import built
from tests.stack.running import Traffic, tasks_reach, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

collect_ignore_glob = [] if os.environ.get("STACK_TESTS") else ["test_*.py", "*/test_*.py"]

# Two releases of one service, so that one can be compared with the other.
RELEASES = ("1.4.0", "1.5.0")
ENOUGH_RUNS = 12


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """Return what gives the path of a program: `program("otelcol")`."""

    return built


@pytest.fixture(scope="session")
def programs(program: Callable[[str], Path]) -> None:
    """Have every program of the stack."""
    for name in ("otelcol", "prometheus", "jaeger"):
        program(name)


@pytest.fixture(scope="session")
def stack(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001 - must be there
    """A stack under the traffic of two releases, which goes on while the tests run."""
    folder = tmp_path_factory.mktemp("stack")
    with ExitStack() as running:
        stack = running.enter_context(Stack(folder, evaluation="1s"))
        for release in RELEASES:
            options = ("--release", release, "--instance", f"agent-{release}", "--pause", "1")
            running.enter_context(Traffic(stack, folder, *options))
        for release in RELEASES:
            served = f'service_version="{release}"'
            wait_until(f"traffic of {release}", partial(tasks_reach, stack, ENOUGH_RUNS, served))
        yield stack
