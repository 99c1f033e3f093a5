# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The one line in a pipeline that prints its spans: run it, and read the carbon.* attributes.

The span is made by hand, with what an instrumentation writes, so that no key and no network is needed. In an
application, the instrumentation of your LLM client makes it.
"""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from carbonspan import CarbonSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
provider.add_span_processor(CarbonSpanProcessor())  # any place in the list

with provider.get_tracer("my.llm.client").start_as_current_span("chat gpt-4o") as span:
    span.set_attributes(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 300,
        }
    )

provider.shutdown()
