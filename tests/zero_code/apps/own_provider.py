# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""An application that sets up its own provider in code, and ends one LLM span."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import set_tracer_provider
from opentelemetry.util.genai.handler import get_telemetry_handler

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
set_tracer_provider(provider)
with get_telemetry_handler().inference("openai", request_model="gpt-4o") as call:
    call.input_tokens, call.output_tokens = 1200, 300
print("done")  # noqa: T201 - how the test knows that it ran to its end
