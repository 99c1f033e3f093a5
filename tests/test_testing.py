# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What users' tests rest on: the same result in every run, and nothing outside the process."""

from __future__ import annotations

import socket
import sqlite3
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased

from carbonspan.grid import GridSource
from carbonspan.testing import MOMENT, SCOPE, Clock, FixedGrid, Pipeline, SequentialIds, llm_attributes, llm_span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


def written(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def run() -> list[str]:
    """Return all that one run exports, as JSON."""
    with Pipeline(region="zone:GB", grid=FixedGrid({"GB": 200.0})) as carbon:
        clock = Clock()
        root = carbon.tracer.start_span("POST /ask", start_time=clock.ns)
        llm_span(carbon.tracer, at=clock, parent=root)
        llm_span(carbon.tracer, at=clock, parent=root, model="claude-sonnet-4-5", provider="anthropic")
        root.end(clock.ns)
        return [span.to_json() for span in carbon.spans()]


def test_two_runs_export_the_same_to_the_last_character() -> None:
    assert run() == run()


def test_a_fixed_grid_is_what_the_first_span_gets() -> None:
    with Pipeline(region="zone:GB", grid=FixedGrid({"GB": 200.0}), pue=1.5) as carbon:
        got = written(llm_span(carbon.tracer))
        parts = [got[f"carbon.intensity.{part}"] for part in ("g_per_kwh", "zone", "source", "quality", "basis")]
        assert parts == [200.0, "GB", "fixed", "measured", "life-cycle"]
        assert got["carbon.emissions.operational_grams"] == pytest.approx(got["carbon.energy.wh"] / 1000 * 200)
        assert carbon.total("carbon.request.emissions") == got["carbon.emissions.grams"]


def test_a_fixed_grid_may_change_with_the_hour_and_have_many_zones() -> None:
    grid = FixedGrid({"GB": lambda hour: 100.0 + hour.hour, "FR": 30.0}, basis="direct", name="mine")
    regions = {"openai": "zone:GB", "mistral_ai": "zone:FR"}
    with Pipeline(grid=[grid], basis="direct", basis_strict=True, regions=regions) as carbon:
        spans = [
            llm_span(carbon.tracer),
            llm_span(carbon.tracer, at=MOMENT + timedelta(hours=3)),
            llm_span(carbon.tracer, model="mistral-large-2411", provider="mistral_ai"),
        ]
    found = [written(span) for span in spans]
    assert [got["carbon.intensity.g_per_kwh"] for got in found] == [112.0, 115.0, 30.0]
    assert {(got["carbon.intensity.source"], got["carbon.intensity.basis"]) for got in found} == {("mine", "direct")}


def test_two_fixed_grids_of_one_process_do_not_share_their_hours() -> None:
    for g_per_kwh in (100.0, 300.0):
        with Pipeline(region="zone:GB", grid=FixedGrid({"GB": g_per_kwh})) as carbon:
            assert written(llm_span(carbon.tracer))["carbon.intensity.g_per_kwh"] == g_per_kwh


def test_a_pipeline_knows_nothing_of_the_spans_of_another_with_the_same_ids() -> None:
    for limit in (len(llm_attributes()), None, len(llm_attributes()), None):  # no room for carbon, then all there is
        with Pipeline(span_limits=SpanLimits(max_span_attributes=limit)) as carbon:
            with carbon.tracer.start_as_current_span("root"):
                span = llm_span(carbon.tracer, response_id="r1")
            assert carbon.processor.counts()["enriched"] == 1
        assert ("carbon.emissions.grams" in written(span)) is (limit is None)


def test_a_fixed_grid_is_a_grid_source() -> None:
    grid: GridSource = FixedGrid({"GB": 200.0}, at=datetime(2026, 5, 1, 23, tzinfo=timezone.utc))
    assert isinstance(grid, GridSource)
    basis = next(iter(grid.capabilities().bases))
    start = datetime(2026, 5, 9, 6, 30, tzinfo=timezone.utc)
    hours = [value.hour for value in grid.history("GB", start, start + timedelta(hours=2), basis)]
    assert hours == sorted(hours)
    assert hours[0] == datetime(2026, 4, 30, tzinfo=timezone.utc)
    assert [hour.hour for hour in hours[72:]] == [7, 8]
    assert (grid.serves("GB", basis), grid.serves("FR", basis), grid.forecast("GB", basis)) == (True, False, ())
    grid.close()


def test_nothing_outside_the_process_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(sqlite3, "connect", refused)
    before = threading.active_count()
    with Pipeline(region="zone:GB", grid=FixedGrid({"GB": 200.0})) as carbon:
        llm_span(carbon.tracer)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    with Pipeline() as carbon:
        llm_span(carbon.tracer)
        assert threading.active_count() == before
    assert written(carbon.spans()[0])["carbon.emissions.grams"] > 0


def test_the_attributes_of_a_call() -> None:
    assert llm_attributes() == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 300,
    }
    assert llm_attributes(
        model="gpt-5",
        provider="azure.ai.openai",
        operation="generate_content",
        input_tokens=None,
        output_tokens=None,
        response_model="gpt-5-2025-08-07",
        response_id="r1",
        cached_input_tokens=1,
        cache_write_tokens=2,
        reasoning_tokens=3,
        extra={"gen_ai.request.model": "mine", "user.cohort": "free"},
    ) == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "mine",
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.id": "r1",
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "user.cohort": "free",
    }


def test_every_count_of_a_call_is_read() -> None:
    with Pipeline(attributes="full") as carbon:
        llm_span(carbon.tracer, cached_input_tokens=1000, reasoning_tokens=100)
        by_type = {
            name: carbon.total("carbon.request.tokens", {"carbon.token.type": name})
            for name in ("fresh_input", "cached_input", "output", "reasoning")
        }
        assert by_type == {"fresh_input": 200, "cached_input": 1000, "output": 200, "reasoning": 100}
        assert carbon.total("carbon.request.tokens") == 1500
        assert carbon.total("no.such.metric") == 0


def test_a_span_has_the_times_the_name_and_the_parent_it_is_given() -> None:
    clock = Clock()
    with Pipeline(scope="my.client", resource={"service.name": "shop"}) as carbon:
        with carbon.tracer.start_as_current_span("POST /ask") as root:
            first = llm_span(carbon.tracer, at=clock, duration_s=1.5)
        second = llm_span(carbon.tracer, at=clock, parent=root, name="mine", attributes={"llm.token_count.prompt": 1})
    start_ns = int(MOMENT.timestamp()) * 10**9
    assert (first.start_time, first.end_time) == (start_ns, start_ns + 1_500_000_000)
    assert (second.start_time, second.end_time) == (first.end_time, clock.ns)
    assert clock.time == MOMENT + timedelta(seconds=3.5)
    assert (first.name, second.name) == ("chat gpt-4o", "mine")
    assert first.parent == second.parent == root.get_span_context()
    assert (first.kind, first.resource.attributes["service.name"]) == (trace.SpanKind.CLIENT, "shop")
    assert first.instrumentation_scope is not None
    assert first.instrumentation_scope.name == "my.client"
    assert [span.name for span in carbon.spans()] == ["chat gpt-4o", "POST /ask", "mine"]
    assert [span.name for span in carbon.spans("mine")] == ["mine"]


def test_ids_count_up() -> None:
    with Pipeline(sampler=TraceIdRatioBased(0.01)) as carbon:
        contexts = [llm_span(carbon.tracer).context for _ in range(3)]
    assert [(context.trace_id, context.span_id) for context in contexts if context] == [(1, 1), (2, 2), (3, 3)]
    ids = SequentialIds(first=7)
    assert (ids.generate_trace_id(), ids.generate_span_id(), ids.generate_trace_id()) == (7, 7, 8)


def test_other_processors_see_what_was_written_before_the_exporter_does() -> None:
    seen: list[dict[str, Any]] = []

    class Watch(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(written(span))

    with Pipeline(processors=[Watch()], span_limits=SpanLimits(max_span_attributes=7)) as carbon:
        llm_span(carbon.tracer)
    assert list(seen[0]) == [*llm_attributes(), "carbon.emissions.grams", "carbon.energy.wh"]
    assert carbon.processor.counts() == {"enriched": 1, "attribute_limit": 1}


def test_what_was_measured_can_be_read_after_the_end() -> None:
    with Pipeline() as carbon:
        llm_span(carbon.tracer)
    assert carbon.total("carbonspan.spans", {"carbonspan.outcome": "enriched"}) == 1
    with Pipeline(metrics=False) as carbon:
        llm_span(carbon.tracer)
        assert carbon.metrics() == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"at": datetime(2026, 1, 1)}, "allowed: a datetime with a time zone"),  # noqa: DTZ001 - that is what is wrong
        ({"attributes": {}, "model": "gpt-5"}, "attributes are given, and model too; allowed: one of both"),
        ({"tracer": trace.NoOpTracer()}, "allowed: a tracer of the SDK whose sampler keeps the span"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], message: str) -> None:
    with Pipeline() as carbon, pytest.raises(ValueError, match=message):
        llm_span(**{"tracer": carbon.tracer, **wrong})
    with Pipeline(sampler=ALWAYS_OFF) as carbon, pytest.raises(ValueError, match="the span is not recorded"):
        llm_span(carbon.tracer)
    with pytest.raises(ValueError, match="did you mean 'region'"):
        Pipeline(regin="EU")  # type: ignore[call-arg]


def test_scope_is_the_default() -> None:
    with Pipeline() as carbon:
        scope = llm_span(carbon.tracer).instrumentation_scope
    assert scope is not None
    assert scope.name == SCOPE
