# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps what carbonspan would log: a command shows it as part of its own output."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from carbonspan.core._options import warn_again

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def collected() -> Iterator[list[str]]:
    """Give the list that warnings go to, and nowhere else; those of an earlier time are among them."""
    handler = _Collected()
    log = logging.getLogger("carbonspan")
    propagated, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        warn_again()  # what was said once already in this process belongs here too
        yield handler.messages
    finally:
        log.removeHandler(handler)
        log.propagate = propagated
