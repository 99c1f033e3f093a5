# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the calls of a process to one host apart, where a source asks for it."""

from __future__ import annotations

import os
import threading
import time


class Pace:
    """At least `spacing_s` seconds between two calls. One per host and process: see `pace_of`."""

    def __init__(self, spacing_s: float) -> None:
        """Take the spacing; the first call waits for nothing."""
        self._spacing_s = spacing_s
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, closed: threading.Event) -> None:
        """Wait for this call's turn, or until closed. The turn is taken under the lock, the waiting done outside."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._spacing_s
        closed.wait(max(turn - time.monotonic(), 0.0))


_paces: dict[tuple[str, float], Pace] = {}


def pace_of(url: str, spacing_s: float) -> Pace:
    """Return the pace that all sources of this address share."""
    return _paces.setdefault((url, spacing_s), Pace(spacing_s))


def _renew() -> None:
    # A source keeps its own pace object: only its lock and its clock start afresh.
    for pace in _paces.values():
        pace.__init__(pace._spacing_s)  # type: ignore[misc] # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew)
