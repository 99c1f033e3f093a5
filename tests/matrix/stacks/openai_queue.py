# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""An agent that hands its calls to a worker of the same process over a queue, which carries a traceparent.

The agent's span has the usage of its calls itself: it must not be counted beside them.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.chatting import SCHEMAS, converse

W3C = TraceContextTextMapPropagator()
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    instrument_parts(parts, "openai")
    client: Any = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    tracer = trace.get_tracer("app")
    asked: queue.Queue[tuple[dict[str, str], list[Any]] | None] = queue.Queue()
    answered: queue.Queue[Any] = queue.Queue()

    def work() -> None:
        while (message := asked.get()) is not None:
            carrier, said = message
            with tracer.start_as_current_span("receive", context=W3C.extract(carrier)):
                answered.put(client.chat.completions.create(model="gpt-4o", messages=said, tools=SCHEMAS))

    worker = threading.Thread(target=work)
    worker.start()
    used = [0, 0]
    with tracer.start_as_current_span("invoke_agent weather", attributes=AGENT) as agent:

        def ask(said: list[Any]) -> Any:
            carrier: dict[str, str] = {}
            with tracer.start_as_current_span("send"):
                W3C.inject(carrier)
            asked.put((carrier, said))  # the producer's span has ended by now
            found = answered.get()
            used[0] += found.usage.prompt_tokens
            used[1] += found.usage.completion_tokens
            return found

        converse(ask)
        agent.set_attributes({"gen_ai.usage.input_tokens": used[0], "gen_ai.usage.output_tokens": used[1]})
    asked.put(None)
    worker.join()
