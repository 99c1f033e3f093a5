# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that all run at once and are interrupted as often as the interpreter can."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@contextmanager
def interrupted() -> Iterator[None]:
    """Have threads interrupted after each microsecond.

    Threads must have started before: two that start at once, so interrupted, and measured for coverage, can fail in
    `sys.settrace`.
    """
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)


def at_once(works: Iterable[Callable[[], object]], meanwhile: Callable[[], object] | None = None) -> None:
    """Run each in a thread of its own, all at once, to their ends; and `meanwhile` here until then."""
    functions = list(works)
    together = threading.Barrier(len(functions) + 1)

    def run(work: Callable[[], object]) -> None:
        together.wait(60)
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in functions]
    for thread in threads:
        thread.start()
    with interrupted():
        together.wait(60)
        while meanwhile is not None and any(thread.is_alive() for thread in threads):
            meanwhile()
        for thread in threads:
            thread.join()
