# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What processor and exporter offer alike: their settings, what they counted, and the live grid behind them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from carbonspan.core._options import Settings
from carbonspan.live._status import TIMEOUT_S
from carbonspan.otel._handler import Handler
from carbonspan.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import MeterProvider

    from carbonspan.live._status import GridReport
    from carbonspan.otel._handler import Spans, Write
    from carbonspan.runtime import Options
    from carbonspan.telemetry.recorder import InferenceRecord


class Carbon:
    """Everything but the hooks."""

    _runtime: Runtime
    _handler: Handler

    def _set_up(self, options: Options, meter_provider: MeterProvider | None, spans: Spans, write: Write) -> None:
        self._runtime = Runtime.of(Settings.resolve(options, os.environ))
        self._handler = Handler(self._runtime, spans, write, meter_provider)

    @property
    def settings(self) -> Settings:
        """The options in force."""
        return self._runtime.settings

    def counts(self) -> Mapping[str, int]:
        """Return how many LLM spans had each outcome, and how many lacked room for all attributes."""
        return self._handler.recorder.counts()

    def subscribe(self, subscriber: Callable[[InferenceRecord], None]) -> Callable[[], None]:
        """Have `subscriber` called with every inference that is counted, off the path of spans; return how to end it.

        See `carbonspan.InferenceRecord` for what it is given. What it raises is logged once, and counted.
        """
        return self._handler.recorder.subscribe(subscriber)

    def refresh_grid(self, timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch what is due of the grid zones seen so far, and wait for it: see docs/how-to/grid.md."""
        return self._runtime.refresh_grid(timeout_s)

    def prefetch_grid(self, regions: Iterable[str], timeout_s: float = TIMEOUT_S) -> GridReport:
        """Fetch today's hours of these regions or zones before the first span, and wait for it."""
        return self._runtime.prefetch_grid(regions, timeout_s)
