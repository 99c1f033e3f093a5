# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Spans known by their ids only, as an exporter gets them: bounded, and what goes is counted."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan.otel._exported import ExportedSpans


def test_exported_spans_are_bounded_and_what_goes_is_counted() -> None:
    spans = ExportedSpans(capacity=10)
    provider, exporter = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for _ in range(50):
        provider.get_tracer("s").start_span("s").end()
    for span in exporter.get_finished_spans():
        spans.expect(span)
        spans.around(span)
        spans.leave(span)
    assert len(spans) == 10
    assert spans.evicted == 40
