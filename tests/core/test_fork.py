# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""State is renewed in a forked child, in order, and objects are not kept alive for it."""

from __future__ import annotations

import gc
import os
import weakref

import pytest

from carbonspan.core import _fork
from carbonspan.core._fork import hold_over_fork, renew_in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")


class Noted:
    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes
        renew_in_child(self.renew)

    def renew(self) -> None:
        self.notes.append(self.name)


def _in_child(notes: list[str]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ",".join(notes).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()


def test_methods_and_functions_are_called_in_the_child_in_their_order_and_not_in_the_parent() -> None:
    notes: list[str] = []
    first, second = Noted("first", notes), Noted("second", notes)

    def function() -> None:
        notes.append("function")

    renew_in_child(function)
    try:
        assert _in_child(notes) == "first,second,function"
        assert notes == []
    finally:
        _fork._renewals.popitem()  # a function would stay
    del first, second


def test_what_is_held_over_a_fork_is_given_back_in_parent_and_child_before_renewals() -> None:
    notes: list[str] = []
    hold_over_fork(lambda: notes.append("take 1"), lambda: notes.append("give back 1"))
    hold_over_fork(lambda: notes.append("take 2"), lambda: notes.append("give back 2"))
    noted = Noted("renewed", notes)
    held = ["take 1", "take 2", "give back 2", "give back 1"]
    try:
        assert _in_child(notes).split(",") == [*held, noted.name]
        assert notes == held
    finally:
        del _fork._holds[-2:]


def test_an_object_is_not_kept_alive_and_leaves_nothing_behind() -> None:
    gc.collect()
    before = len(_fork._renewals)
    noted = Noted("gone", [])
    gone = weakref.ref(noted)
    assert len(_fork._renewals) == before + 1
    del noted
    gc.collect()
    assert gone() is None
    assert len(_fork._renewals) == before
