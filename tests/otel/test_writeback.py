# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Getting attributes onto ended spans of the real SDK, without losing the user's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan.otel import _writeback as writeback
from carbonspan.otel._writeback import Path, path, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Writer(SpanProcessor):
    def __init__(self, new: Mapping[str, object]) -> None:
        self.new = new
        self.missed: int | None = None

    def _on_ending(self, span: Span) -> None:
        self.missed = write(span, read(span), self.new)


class StillRecording(Span):
    """A span whose SDK lets `_on_ending` mutate, as opentelemetry-python #5613 proposes."""

    def end(self, end_time: int | None = None) -> None:
        self._span_processor._on_ending(self)
        self._span_processor = EndOnly(self._span_processor)
        super().end(end_time)


class EndOnly(SpanProcessor):
    def __init__(self, inner: SpanProcessor) -> None:
        self.on_end = inner.on_end  # type: ignore[method-assign]


def exported(processor: SpanProcessor, limit: int = 128, attributes: int = 3, *, batch: bool = False) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=limit), resource=Resource.get_empty())
    provider.add_span_processor(BatchSpanProcessor(exporter) if batch else SimpleSpanProcessor(exporter))
    provider.add_span_processor(processor)
    with provider.get_tracer("t").start_as_current_span("s") as span:
        for i in range(attributes):
            span.set_attribute(f"user.{i}", i)
    provider.shutdown()
    (done,) = exporter.get_finished_spans()
    return done


def test_this_sdk_takes_attributes_in_any_order_of_processors() -> None:
    assert path() in {Path.SET_ATTRIBUTES, Path.REBIND_ENDING}


@pytest.mark.parametrize("batch", [False, True])
def test_an_exporter_registered_first_sees_what_was_written(batch: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001
    writer = Writer({"carbon.a": 1, "carbon.b": "x"})
    span = exported(writer, batch=batch)
    assert span.attributes == {"user.0": 0, "user.1": 1, "user.2": 2, "carbon.a": 1, "carbon.b": "x"}
    assert writer.missed == 0
    assert caplog.text == ""


def test_what_does_not_fit_is_left_out_last_first_and_counted() -> None:
    writer = Writer({"carbon.a": 1, "carbon.b": 2, "carbon.c": 3})
    span = exported(writer, limit=5)
    assert span.attributes == {"user.0": 0, "user.1": 1, "user.2": 2, "carbon.a": 1, "carbon.b": 2}
    assert writer.missed == 1


def test_a_full_span_loses_nothing_and_its_dropped_count_survives(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry.attributes")
    writer = Writer({"carbon.a": 1})
    span = exported(writer, limit=3, attributes=5)
    assert span.attributes == {"user.2": 2, "user.3": 3, "user.4": 4}
    assert (writer.missed, span.dropped_attributes) == (1, 2)


def test_an_attribute_of_the_same_name_stays_the_users() -> None:
    assert (exported(Writer({"user.0": "ours", "carbon.a": 1})).attributes or {})["user.0"] == 0


def test_attributes_stay_immutable() -> None:
    span = exported(Writer({"carbon.a": 1}))
    with pytest.raises(TypeError):
        span._attributes["late"] = 1  # type: ignore[index]


def make_still_recording(limit: int) -> Span:
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=limit), resource=Resource.get_empty())
    span = provider.get_tracer("t").start_span("s", attributes={"user.0": 0, "user.1": 1})
    assert isinstance(span, Span)
    return span


def test_a_span_that_still_records_is_written_by_the_public_api() -> None:
    span = make_still_recording(limit=3)
    assert write(span, read(span), {"user.0": "ours", "carbon.a": 1, "carbon.b": 2}) == 1
    assert dict(span.attributes or {}) == {"user.0": 0, "user.1": 1, "carbon.a": 1}
    span = make_still_recording(limit=4)
    assert write(span, read(span), {"carbon.a": 1, "carbon.b": 2, "carbon.c": 3}) == 1
    assert dict(span.attributes or {}) == {"user.0": 0, "user.1": 1, "carbon.a": 1, "carbon.b": 2}
    span.end()


def test_a_span_another_processor_bound_to_a_plain_dict() -> None:
    span = ReadableSpan("s", attributes={"user.0": 0})
    span._attributes = {"user.0": 0}
    assert write(span, read(span), {"user.0": "ours", "carbon.a": 1}) == 0
    assert dict(span.attributes or {}) == {"user.0": 0, "carbon.a": 1}


def test_a_span_without_attributes() -> None:
    span = ReadableSpan("s")
    assert write(span, read(span), {"carbon.a": 1}) == 0
    assert dict(span.attributes or {}) == {"carbon.a": 1}


@pytest.fixture
def fresh_path() -> Callable[[], Path]:
    path.cache_clear()
    return path


def test_a_disabled_sdk_has_no_spans_to_write_on(
    monkeypatch: pytest.MonkeyPatch, fresh_path: Callable[[], Path], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert fresh_path() is Path.NONE
    assert caplog.text == ""
    path.cache_clear()


def test_an_sdk_that_takes_attributes_nowhere(
    monkeypatch: pytest.MonkeyPatch, fresh_path: Callable[[], Path], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writeback, "write", lambda _span, _new: 0)
    assert fresh_path() is Path.NONE
    assert caplog.text.count("takes no attributes on ended spans") == 1
    path.cache_clear()


def test_an_sdk_that_breaks_the_trial(
    monkeypatch: pytest.MonkeyPatch, fresh_path: Callable[[], Path], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_span: object, _new: object) -> int:
        raise RuntimeError("moved")

    monkeypatch.setattr(writeback, "write", broken)
    assert fresh_path() is Path.NONE
    assert "could not find out" in caplog.text
    path.cache_clear()


def test_an_older_sdk_without_the_ending_hook(monkeypatch: pytest.MonkeyPatch, fresh_path: Callable[[], Path]) -> None:
    # SDK < 1.40 never calls the hook: the same as a probe that has none.
    monkeypatch.delattr(writeback._Probe, "_on_ending")
    assert fresh_path() is Path.REBIND_END
    path.cache_clear()


def test_an_sdk_whose_hook_may_mutate(monkeypatch: pytest.MonkeyPatch, fresh_path: Callable[[], Path]) -> None:
    monkeypatch.setattr("opentelemetry.sdk.trace._Span", StillRecording)
    assert fresh_path() is Path.SET_ATTRIBUTES
    path.cache_clear()
