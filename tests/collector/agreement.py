# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The same spans through the processor and through the statements, and what the two ways do not agree on."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan import CarbonSpanProcessor
from carbonspan.collector import _models as models, _places as places, _statements as statements
from carbonspan.core._options import Settings
from carbonspan.core._regions import cloud_regions
from carbonspan.grid._resolver import Resolver
from tests.collector.cases import all_of
from tests.collector.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.collector.cases import Case

PROMISED = 1e-3
# Hours of 2026-09-21, 14:13:20 UTC, and of a night in January: the profiles of US zones differ by month and hour.
TIMES_NS = (1_790_000_000 * 10**9, 1_767_666_000 * 10**9)
APART_NS, LASTS_NS = 20_000_000, 10_000_000
# A process of its own adds up what ended below a span, and counts a container below which nothing did.
NOT_COMPARED = ("carbon.task.", "carbon.flag.")


def emit(cases: Sequence[Case], start_ns: int, processors: Callable[[], list[SpanProcessor]]) -> list[str]:
    """End a span of each case, apart in time so that no two are one call, and return their ids."""
    ids, providers = [], {}
    for at, case in enumerate(cases):
        if case.resource not in providers:
            provider = TracerProvider(resource=Resource(dict(case.resource)), shutdown_on_exit=False)
            for processor in processors():
                provider.add_span_processor(processor)
            providers[case.resource] = provider
        tracer = providers[case.resource].get_tracer(case.scope)
        span = tracer.start_span("call", start_time=start_ns + at * APART_NS)
        span.set_attributes(case.attributes)
        span.end(end_time=start_ns + at * APART_NS + LASTS_NS)
        ids.append(format(span.get_span_context().span_id, "016x"))
    for provider in providers.values():
        provider.shutdown()
    return ids


def through_the_processor(cases: Sequence[Case], start_ns: int, **options: Any) -> list[dict[str, Any]]:
    kept = InMemorySpanExporter()

    def processors() -> list[SpanProcessor]:
        return [CarbonSpanProcessor(metrics=False, **options), SimpleSpanProcessor(kept)]

    ids = emit(cases, start_ns, processors)
    found = {format(span.context.span_id, "016x"): dict(span.attributes or {}) for span in kept.get_finished_spans()}
    return [found[one] for one in ids]


@cache
def _interpreter(options: tuple[tuple[str, Any], ...]) -> Interpreter:
    settings = Settings.resolve({**dict(options), "metrics": False}, {})
    everywhere = places.places(settings, Resolver(), cloud_regions(), range(0))
    return Interpreter(statements.groups(settings, models.models(settings), everywhere))


def differences(processor: Mapping[str, Any], collector: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what the two ways do not agree on: numbers to 0.1 %, texts and what is there at all exactly."""
    if processor.get("carbon.role") == "container":  # one that is counted, since nothing below it is
        processor = {key: value for key, value in processor.items() if key == "carbon.role" or "carbon." not in key}
    found = {}
    for key in processor.keys() | collector.keys():
        one, other = processor.get(key), collector.get(key)
        one = list(one) if isinstance(one, tuple) else one
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other))
        same = math.isclose(one, other, rel_tol=PROMISED, abs_tol=0.0) if numbers else one == other  # type: ignore[arg-type]
        if not same and not key.startswith(NOT_COMPARED):
            found[key] = (one, other)
    return found


def disagreements(cases: Iterable[Case], *, start_ns: int = TIMES_NS[0], **options: Any) -> dict[str, Any]:
    """Return the cases whose attributes differ, under some settings, by what they are.

    Raises:
        AssertionError: hardly any of them was counted.
    """
    some = all_of(cases)
    options = {"attributes": "full", **options}
    interpreter = _interpreter(tuple(options.items()))
    expected = through_the_processor(some, start_ns, **options)
    found = [
        interpreter.run(case.attributes, case.scope, dict(case.resource), start_ns + at * APART_NS)
        for at, case in enumerate(some)
    ]
    assert sum("carbon.emissions.grams" in one for one in found) > len(some) / 3
    return {
        str(case): differ
        for case, one, other in zip(some, expected, found, strict=True)
        if (differ := differences(one, other))
    }
