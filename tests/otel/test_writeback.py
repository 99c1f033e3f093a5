# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Getting attributes onto ended spans of the real SDK, without losing the user's."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor, InferenceRecord
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


ASKED: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "server.address": "api.openai.com",
}
COUNTS: dict[str, Any] = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}


def evicting(limit: int, start: dict[str, Any], later: list[dict[str, Any]], **named: str) -> tuple[Any, Any, Any]:
    """End a span under a limit; return the processor, what it counted, and the span."""
    processor, exported = CarbonSpanProcessor(metrics=False), InMemorySpanExporter()
    records: list[InferenceRecord] = []
    processor.subscribe(records.append)
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=limit), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    span = provider.get_tracer(named.get("scope", "my.app")).start_span(
        named.get("name", "call"), context=Context(), attributes=start
    )
    for attributes in later:
        span.set_attributes(attributes)
    span.end()
    processor.counts()
    return processor, records, exported.get_finished_spans()[0]


@pytest.mark.parametrize("messages", [0, 62, 70, 500])
@pytest.mark.parametrize("scope", ["my.app", "opentelemetry.instrumentation.openai.v1", "ai"])
def test_what_a_call_started_with_is_known_when_the_limit_has_evicted_it(scope: str, messages: int) -> None:
    prompts = {f"gen_ai.prompt.{at}.{part}": "text" for at in range(messages) for part in ("role", "content")}
    processor, records, span = evicting(128, ASKED, [prompts, COUNTS], scope=scope)
    assert processor.counts()["enriched"] == 1
    footprint = records[0].footprint
    assert (footprint.energy.model_id, footprint.usage.provider) == ("gpt-4o-mini", "openai")
    assert span.dropped_attributes == max(0, 2 * messages + len(ASKED) + len(COUNTS) - 128)
    # What was evicted stays so, and nothing of the user's is evicted for ours.
    assert len(span.attributes) <= 128
    assert (COUNTS.items() <= span.attributes.items()) is True
    if messages == 500:
        assert not ASKED.keys() & span.attributes.keys()


@pytest.mark.parametrize("limit", range(1, 41))
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("at_start", [True, False])
def test_a_call_is_never_silent_whatever_the_limit_evicts(limit: int, seed: int, at_start: bool) -> None:  # noqa: FBT001
    prompts = {f"gen_ai.prompt.{at}.content": "text" for at in range(20)}
    rest = list((prompts | COUNTS | ({} if at_start else ASKED)).items())
    random.Random(seed).shuffle(rest)
    processor, records, span = evicting(
        limit, ASKED if at_start else {}, [dict([one]) for one in rest], name="chat gpt-4o-mini"
    )
    counts = dict(processor.counts())
    counts.pop("attribute_limit", None)
    assert sum(counts.values()) == 1
    assert counts.keys() <= {"enriched", "partial_usage", "no_usage", "unknown_model"}
    left = COUNTS.keys() & span.attributes.keys()
    if limit >= len(ASKED) or not at_start:  # what is evicted before `on_start` nobody sees
        assert bool(records) == bool(left)
        for record in records:
            assert record.footprint.energy.model_id == "gpt-4o-mini"
            assert counts == {"enriched" if len(left) == 2 else "partial_usage": 1}
    assert len(span.attributes) <= limit


@given(limit=st.integers(0, 12), order=st.permutations([*(ASKED | COUNTS).items(), *((f"a{i}", i) for i in range(9))]))
def test_any_order_under_any_limit_is_read_without_harm(limit: int, order: list[tuple[str, Any]]) -> None:
    processor, _, span = evicting(limit, dict(order[:6]), [dict(order[6:])], name="chat gpt-4o-mini")
    assert "error" not in processor.counts()
    assert len(span.attributes) <= limit


def test_spans_of_other_sorts_are_none_however_much_they_lose() -> None:
    many = {f"a.{at}": at for at in range(300)}
    for start, name in (({}, "GET /"), ({"http.route": "/chat"}, "chat"), ({"db.system": "redis"}, "GET gpt-4o")):
        processor, records, _ = evicting(128, start, [many], name=name)
        assert (dict(processor.counts()), records) == ({}, [])
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    assert dict(evicting(128, tool, [many])[0].counts()) == {}


def test_an_agent_that_lost_its_attributes_is_not_a_gap_beside_its_calls() -> None:
    processor = CarbonSpanProcessor(metrics=False)
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=10), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("opentelemetry.instrumentation.openai.v1")
    with tracer.start_as_current_span("task") as agent:
        tracer.start_span("chat", attributes=ASKED | COUNTS).end()
        agent.set_attributes({f"gen_ai.prompt.{at}.content": "text" for at in range(30)})
    assert processor.counts() == {"enriched": 1, "attribute_limit": 1}


def test_what_a_limited_span_keeps_is_counted_by_the_exporter_as_far_as_it_goes() -> None:
    inner = InMemorySpanExporter()
    exporter = CarbonSpanExporter(inner, metrics=False)
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=30), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("my.app")
    prompts = {f"gen_ai.prompt.{at}.content": "text" for at in range(40)}
    for last in (COUNTS, {}):
        span = tracer.start_span("chat gpt-4o-mini", attributes=ASKED)
        span.set_attributes(prompts)
        span.set_attributes(last)
        span.end()
    assert exporter.counts() == {"enriched": 1, "no_usage": 1}
