# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what became of LLM spans, and what was swallowed: exact over threads, safe in a forked child."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("carbonspan")

ATTRIBUTE_LIMIT = "attribute_limit"
ERROR = "error"
EVICTED = "evicted"


class Tally:
    """How many LLM spans had each outcome. One for each processor or exporter."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        # Reentrant: a signal handler that ends a span may interrupt a count on the same thread.
        self._lock = threading.RLock()
        self._logged: set[str] = set()
        if hasattr(os, "register_at_fork"):
            # A child must not inherit a lock that another thread of the parent held at the fork.
            renew = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        self._counts = Counter()  # each process counts its own

    def count(self, outcome: str, times: int = 1, *, limited: bool = False) -> None:
        """Count a span, or several; `limited` where it lacked room for some or all attributes."""
        with self._lock:
            self._counts[outcome] += times
            if limited:
                self._counts[ATTRIBUTE_LIMIT] += 1

    def swallow(self, error: Exception, what: str = "left a span as it was") -> None:
        """Count an error that must not reach the application, and log it once per cause, never per span."""
        self.count(ERROR)
        cause = f"{what}: {type(error).__qualname__}"
        if cause not in self._logged:
            self._logged.add(cause)
            _log.warning("carbonspan %s", what, exc_info=error)

    def counts(self) -> Mapping[str, int]:
        """Return how many spans had each outcome, and how many lacked room."""
        with self._lock:
            return dict(self._counts)
