# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Whose an inference was: OpenFeature with a real provider and hook, cohorts, baggage, agents; sums under sampling."""

from __future__ import annotations

import asyncio
import math
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api as openfeature
from openfeature.contrib.hook.opentelemetry import TracingHook
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from carbonspan import CarbonSampler, CarbonSpanExporter, testing
from carbonspan.core._text import MAX_CHARACTERS
from carbonspan.counting._attribution import MAX_FLAGS
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes()


class Pipeline(testing.Pipeline):
    def chat(self, **changes: Any) -> None:
        self.tracer.start_span("chat gpt-4o", attributes=CHAT | changes).end()

    def written(self, name: str = "chat gpt-4o") -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.spans(name)]

    def sums(self, *labels: str) -> dict[tuple[Any, ...], float]:
        """Return the grams of the metric by the values of these labels."""
        found: dict[tuple[Any, ...], list[float]] = {}
        for point in self.metrics()["carbon.request.emissions"]:
            key = tuple(dict(point.attributes or {}).get(label) for label in labels)
            found.setdefault(key, []).append(point.sum)  # type: ignore[union-attr]
        return {key: math.fsum(values) for key, values in found.items()}


@pytest.fixture
def flags() -> Iterator[Any]:
    variants = {"frontier": "gpt-5", "right-sized": "gpt-5-mini"}

    def by_user(flag: Any, at: EvaluationContext) -> Any:
        from openfeature.flag_evaluation import FlagResolutionDetails  # noqa: PLC0415

        variant = at.targeting_key or "frontier"
        return FlagResolutionDetails(value=flag.variants[variant], variant=variant)

    flag: InMemoryFlag[Any] = InMemoryFlag("frontier", variants, context_evaluator=by_user)
    openfeature.set_provider(InMemoryProvider({"model-choice": flag}))
    openfeature.add_hooks([TracingHook()])
    yield openfeature.get_client()
    openfeature.clear_hooks()
    openfeature.shutdown()


def request(pipeline: Pipeline, client: Any, variant: str, cohort: str, rng: random.Random, *, carried: bool) -> float:
    """Play one request: a flag is evaluated at its root, and two steps below three models are called."""
    tokens = [rng.randrange(100, 5000) for _ in range(3)]
    with pipeline.tracer.start_as_current_span("POST /ask", attributes={"user.cohort": cohort}):
        choice = client.get_string_value("model-choice", "none", EvaluationContext(variant))
        token = None
        if carried:  # what a root that is dropped cannot hold
            carrier = baggage.set_baggage("feature_flag.model-choice", variant)
            token = context.attach(baggage.set_baggage("user.cohort", cohort, carrier))
        with (
            pipeline.tracer.start_as_current_span(
                "invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "researcher"}
            ),
            pipeline.tracer.start_as_current_span("step"),
        ):
            for count in tokens:
                pipeline.chat(**{"gen_ai.request.model": choice, "gen_ai.usage.output_tokens": count})
        if token is not None:
            context.detach(token)
    return float(sum(tokens))


def test_flags_cohorts_and_agents_are_inherited(flags: Any) -> None:
    pipeline = Pipeline(cohorts="user.cohort,user.id", flags="model-choice")
    request(pipeline, flags, "right-sized", "free", random.Random(1), carried=False)
    for span in pipeline.written():
        assert span["carbon.flag.model-choice"] == "right-sized"
        assert span["user.cohort"] == "free"
        assert span["carbon.agent.name"] == "researcher"
        assert "user.id" not in span
    (root,) = pipeline.written("POST /ask")
    assert root["carbon.flag.model-choice"] == "right-sized"
    assert root["carbon.task.inferences"] == 3
    assert root["carbon.task.emissions.grams"] == math.fsum(s["carbon.emissions.grams"] for s in pipeline.written())
    (agent,) = pipeline.written("invoke_agent")
    assert (agent["carbon.role"], agent["carbon.task.inferences"]) == ("container", 3)
    labels = ("carbon.flag.model-choice", "user.cohort", "carbon.agent.name")
    assert pipeline.sums(*labels) == {
        ("right-sized", "free", "researcher"): pytest.approx(root["carbon.task.emissions.grams"], rel=1e-12)
    }


@pytest.mark.parametrize("ratio", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("how", ["every span", "baggage"])
def test_sums_by_variant_and_cohort_are_the_truth_at_any_sampling(flags: Any, ratio: float, how: str) -> None:
    sampler = CarbonSampler(ParentBasedTraceIdRatio(ratio), every=how == "every span")
    sampled = Pipeline(sampler=sampler, cohorts="user.cohort", flags="model-choice")
    truth = Pipeline(cohorts="user.cohort", flags="model-choice")
    for pipeline in (sampled, truth):
        rng = random.Random(7)
        for _ in range(150):
            variant, cohort = rng.choice(["frontier", "right-sized"]), rng.choice(["free", "enterprise"])
            request(pipeline, flags, variant, cohort, rng, carried=how == "baggage")
    labels = ("carbon.flag.model-choice", "user.cohort")
    got, expected = sampled.sums(*labels), truth.sums(*labels)
    assert len(expected) == 4
    assert got == {key: pytest.approx(value, rel=1e-12) for key, value in expected.items()}
    assert sampled.processor.counts()["enriched"] == 450
    by_span: dict[tuple[Any, ...], list[float]] = {}
    for span in truth.written():
        key = (span["carbon.flag.model-choice"], span["user.cohort"])
        by_span.setdefault(key, []).append(span["carbon.emissions.grams"])
    assert {key: pytest.approx(math.fsum(v), rel=1e-12) for key, v in by_span.items()} == expected


@pytest.mark.parametrize(
    ("event", "attributes", "expected"),
    [
        ("feature_flag.evaluation", {"feature_flag.key": "f", "feature_flag.result.variant": "b"}, "b"),
        ("feature_flag", {"feature_flag.key": "f", "feature_flag.variant": "b"}, "b"),
        ("feature_flag.evaluation", {"feature_flag.key": "f", "feature_flag.result.value": True}, "true"),
        ("feature_flag.evaluation", {"feature_flag.key": "f", "feature_flag.value": "3"}, "3"),
        ("feature_flag.evaluation", {"feature_flag.key": "f"}, None),
        ("feature_flag.evaluation", {"feature_flag.key": 7, "feature_flag.variant": "b"}, None),
        ("another event", {"feature_flag.key": "f", "feature_flag.variant": "b"}, None),
    ],
)
@pytest.mark.parametrize("where", ["root", "itself"])
def test_both_spellings_of_flags(event: str, attributes: dict[str, Any], expected: str | None, where: str) -> None:
    pipeline = Pipeline()
    with pipeline.tracer.start_as_current_span("root") as root:
        if where == "root":
            root.add_event(event, attributes)
            pipeline.chat()
        else:
            span = pipeline.tracer.start_span("chat gpt-4o", attributes=CHAT)
            span.add_event(event, attributes)
            span.end()
    (span_attributes,) = pipeline.written()
    assert span_attributes.get("carbon.flag.f") == expected


def test_flags_as_attributes_and_the_nearest_wins() -> None:
    pipeline = Pipeline(cohorts=["team"])
    far = {"feature_flag.key": "f", "feature_flag.result.variant": "far", "team": "far"}
    near = {"feature_flag.key": "f", "feature_flag.result.variant": "near", "team": "near"}
    with (
        pipeline.tracer.start_as_current_span("root", attributes=far),
        pipeline.tracer.start_as_current_span("step", attributes=near),
    ):
        pipeline.chat()
        pipeline.chat(team="own")
    inherited, own = pipeline.written()
    assert (inherited["carbon.flag.f"], inherited["team"]) == ("near", "near")
    assert own["team"] == "own"


def test_a_call_that_stands_alone_says_itself_whose_it_was() -> None:
    pipeline = Pipeline()
    for name in ("gen_ai.agent.name", "agent.name", "agent_name"):
        pipeline.chat(**{name: "travel"})
    pipeline.chat(**{"feature_flag.key": "new", "feature_flag.variant": "on"})
    spans = pipeline.written()
    assert [span.get("carbon.agent.name") for span in spans] == ["travel"] * 3 + [None]
    assert spans[-1]["carbon.flag.new"] == "on"


def test_baggage_gives_flags_and_named_cohorts_and_nothing_else() -> None:
    pipeline = Pipeline(cohorts=["team"], flags=["plain"])
    carried = baggage.set_baggage("feature_flag.f", "on")
    for name, value in {"team": "red", "plain": "yes", "secret": "s3", "number": 7}.items():
        carried = baggage.set_baggage(name, value, carried)
    token = context.attach(carried)
    try:
        pipeline.chat()
    finally:
        context.detach(token)
    (span,) = pipeline.written()
    assert {k: v for k, v in span.items() if k not in CHAT and not k.startswith("carbon.")} == {"team": "red"}
    assert (span["carbon.flag.f"], span["carbon.flag.plain"]) == ("on", "yes")
    assert "s3" not in str(span)


def test_a_flood_of_flags_and_long_texts_are_bounded_and_those_named_come_first() -> None:
    pipeline = Pipeline(flags=["last"])
    with pipeline.tracer.start_as_current_span("root") as root:
        for key in [*(f"f{i}" for i in range(60)), "x" * 1000, "last"]:
            root.add_event("feature_flag", {"feature_flag.key": key, "feature_flag.variant": "v" * 1000})
        pipeline.chat()
    (span,) = pipeline.written()
    found = {key: value for key, value in span.items() if key.startswith("carbon.flag.")}
    assert len(found) == MAX_FLAGS
    assert found["carbon.flag.last"] == "v" * MAX_CHARACTERS
    (root_attributes,) = pipeline.written("root")
    assert len([key for key in root_attributes if key.startswith("carbon.flag.")]) <= MAX_FLAGS


@pytest.mark.parametrize("value", [10**5000, -(10**5000), "a\ud800"], ids=["long", "negative", "text"])
def test_a_value_that_no_exporter_could_write_costs_an_inference_nothing_else(value: Any) -> None:
    pipeline = Pipeline(flags=["f"], cohorts=["team"])
    at = {"feature_flag.key": "f", "feature_flag.result.variant": value, "team": value}
    with pipeline.tracer.start_as_current_span("root", attributes=at) as root:
        root.add_event("feature_flag", at)
        pipeline.chat()
        pipeline.chat(**at)
    for span in pipeline.written():
        assert span["carbon.emissions.grams"] > 0.0
        assert span.get("carbon.flag.f") == ("a?" if isinstance(value, str) else None)
    assert pipeline.processor.counts() == {"enriched": 2}
    points = pipeline.metrics()["carbon.request.emissions"]
    assert sum(point.count for point in points if isinstance(point, HistogramDataPoint)) == 2


def test_over_threads_and_tasks() -> None:
    pipeline = Pipeline(cohorts=["team"])

    async def task(name: str) -> None:
        with pipeline.tracer.start_as_current_span("step", attributes={"team": name}):
            await asyncio.sleep(0)
            pipeline.chat(n=name)

    async def all_tasks() -> None:
        await asyncio.gather(*(task(f"t{i}") for i in range(20)))

    with pipeline.tracer.start_as_current_span("root") as root:
        asyncio.run(all_tasks())
        below = trace.set_span_in_context(root)
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda i: pipeline.tracer.start_span(
                        "chat gpt-4o", below, attributes=CHAT | {"n": f"thread {i}"}
                    ).end(),
                    range(200),
                )
            )
    assert all(span["team"] == span["n"] for span in pipeline.written() if span["n"].startswith("t") and "team" in span)
    (whole,) = pipeline.written("root")
    assert whole["carbon.task.inferences"] == 220
    assert whole["carbon.task.emissions.grams"] == math.fsum(s["carbon.emissions.grams"] for s in pipeline.written())


def test_an_exporter_attributes_by_what_is_in_its_batch() -> None:
    inner = InMemorySpanExporter()
    exporter = CarbonSpanExporter(inner, cohorts=["team"])
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(SCOPE)
    with tracer.start_as_current_span("root", attributes={"team": "red"}) as root:
        root.add_event("feature_flag", {"feature_flag.key": "f", "feature_flag.variant": "b"})
        with tracer.start_as_current_span("step"):
            tracer.start_span("chat", attributes=CHAT).end()
    exporter.export(kept.get_finished_spans())
    spans = {span.name: dict(span.attributes or {}) for span in inner.get_finished_spans()}
    assert (spans["chat"]["team"], spans["chat"]["carbon.flag.f"]) == ("red", "b")
    assert spans["root"]["carbon.task.inferences"] == 1
    assert spans["root"]["carbon.flag.f"] == "b"
    assert "carbon.task.inferences" not in spans["step"]


def test_no_attribution_at_the_minimal_level() -> None:
    pipeline = Pipeline(cohorts=["team"], attributes="minimal")
    with pipeline.tracer.start_as_current_span("root", attributes={"team": "red"}):
        pipeline.chat()
    (span,) = pipeline.written()
    assert {key for key in span if key.startswith("carbon.task")} == set()
    assert pipeline.written("root") == [{"team": "red"}]
    assert list(pipeline.sums("team")) == [("red",)]
