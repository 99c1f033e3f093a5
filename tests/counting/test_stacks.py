# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Replays what real stacks emitted (tests/data/spans/stacks): each call is counted once, without their packages."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from carbonspan import CarbonSpanExporter, CarbonSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

    Way = Callable[[TracerProvider, InMemorySpanExporter], None]

STACKS = Path(__file__).parents[1] / "data" / "spans" / "stacks"
BEGUN_NS = 1_750_000_000_000_000_000  # June 2025


def cases() -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for file in sorted(STACKS.glob("*.jsonl")):
        for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            name = f"{file.stem}-{line['case']}"
            if "truth" in line:
                found[name] = (line, [])
            else:
                found[name][1].append(line)
    return found


CASES = cases()


def by_processor(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    provider.add_span_processor(CarbonSpanProcessor(attributes="full", metrics=False))
    provider.add_span_processor(SimpleSpanProcessor(exporter))


def by_exporter(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    provider.add_span_processor(SimpleSpanProcessor(CarbonSpanExporter(exporter, attributes="full", metrics=False)))


def by_exporter_in_a_batch(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    carbon = CarbonSpanExporter(exporter, attributes="full", metrics=False)
    provider.add_span_processor(BatchSpanProcessor(carbon, schedule_delay_millis=600_000))


def replay(spans: list[dict[str, Any]], way: Way) -> list[tuple[int, int]]:
    """Return input and output tokens of the spans that are counted."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    way(provider, exporter)
    running: dict[str, Span] = {}
    steps = [(span["started"], True, span) for span in spans] + [(span["ended"], False, span) for span in spans]
    for _, starts, span in sorted(steps, key=lambda step: step[0]):
        if starts:
            parent = running.get(span["parent_id"])
            running[span["span_id"]] = provider.get_tracer(span["scope"]).start_span(
                span["name"],
                context=set_span_in_context(parent, Context()) if parent else Context(),
                kind=SpanKind[span["kind"]],
                start_time=BEGUN_NS + span["start_ns"],
            )
        else:
            running[span["span_id"]].set_attributes(span["attributes"])
            running[span["span_id"]].end(BEGUN_NS + span["end_ns"])
    provider.shutdown()
    counted = [span.attributes or {} for span in exporter.get_finished_spans()]
    return [
        (int(str(one["carbon.usage.input_tokens"])), int(str(one["carbon.usage.output_tokens"])))
        for one in counted
        if "carbon.emissions.grams" in one
    ]


@pytest.mark.parametrize("way", [by_processor, by_exporter, by_exporter_in_a_batch])
@pytest.mark.parametrize("name", CASES)
def test_every_call_of_a_stack_is_counted_once(name: str, way: Way) -> None:
    head, spans = CASES[name]
    truth, got = [tuple(call) for call in head["truth"]], replay(spans, way)
    if head["tells"] == "each":
        assert sorted(got) == sorted(truth)
    elif head["tells"] == "sum":
        assert got == [tuple(map(sum, zip(*truth, strict=True)))]
    else:  # some calls are on no span: none may be counted twice
        assert not Counter(got) - Counter(truth)
