# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spans of this process by their ids: found while somebody holds them, and bounded."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, set_span_in_context

from carbonspan.otel import _known as known

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("t")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "recent", deque())
    monkeypatch.setattr(known, "_first", {})
    monkeypatch.setattr(known, "_others", {})
    monkeypatch.setattr(known, "_sweep_at", 1024)


def started(above: Any = None) -> Any:
    span = TRACER.start_span("s", None if above is None else set_span_in_context(above))
    known.recent.append(weakref.ref(span))  # type: ignore[arg-type]
    if len(known.recent) > known.MOST_RECENT:
        known.file()
    return span


def test_a_span_is_found_by_its_ids_while_it_is_held() -> None:
    root = started()
    child, other = started(root), started(root)
    for span in (root, child, other):
        context = span.get_span_context()
        assert known.find(SpanContext(context.trace_id, context.span_id, is_remote=True)) is span
    context = child.get_span_context()
    assert known.find(SpanContext(context.trace_id, 1, is_remote=True)) is None
    assert known.find(SpanContext(1, context.span_id, is_remote=True)) is None
    del child, span
    assert known.find(context) is None
    assert list(known.open_in(context.trace_id)) == [root, other]
    root.end()
    assert list(known.open_in(context.trace_id)) == [other]
    assert list(known.open_in(1)) == []


def test_what_is_gone_is_swept_out_in_one_trace_and_in_many() -> None:
    root = started()
    for _ in range(3000):
        started(root).end()
        started().end()
    known.file()
    assert len(known._first) <= 1025
    assert sum(map(len, known._others.values())) <= 1025
    assert known.sweep() == 1
    assert known.find(root.get_span_context()) is root
    assert known._others == {}


def test_the_first_of_a_trace_may_go_before_the_others() -> None:
    root = started()
    child = started(root)
    known.file()
    del root
    assert known.sweep() == 2
    assert known.find(child.get_span_context()) is child
    del child
    assert known.sweep() == 0
    assert known._first == {}


def test_threads_lose_no_span_of_one_trace() -> None:
    root = started()
    kept: list[Any] = []

    def start() -> None:
        for _ in range(500):
            kept.append(started(root))
            started(root).end()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in kept if known.find(one.get_span_context()) is not one] == []
