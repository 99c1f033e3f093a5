# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""An application with the processor under test: from a span to what stands on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from carbonspan.testing import Pipeline, llm_attributes
from tests.live.loopback import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

LLM = llm_attributes(input_tokens=1000, output_tokens=100)
REGION = "aws:eu-west-2"


class App:
    """A provider with the processor under test."""

    def __init__(self, **options: Any) -> None:
        carbon = Pipeline(**{"region": REGION, **options})
        self.processor, self._exported, self._tracer = carbon.processor, carbon.exporter, carbon.tracer

    def span(self, at_s: float | None = None, **more: Any) -> tuple[float, str, str]:
        """End an LLM span; return g/kWh, quality and source."""
        now_ns = time.time_ns() if at_s is None else int(at_s * 1e9)
        span = self._tracer.start_span("chat gpt-4o", attributes=LLM | more, start_time=now_ns)
        span.end(now_ns)
        exported: ReadableSpan = self._exported.get_finished_spans()[-1]
        self._exported.clear()
        got: dict[str, Any] = dict(exported.attributes or {})
        return tuple(got[f"carbon.intensity.{name}"] for name in ("g_per_kwh", "quality", "source"))

    def until(
        self, wanted: Callable[[tuple[float, str, str]], bool], at_s: float | None = None
    ) -> tuple[float, str, str]:
        end_s = time.monotonic() + WAIT_S
        while not wanted(found := self.span(at_s)):
            assert time.monotonic() < end_s, found
            time.sleep(0.02)  # as far apart as spans may be
        return found


def this_hour() -> int:
    return int(time.time() // 3600)
