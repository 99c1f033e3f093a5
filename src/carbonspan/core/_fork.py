# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The one place that knows of forks: what is renewed in a child, and what is held while one is made."""

from __future__ import annotations

import os
import weakref
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What returns a renewal, or None where it went with its object; in the order in which they came.
_renewals: dict[object, Callable[[], Callable[[], None] | None]] = {}


def renew_in_child(renewal: Callable[[], None]) -> None:
    """Have a function, or a method for as long as its object lives, called in every child forked from now on.

    It runs in the child before any other code of the application, and may neither raise nor wait. Where there is no
    fork (Windows), it is never called.
    """
    if not isinstance(renewal, MethodType):
        _renewals[renewal] = lambda: renewal
        return
    function, function_of = renewal.__func__, object()  # the latter only to know it by

    # Not `weakref.WeakMethod`: what it calls back may find its module gone, when the interpreter ends.
    def forget(_: object, renewals: dict[object, Any] = _renewals) -> None:
        renewals.pop(function_of, None)

    owner = weakref.ref(renewal.__self__, forget)

    def found() -> Callable[[], None] | None:
        living = owner()
        return None if living is None else MethodType(function, living)

    _renewals[function_of] = found


_holds: list[tuple[Callable[[], None], Callable[[], None]]] = []


def hold_over_fork(take: Callable[[], None], give_back: Callable[[], None]) -> None:
    """Have `take` called before each fork, and `give_back` after it: in the parent, and in the child before renewals.

    What was taken last is given back first. Neither may raise; `take` may wait, but not for long.
    """
    _holds.append((take, give_back))


def _take_all() -> None:
    for take, _ in _holds:
        take()


def _give_back_all() -> None:
    for _, give_back in reversed(_holds):
        give_back()


def _renew_all() -> None:
    _give_back_all()
    for found in tuple(_renewals.values()):
        renewal = found()
        if renewal is not None:
            renewal()


if hasattr(os, "register_at_fork"):
    # Once for all: what is registered there is never let go, however many processors an application makes.
    os.register_at_fork(before=_take_all, after_in_parent=_give_back_all, after_in_child=_renew_all)
