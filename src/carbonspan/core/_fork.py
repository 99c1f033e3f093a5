# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Renews state in a forked child: locks that another thread of the parent held, and what is the parent's to report."""

from __future__ import annotations

import os
import weakref
from types import MethodType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# In the order in which they came; a method goes with its object.
_renewals: dict[Callable[[], Callable[[], None] | None], None] = {}


def renew_in_child(renewal: Callable[[], None]) -> None:
    """Have a function, or a method for as long as its object lives, called in every child forked from now on.

    It runs in the child before any other code of the application, and may neither raise nor wait. Where there is no
    fork (Windows), it is never called.
    """
    if isinstance(renewal, MethodType):
        _renewals[weakref.WeakMethod(renewal, lambda gone: _renewals.pop(gone, None))] = None
    else:
        _renewals[lambda: renewal] = None


def _renew_all() -> None:
    for found in tuple(_renewals):
        renewal = found()
        if renewal is not None:
            renewal()


if hasattr(os, "register_at_fork"):
    # Once for all: what is registered there is never let go, however many processors an application makes.
    os.register_at_fork(after_in_child=_renew_all)
