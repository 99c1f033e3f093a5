# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The queue between threads: bounded, complete, and never stopped by who reads it."""

from __future__ import annotations

import threading
from typing import Any

from carbonspan.telemetry._queue import Entry, Queue


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


def entry(recorder: Any) -> Entry:
    return Entry(recorder, "enriched", None, False, None, None, ())  # noqa: FBT003 - a row


def test_a_reader_sees_the_entry_through_that_another_thread_is_at() -> None:
    queue, recorder = Queue(), Taker()
    recorder.gate.clear()
    queue.add(entry(recorder))
    other = threading.Thread(target=queue.drain)
    other.start()
    assert recorder.entered.wait(60)
    threading.Timer(0.05, recorder.gate.set).start()
    queue.drain()
    assert recorder.taken == [True]
    other.join()


def test_a_reader_gives_up_on_a_thread_that_never_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr("carbonspan.telemetry._queue._SEE_THROUGH_S", 0.01)
    queue, recorder = Queue(), Taker()
    recorder.gate.clear()
    queue.add(entry(recorder))
    other = threading.Thread(target=queue.drain)
    other.start()
    assert recorder.entered.wait(60)
    queue.drain()
    assert recorder.taken == []
    recorder.gate.set()
    other.join()


def test_a_full_queue_whose_helper_is_stuck_is_relieved_by_those_who_add() -> None:
    queue, stuck, recorder = Queue(capacity=10), Taker(), Taker()
    stuck.gate.clear()
    queue.add(entry(stuck))
    for at in range(100):
        queue.add(entry(recorder))
        if at == 4:  # half of it waits: the helper is called, and gets stuck
            assert stuck.entered.wait(60)
    assert len(queue.entries) <= 12
    assert recorder.taken.count(False) > 50
    stuck.gate.set()
    queue.drain()
    assert len(recorder.taken) == 100
    assert stuck.taken == [True]


def test_what_breaks_is_swallowed_and_the_rest_goes_on() -> None:
    queue, broken, recorder = Queue(), Taker(), Taker()
    broken.breaks = True
    for one in (broken, recorder, broken):
        queue.add(entry(one))
    queue.drain()
    assert broken.errors == ["no", "no"]
    assert recorder.taken == [True]


def test_many_who_add_and_many_who_read_lose_and_double_nothing() -> None:
    queue, recorder = Queue(capacity=200), Taker()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            queue.drain()

    def write() -> None:
        for _ in range(2000):
            queue.add(entry(recorder))

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write) for _ in range(3)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    queue.drain()
    assert len(recorder.taken) == 6000
