# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where a span's outcome waits to be recorded: one append on the path of a span, all else off it.

A synchronous OpenTelemetry instrument costs about a third of a whole span, and a process has some ten of them to feed.
So a hook only appends, and whoever reads the counts (a metric reader, `counts()`) takes the entries in first. Where
nobody reads for long, a thread of a moment does.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from carbonspan.core._fork import renew_in_child

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from carbonspan.estimate._plan import Figures

# Entries that may wait, about 1 kB each. A reader comes every 60 s by default: from 40 LLM calls a second on, the
# thread helps out. It is started at half of them, so that spans which end meanwhile find room.
CAPACITY = 5000
RELIEF = CAPACITY // 2
# How long a reader waits for another thread to take in the entry it is at: some 20 microseconds, but for the first
# of a process, which may read the prices in, and for a thread that died in the middle.
_SEE_THROUGH_S = 2.0
_NAP_S = 0.0005


class Entry(NamedTuple):
    """What became of one LLM span, and who records it."""

    recorder: Recorder
    outcome: str
    figures: Figures | None  # where it was counted, or answered from a cache
    limited: bool  # it lacked room for some of its attributes
    context: SpanContext | None
    cost: object  # what the span says it cost, as it says it; None where it does not
    labels: tuple[object, ...]  # the values of the attributes that the settings name as labels


class Recorder(Protocol):
    """Who takes entries in: off the path of spans, one at a time."""

    def take(self, entry: Entry, *, idle: bool) -> None:
        """Record one entry; `idle` where nobody waits, so that a slow first time is allowed."""
        ...

    def swallow(self, error: Exception) -> None:
        """Count an error that must not reach the application."""
        ...


class Queue:
    """Entries in the order in which spans ended: bounded, safe between threads, empty in a forked child."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.entries: deque[Entry] = deque()
        """For who appends on the path of a span: beyond `RELIEF` of them, `relieve` is to be called."""
        self._capacity = capacity
        self._relief = min(RELIEF, capacity // 2)
        self._renew()
        renew_in_child(self._after_fork)

    def _renew(self) -> None:
        self._helped = False  # whether a thread was started that takes entries in, and has not ended
        # Entries that a thread is taking in at this moment, by identity, and which thread that is. No lock: two readers
        # that waited for each other would stand still, and a signal handler that reads would wait for itself.
        self._in_flight: dict[int, int] = {}

    def _after_fork(self) -> None:
        # What waited is the parent's to count, and its threads are not here.
        self.entries.clear()
        self._renew()

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry) -> None:
        """Append an entry: all that a span pays for its counts. Takes no lock, and never waits."""
        entries = self.entries
        entries.append(entry)
        if len(entries) > self._relief:
            self.relieve()

    def relieve(self) -> None:
        """Have a thread take the entries in; where there is none to be had, or it lags, take two in here.

        Two for one: so the queue never grows beyond its capacity by more than the threads that add to it.
        """
        helped = self._helped or self._start()
        if not helped or len(self.entries) > self._capacity:
            for _ in range(2):
                self._next(idle=False)

    def _start(self) -> bool:
        self._helped = True
        try:
            # `threading.Thread.start` waits until the new thread runs, which on a busy machine takes long.
            _thread.start_new_thread(self._help, ())
        except RuntimeError:  # no more threads, or the interpreter is about to end
            self._helped = False
        return self._helped

    def _help(self) -> None:
        try:
            self.drain()
        finally:
            self._helped = False

    def drain(self) -> None:
        """Take in all entries that wait now, and see those through that another thread is at. Never raises."""
        for _ in range(len(self.entries)):
            self._next(idle=True)
        here = threading.get_ident()  # whose own entry may be the one that a signal handler interrupts
        others = [key for key, thread in tuple(self._in_flight.items()) if thread != here]
        end_s = time.monotonic() + _SEE_THROUGH_S
        while any(key in self._in_flight for key in others) and time.monotonic() < end_s:
            time.sleep(_NAP_S)

    def _next(self, *, idle: bool) -> None:
        try:
            entry = self.entries.popleft()
        except IndexError:  # another thread was faster
            return
        key = id(entry)
        self._in_flight[key] = threading.get_ident()
        try:
            entry.recorder.take(entry, idle=idle)
        except Exception as error:  # noqa: BLE001 - a reader, a span or a process that ends must not see it
            entry.recorder.swallow(error)
        finally:
            self._in_flight.pop(key, None)


queue = Queue()
"""The process's."""
