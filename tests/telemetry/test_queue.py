# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The journal between threads: bounded, complete, and never stopped by who reads it."""

from __future__ import annotations

import threading
from typing import Any

from carbonspan.telemetry._queue import Entry, Journal


class Taker:
    """Takes entries in, and may be told to wait or to break."""

    def __init__(self) -> None:
        self.taken: list[bool] = []
        self.errors: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.breaks = False

    def take(self, entry: Entry, *, idle: bool) -> None:  # noqa: ARG002 - the interface's
        self.entered.set()
        self.gate.wait(60)
        if self.breaks:
            raise ValueError("no")
        self.taken.append(idle)

    def swallow(self, error: Exception) -> None:
        self.errors.append(str(error))


def entry(books: Any) -> Entry:
    return Entry(books, ("enriched", None, None, 0, 0), False, None, None, ())  # noqa: FBT003 - a row


def test_a_reader_sees_the_entry_through_that_another_thread_is_at() -> None:
    journal, books = Journal(), Taker()
    books.gate.clear()
    journal.add(entry(books))
    other = threading.Thread(target=journal.drain)
    other.start()
    assert books.entered.wait(60)
    threading.Timer(0.05, books.gate.set).start()
    journal.drain()
    assert books.taken == [True]
    other.join()


def test_a_reader_gives_up_on_a_thread_that_never_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr("carbonspan.telemetry._queue._SEE_THROUGH_S", 0.01)
    journal, books = Journal(), Taker()
    books.gate.clear()
    journal.add(entry(books))
    other = threading.Thread(target=journal.drain)
    other.start()
    assert books.entered.wait(60)
    journal.drain()
    assert books.taken == []
    books.gate.set()
    other.join()


def test_a_full_journal_whose_helper_is_stuck_is_relieved_by_those_who_add() -> None:
    journal, stuck, books = Journal(capacity=10), Taker(), Taker()
    stuck.gate.clear()
    journal.add(entry(stuck))
    for _ in range(100):
        journal.add(entry(books))
    assert len(journal._entries) <= 12
    assert books.taken.count(False) > 50
    stuck.gate.set()
    journal.drain()
    assert len(books.taken) == 100
    assert stuck.taken == [True]


def test_what_breaks_is_swallowed_and_the_rest_goes_on() -> None:
    journal, broken, books = Journal(), Taker(), Taker()
    broken.breaks = True
    for one in (broken, books, broken):
        journal.add(entry(one))
    journal.drain()
    assert broken.errors == ["no", "no"]
    assert books.taken == [True]


def test_many_who_add_and_many_who_read_lose_and_double_nothing() -> None:
    journal, books = Journal(capacity=200), Taker()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            journal.drain()

    def write() -> None:
        for _ in range(2000):
            journal.add(entry(books))

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write) for _ in range(3)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    journal.drain()
    assert len(books.taken) == 6000
