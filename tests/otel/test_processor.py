# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The one line, against the real SDK: what arrives at the exporter, in any order, and what never happens."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    SpanLimits,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import carbonspan
from carbonspan import CarbonSpanProcessor
from carbonspan.core._options import OPTIONS
from carbonspan.core.values import Energy, Level, Range
from carbonspan.estimate._estimator import Estimator
from carbonspan.otel._writeback import Path
from carbonspan.telemetry._contract import ATTRIBUTES, OF_PARTIAL_USAGE, TASK
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.core.values import Usage

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes(response_model="gpt-4o-2024-08-06", cached_input_tokens=1000, extra={"user.cohort": "enterprise"})
# 2026-03-01T12:00:00Z
START_NS = 1_772_366_400_000_000_000
SECOND_NS = 1_000_000_000


def end_span(
    processor: CarbonSpanProcessor,
    attributes: dict[str, Any],
    *,
    first: bool = True,
    batch: bool = False,
    scope: str = SCOPE,
    start_ns: int = START_NS,
    end_ns: int = START_NS + 2 * SECOND_NS,
    limits: SpanLimits | None = None,
    multi: SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor | None = None,
) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    exporting = BatchSpanProcessor(exporter) if batch else SimpleSpanProcessor(exporter)
    provider = TracerProvider(
        resource=Resource.get_empty(), span_limits=limits, active_span_processor=multi, shutdown_on_exit=False
    )
    for one in (processor, exporting) if first else (exporting, processor):
        provider.add_span_processor(one)
    span = provider.get_tracer(scope).start_span("chat gpt-4o", start_time=start_ns, attributes=attributes)
    span.end(end_time=end_ns)
    provider.shutdown()
    (done,) = exporter.get_finished_spans()
    return done


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("multi", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
def test_one_line_in_any_order_writes_everything_and_keeps_the_users_attributes(
    first: bool,  # noqa: FBT001
    batch: bool,  # noqa: FBT001
    multi: Callable[[], SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor],
    caplog: pytest.LogCaptureFixture,
) -> None:
    processor = CarbonSpanProcessor()
    span = end_span(processor, CHAT, first=first, batch=batch, multi=multi())
    got = dict(span.attributes or {})
    assert {key: got[key] for key in CHAT} == CHAT
    written = {*(a.name for a in ATTRIBUTES if a.level is not Level.FULL), *TASK} - OF_PARTIAL_USAGE
    assert set(got) - set(CHAT) == written
    assert processor.counts() == {"enriched": 1}
    assert caplog.text == ""


def test_the_figures_of_one_span_by_hand() -> None:
    # gpt-4o: 0.539 J fresh input, 0.0539 J cached, 4.04 J output; 200 fresh, 1000 cached, 300 out, 1200 in all.
    # 0.539 * 200 * (1 + 1200/110000) + 0.0539 * 1000 + 4.04 * 300 = 108.976 + 53.9 + 1212 = 1374.876 J at the server.
    # Sweden Central: zone SE (Electricity Maps 2025: SE-SE3), Azure PUE 1.172.
    span = end_span(CarbonSpanProcessor(attributes="full", regions={"openai": "azure:swedencentral"}), CHAT)
    got: dict[str, Any] = dict(span.attributes or {})
    server_wh = 1374.876 / 3600
    pue, g_per_kwh = got["carbon.site.pue"], got["carbon.intensity.g_per_kwh"]
    assert pue == pytest.approx(1.172)
    assert got["carbon.energy.wh"] == pytest.approx(server_wh * pue, rel=1e-6)
    assert got["carbon.emissions.operational_grams"] == pytest.approx(server_wh * pue * g_per_kwh / 1000, rel=1e-6)
    assert got["carbon.emissions.embodied_grams"] == pytest.approx(server_wh * 40 / 1000, rel=1e-6)
    assert got["carbon.emissions.grams"] == pytest.approx(server_wh * (pue * g_per_kwh + 40) / 1000, rel=1e-6)
    # Cached: 1000 tokens at 0.539 J each with the long-context term, less the 53.9 J that reading them did cost.
    saved_wh = (0.539 * 1000 * (1 + 1200 / 110_000) - 53.9) / 3600
    assert got["carbon.emissions.cache_savings_grams"] == pytest.approx(
        saved_wh * (pue * g_per_kwh + 40) / 1000, rel=1e-6
    )
    assert got["carbon.emissions.low_grams"] < got["carbon.emissions.grams"] < got["carbon.emissions.high_grams"]
    assert got["carbon.region.name"] == "swedencentral"
    assert got["carbon.region.method"] == "setting"
    assert got["carbon.intensity.basis"] == "life-cycle"
    assert got["carbon.intensity.hour"] == "2026-03-01T12:00:00Z"
    assert got["carbon.model.id"] == "gpt-4o"
    assert got["carbon.model.evidence"] == "D"
    assert got["carbon.method.nature"] == "estimated"
    assert (got["carbon.usage.input_tokens"], got["carbon.usage.cached_input_tokens"]) == (1200, 1000)


@pytest.mark.parametrize("level", list(Level))
def test_each_level_writes_what_the_table_says(level: Level) -> None:
    span = end_span(CarbonSpanProcessor(attributes=level), CHAT)
    order = list(Level)
    expected = {a.name for a in ATTRIBUTES if order.index(a.level) <= order.index(level)} - OF_PARTIAL_USAGE
    expected |= set() if level is Level.MINIMAL else {*TASK}
    absent = {"carbon.usage.reasoning_tokens"}  # this span does not report them: unknown, not zero
    assert {key for key in span.attributes or {} if key.startswith("carbon.")} == expected - absent


def test_a_span_that_is_no_llm_call_is_left_alone() -> None:
    processor = CarbonSpanProcessor()
    attributes = {"http.request.method": "GET", "url.full": "http://127.0.0.1/"}
    assert end_span(processor, attributes, scope="requests").attributes == attributes
    assert processor.counts() == {}


def test_a_container_without_usage_counts_nothing_and_says_so() -> None:
    processor = CarbonSpanProcessor()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o"}
    assert end_span(processor, agent).attributes == {**agent, "carbon.role": "container"}
    assert processor.counts() == {"container": 1}


def test_an_answer_from_a_response_cache_emits_nothing() -> None:
    processor = CarbonSpanProcessor()
    hit = {**CHAT, "litellm.cache_hit": True}
    got = dict(end_span(processor, hit, scope="litellm").attributes or {})
    assert got.get("carbon.role") == "cached"
    assert "carbon.emissions.grams" not in got
    assert processor.counts() == {"cached": 1}


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, True, "many", "1,200", 10**15])
def test_impossible_token_counts_are_counted_and_the_span_left_as_it_was(bad: object) -> None:
    processor = CarbonSpanProcessor()
    attributes = {**CHAT, "gen_ai.usage.input_tokens": bad, "gen_ai.usage.output_tokens": bad}
    got = dict(end_span(processor, attributes).attributes or {})
    assert repr(got) == repr(attributes)
    assert processor.counts() == {"invalid_usage": 1}


WHOLE = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 300}


@pytest.mark.parametrize(
    ("counts", "reported"),
    [
        ({"gen_ai.usage.input_tokens": 1200}, "input"),
        ({"gen_ai.usage.output_tokens": 300}, "output"),
        ({"gen_ai.usage.total_tokens": 1500}, "total"),
        ({"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": -1}, "input"),
        ({"gen_ai.usage.input_tokens": math.nan, "gen_ai.usage.output_tokens": "300"}, "output"),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.total_tokens": 1500}, "total"),
    ],
)
def test_one_side_or_the_total_is_estimated_marked_and_never_free(counts: dict[str, Any], reported: str) -> None:
    bare = {key: value for key, value in CHAT.items() if "usage" not in key}
    truth: dict[str, Any] = dict(end_span(CarbonSpanProcessor(), bare | WHOLE).attributes or {})
    processor = CarbonSpanProcessor(attributes="full")
    got: dict[str, Any] = dict(end_span(processor, bare | counts).attributes or {})
    low, central, high = (got[f"carbon.emissions.{name}"] for name in ("low_grams", "grams", "high_grams"))
    assert 0.0 < low < central < high
    assert low < truth["carbon.emissions.grams"] < high
    assert low < truth["carbon.emissions.low_grams"]
    assert high > truth["carbon.emissions.high_grams"]
    assert (got["carbon.usage.reported"], got["carbon.model.evidence"]) == (reported, "F")
    written = {key[13:-7]: value for key, value in got.items() if key.startswith("carbon.usage.") and "_t" in key}
    assert written == {reported: {"input": 1200, "output": 300, "total": 1500}[reported]}
    assert processor.counts() == {"partial_usage": 1}


def test_a_container_with_one_side_counts_where_nothing_below_it_does() -> None:
    processor = CarbonSpanProcessor()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.output_tokens": 300}
    got = dict(end_span(processor, agent).attributes or {})
    assert got["carbon.role"] == "container"
    assert got["carbon.usage.reported"] == "output"
    assert processor.counts() == {"partial_usage": 1}


def test_an_embedding_has_no_other_side() -> None:
    processor = CarbonSpanProcessor()
    embedding = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    got = end_span(processor, embedding | {"gen_ai.usage.input_tokens": 800}).attributes
    assert "carbon.usage.reported" not in (got or {})
    end_span(processor, embedding | {"gen_ai.usage.output_tokens": 800})
    assert processor.counts() == {"enriched": 1, "no_usage": 1}


def test_two_zeros_are_what_instrumentations_write_where_they_do_not_know() -> None:
    processor = CarbonSpanProcessor()
    zeros = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    attributes = {**{key: value for key, value in CHAT.items() if "usage" not in key}, **zeros}
    assert end_span(processor, attributes).attributes == attributes
    assert processor.counts() == {"no_usage": 1}


def test_missing_token_counts_are_counted_and_the_span_left_as_it_was() -> None:
    processor = CarbonSpanProcessor()
    attributes = {key: value for key, value in CHAT.items() if "usage" not in key}
    assert end_span(processor, attributes).attributes == attributes
    assert processor.counts() == {"no_usage": 1}


@pytest.mark.parametrize("model", ["", "x" * 10_000, "a-model-nobody-has-heard-of"])
def test_an_unknown_model_is_never_zero(model: str) -> None:
    processor = CarbonSpanProcessor()
    attributes = {**CHAT, "gen_ai.request.model": model, "gen_ai.response.model": model}
    got: dict[str, Any] = dict(end_span(processor, attributes).attributes or {})
    assert got["carbon.emissions.grams"] > 0
    assert got["carbon.model.id"].startswith("class:")
    assert got["carbon.model.evidence"] == "E"
    assert processor.counts() == {"unknown_model": 1}


def test_a_clock_that_ran_backwards() -> None:
    got = dict(end_span(CarbonSpanProcessor(), CHAT, end_ns=START_NS - 10**18).attributes or {})
    assert got["carbon.intensity.hour"] == "2026-03-01T12:00:00Z"


def test_a_full_span_keeps_the_users_attributes_and_is_counted() -> None:
    processor = CarbonSpanProcessor()
    attributes = {**CHAT, **{f"user.{i}": i for i in range(128 - len(CHAT))}}
    assert end_span(processor, attributes).attributes == attributes
    assert processor.counts() == {"enriched": 1, "attribute_limit": 1}


def test_a_span_with_room_for_one_gets_the_most_important() -> None:
    limits = SpanLimits(max_span_attributes=len(CHAT) + 1)
    got = dict(end_span(CarbonSpanProcessor(), CHAT, limits=limits).attributes or {})
    assert set(got) - set(CHAT) == {"carbon.emissions.grams"}


def test_a_span_that_lacks_room_for_one_counts_as_limited() -> None:
    processor = CarbonSpanProcessor()
    minimal = sum(a.level is not Level.FULL and a.name not in OF_PARTIAL_USAGE for a in ATTRIBUTES)
    end_span(processor, CHAT, limits=SpanLimits(max_span_attributes=len(CHAT) + minimal - 1))
    assert processor.counts() == {"enriched": 1, "attribute_limit": 1}


def test_two_processors_count_once() -> None:
    processor, second = CarbonSpanProcessor(), CarbonSpanProcessor()
    multi = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    multi.add_span_processor(second)
    end_span(processor, CHAT, multi=multi)
    assert (second.counts(), processor.counts()) == ({"enriched": 1}, {"already_enriched": 1})


def test_a_role_that_a_user_gave_a_tool_leaves_it_a_tool() -> None:
    processor = CarbonSpanProcessor()
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    for one in (processor, SimpleSpanProcessor(exporter)):
        provider.add_span_processor(one)
    tracer = provider.get_tracer(SCOPE)
    tool = {"gen_ai.operation.name": "execute_tool", "carbon.role": "mine"}
    with tracer.start_as_current_span("tool", attributes=tool):
        tracer.start_span("chat", attributes=CHAT).end()
    assert processor.counts() == {"enriched": 1}
    assert (exporter.get_finished_spans()[-1].attributes or {})["carbon.task.inferences"] == 1


def test_whatever_breaks_inside_is_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    processor = CarbonSpanProcessor()

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Estimator, "estimate", broken)
    with caplog.at_level(logging.WARNING, "carbonspan"):
        assert end_span(processor, CHAT).attributes == CHAT
        assert end_span(processor, CHAT).attributes == CHAT
    assert processor.counts() == {"error": 2}
    assert caplog.text.count("carbonspan left a span as it was") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a platform without fork has no child to protect")
def test_a_child_forked_while_another_thread_counts_does_not_wait_for_it() -> None:
    code = f"""
import os, signal
from opentelemetry.sdk.trace import TracerProvider
from carbonspan import CarbonSpanProcessor
processor = CarbonSpanProcessor()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(processor)
tracer = provider.get_tracer({SCOPE!r})
tracer.start_span("chat", attributes={CHAT!r}).end()
assert processor.counts() == {{"enriched": 1}}
tracer.start_span("chat", attributes={CHAT!r}).end()
from carbonspan.telemetry._metrics import instruments
for lock in (processor._handler.recorder._lock, instruments()._lock):
    lock.acquire()  # as a thread that does not exist in the child
child = os.fork()
if child == 0:
    signal.alarm(60)
    assert processor.counts() == {{}}, "what the parent counted, and what waited, is the parent's"
    tracer.start_span("chat", attributes={CHAT!r}).end()
    os._exit(0 if processor.counts() == {{"enriched": 1}} else 1)
assert os.waitpid(child, 0)[1] == 0
assert processor.counts() == {{"enriched": 2}}
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)  # noqa: S603 - our own code


def test_an_sdk_that_takes_no_attributes_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.otel.processor.path", lambda: Path.NONE)
    processor = CarbonSpanProcessor()
    assert end_span(processor, CHAT).attributes == CHAT
    assert processor.counts() == {"enriched": 1}


def test_a_wrapper_that_does_not_pass_the_ending_hook_on() -> None:
    processor = CarbonSpanProcessor()
    attributes: dict[str, Any] = dict(CHAT)
    span = ReadableSpan("chat", attributes=attributes, start_time=START_NS, end_time=START_NS + 1)
    processor.on_end(span)
    assert (span.attributes or {})["carbon.emissions.grams"]
    assert processor.force_flush()
    processor.on_start(None)  # type: ignore[arg-type]
    processor.shutdown()


def test_threads_under_such_a_wrapper_lose_no_span() -> None:
    processor = CarbonSpanProcessor(metrics=False)

    def end_many() -> None:
        for n in range(1000):
            start_ns = START_NS + n
            processor.on_end(ReadableSpan("chat", attributes=dict(CHAT), start_time=start_ns, end_time=start_ns + 1))

    threads = [threading.Thread(target=end_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(processor.counts().values()) == 4 * 1000


def test_many_threads_count_exactly() -> None:
    processor = CarbonSpanProcessor()
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer(SCOPE)

    def work() -> None:
        for _ in range(200):
            tracer.start_span("chat", attributes=CHAT).end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert processor.counts()["enriched"] == 1600


def test_a_wrong_option_says_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="option 'attributes' is 'verbose'; allowed: minimal, standard, full"):
        CarbonSpanProcessor(attributes="verbose")


def test_strict_basis_without_a_figure_leaves_the_span_alone() -> None:
    processor = CarbonSpanProcessor(basis="marginal", basis_strict=True)
    assert end_span(processor, CHAT).attributes == CHAT
    assert processor.counts() == {"no_intensity": 1}


def test_the_ecologits_model_by_name() -> None:
    got: dict[str, Any] = dict(
        end_span(CarbonSpanProcessor(energy="ecologits", attributes="full"), CHAT).attributes or {}
    )
    assert got["carbon.method.energy"].startswith("ecologits/")
    assert got["carbon.emissions.grams"] > 0


def test_a_texts_length_limit_of_the_span_holds_for_ours() -> None:
    limits = SpanLimits(max_span_attribute_length=12)
    got = dict(end_span(CarbonSpanProcessor(attributes="full"), CHAT, limits=limits).attributes or {})
    assert all(len(value) <= 12 for value in got.values() if isinstance(value, str))
    assert got["carbon.method.boundary"] == "inference: s"


def test_what_the_cache_saved_is_unknown_where_the_cache_is() -> None:
    attributes = {key: value for key, value in CHAT.items() if "cache" not in key}
    got = dict(end_span(CarbonSpanProcessor(), attributes).attributes or {})
    assert "carbon.emissions.grams" in got
    assert "carbon.emissions.cache_savings_grams" not in got


def test_the_requested_model_keeps_the_routing_prefix_that_the_response_drops() -> None:
    attributes = {
        **CHAT,
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    }
    got = dict(end_span(CarbonSpanProcessor(), attributes).attributes or {})
    assert (got["carbon.region.name"], got["carbon.region.method"]) == ("EU", "model_prefix")


def test_a_span_without_a_start_takes_the_hour_of_its_end() -> None:
    attributes: dict[str, Any] = dict(CHAT)
    span = ReadableSpan("chat", attributes=attributes, end_time=START_NS)
    CarbonSpanProcessor().on_end(span)
    assert (span.attributes or {})["carbon.intensity.hour"] == "2026-03-01T12:00:00Z"


class OneJouleAToken:
    name, version = "test", "1"

    def estimate(self, usage: Usage) -> Energy:
        it_j = Range.exactly(float((usage.input_tokens or 0) + (usage.output_tokens or 0)))
        return Energy(it_j, 0.0, "mine", model_known=True, tier="small", evidence="A", method="test/1")


def test_an_energy_model_of_the_users() -> None:
    processor = CarbonSpanProcessor(energy=OneJouleAToken(), pue=1.0)
    got: dict[str, Any] = dict(end_span(processor, CHAT).attributes or {})
    assert got["carbon.energy.wh"] == pytest.approx(1500 / 3600)
    assert got["carbon.model.id"] == "mine"


@pytest.mark.parametrize(
    "wrong",
    [
        {"it_j": Range(3, 2, 1)},
        {"it_j": Range(-1, 0, 1)},
        {"it_j": Range(0, 1, math.inf)},
        {"it_j": Range(0, math.nan, 1)},
        {"it_j": Range(math.nan, 1, 2)},
        {"cache_savings_it_j": math.nan},
        {"cache_savings_it_j": -5.0},
        {"model_id": b"gpt-4o"},
        {"evidence": [1]},
    ],
    ids=str,
)
def test_an_impossible_figure_of_a_users_model_reaches_no_span(wrong: dict[str, Any]) -> None:
    class Broken(OneJouleAToken):
        def estimate(self, usage: Usage) -> Energy:
            return super().estimate(usage)._replace(**wrong)

    processor = CarbonSpanProcessor(energy=Broken())
    assert end_span(processor, CHAT).attributes == CHAT
    assert processor.counts() == {"error": 1}


def test_a_users_own_model_wins_over_the_registry() -> None:
    models = {"gpt-4o*": {"j_per_output_token": 1.0, "j_per_input_token": 0.5, "j_per_cached_token": 0.1}}
    got: dict[str, Any] = dict(end_span(CarbonSpanProcessor(models=models, pue=1.0), CHAT).attributes or {})
    # 200 fresh at 0.5 with the long-context term, 1000 cached at 0.1, 300 out at 1.
    assert got["carbon.energy.wh"] == pytest.approx((100 * (1 + 1200 / 110_000) + 100 + 300) / 3600)
    assert got["carbon.model.evidence"] == "A"


def test_settings_are_readable() -> None:
    assert CarbonSpanProcessor(pue=1.3).settings.pue == 1.3
    assert {o.name for o in OPTIONS} <= set(CarbonSpanProcessor().settings.origins)


names = st.sampled_from([*CHAT, "cloud.region", "server.address", "gen_ai.system", "llm.token_count.prompt", "x"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.sampled_from(list(CHAT.values())))
nanoseconds = st.integers(min_value=-(10**20), max_value=10**20)
PROCESSOR = CarbonSpanProcessor(attributes="full")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(names, values), nanoseconds, nanoseconds, st.text(max_size=10))
def test_arbitrary_attributes_never_raise_and_never_give_an_impossible_number(
    attributes: dict[str, Any], start_ns: int, end_ns: int, scope: str
) -> None:
    before = PROCESSOR.counts().get("error", 0)
    span = ReadableSpan("s", attributes=attributes, start_time=start_ns, end_time=end_ns)
    span._attributes = dict(attributes)  # the SDK would have refused some of these
    span._instrumentation_scope = carbonspan_scope(scope)
    PROCESSOR.on_end(span)
    got: dict[str, Any] = dict(span.attributes or {})
    for key, value in attributes.items():
        assert got[key] is value
    for key, value in got.items():
        if key not in attributes and not isinstance(value, str):
            assert math.isfinite(value), key
            assert value >= 0, key
    if "carbon.emissions.grams" in got:
        assert got["carbon.emissions.low_grams"] <= got["carbon.emissions.grams"] <= got["carbon.emissions.high_grams"]
        assert got["carbon.energy.low_wh"] <= got["carbon.energy.wh"] <= got["carbon.energy.high_wh"]
    assert PROCESSOR.counts().get("error", 0) == before


def carbonspan_scope(name: str) -> Any:
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    return InstrumentationScope(name, carbonspan.__version__)
