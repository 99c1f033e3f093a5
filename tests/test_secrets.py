# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A key is planted wherever one may lie, and everything that comes out is searched for it."""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan import CarbonInstrumentor, CarbonSpanExporter, CarbonSpanProcessor
from carbonspan.cli._app import app
from carbonspan.otel.exporter import CarbonOTLPSpanExporter
from carbonspan.telemetry._queue import queue
from carbonspan.testing import llm_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-planted-5f1e7c0de"
SCOPE = "opentelemetry.instrumentation.genai.openai"
CHAT = llm_attributes()
# Where instrumentations and users put what they should not.
PLANTED: dict[str, Any] = {
    "http.request.header.authorization": [f"Bearer {KEY}"],
    "server.address": f"https://user:{KEY}@llm.example.org/v1",
    "gen_ai.openai.api_base": f"https://llm.example.org/v1?key={KEY}",
    "url.full": f"https://llm.example.org/?api_key={KEY}",
    "gen_ai.input.messages": f'[{{"role": "user", "content": "{KEY}"}}]',
    "gen_ai.usage.cost": KEY,
    "gen_ai.usage.reasoning.output_tokens": KEY,
    "cloud.region": KEY,
    "user.cohort": "free",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OPENAI_API_KEY", "ELECTRICITYMAPS_API_TOKEN", "WATTTIME_PASSWORD"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer {KEY}")
    queue.drain()
    yield
    queue.drain()


class Angry:
    """An energy model that breaks."""

    name, version = "angry", "1"

    def estimate(self, usage: object) -> Any:  # noqa: ARG002 - the interface's
        raise RuntimeError("no energy today")


def everything(processor: CarbonSpanProcessor, exporter: CarbonSpanExporter, reader: InMemoryMetricReader) -> str:
    out = [repr(processor), repr(exporter), repr(processor.settings), repr(vars(processor)), str(processor.counts())]
    data = reader.get_metrics_data()
    out.append(data.to_json() if data else "")
    out.append(repr(exporter.counts()))
    return "\n".join(out)


@pytest.mark.parametrize("energy", ["carbonspan", Angry()], ids=["as it is", "with an energy model that breaks"])
def test_nothing_of_a_span_comes_out_elsewhere(energy: Any, caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    kept = InMemorySpanExporter()
    exporter = CarbonSpanExporter(kept, energy=energy, meter_provider=meters)
    processor = CarbonSpanProcessor(energy=energy, cohorts="user.cohort", attributes="full", meter_provider=meters)
    out = []
    with caplog.at_level(logging.DEBUG):
        for first in (processor, None):
            provider = TracerProvider(resource=Resource.create({"deployment.key": KEY}), shutdown_on_exit=False)
            if first is not None:
                provider.add_span_processor(first)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            for name in [None, *PLANTED]:
                attributes = CHAT | ({name: PLANTED[name]} if name else PLANTED)
                provider.get_tracer(SCOPE).start_span("chat gpt-4o", attributes=attributes).end()
            out.append(everything(processor, exporter, reader))
    for span in kept.get_finished_spans():
        added = {k: v for k, v in (span.attributes or {}).items() if k not in CHAT | PLANTED}
        assert added or not isinstance(energy, str)
        out.append(repr(added))
    # The SDK itself refuses nothing of this; what it logs is its own.
    out.append("\n".join(f"{r.getMessage()} {r.exc_text}" for r in caplog.records if r.name.startswith("carbonspan")))
    assert KEY not in "\n".join(out)


def test_no_key_of_the_environment_comes_out_of_the_plugins(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        out = [repr(CarbonOTLPSpanExporter()), repr(vars(CarbonSpanProcessor()))]
        instrumentor = CarbonInstrumentor()
        instrumentor.instrument(basis="nonsense")
        out += [repr(instrumentor), repr(vars(instrumentor))]
        instrumentor.uninstrument()
    assert "nonsense" in caplog.text
    assert KEY not in "\n".join([*out, caplog.text])


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"], ["models", "gpt-4o"], ["regions", "sweden"]])
def test_no_key_of_the_environment_comes_out_of_the_command(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    shown = "".join(traceback.format_exception(*result.exc_info)) if result.exc_info else ""
    assert result.output
    assert KEY not in result.output + shown


def test_the_search_would_find_it() -> None:
    assert KEY in json.dumps(PLANTED)
