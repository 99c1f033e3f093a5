# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Sends the demo's spans by OTLP where an endpoint is set, and knows what became of them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from carbonspan.demo._result import Export

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

_TIMEOUT_SECONDS = 3
_FINISH_SECONDS = 6.0


def endpoint() -> str:
    """Return where spans go, as scheme, host and port, or "" where no endpoint is set. Holds no secret."""
    url = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ""
    parts = urlsplit(url.strip())
    return (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url and "an address that is no URL"
    )


class OtlpExport:
    """A batching OTLP exporter on a provider: OpenTelemetry's own, set by its own environment variables."""

    def __init__(self, provider: TracerProvider) -> None:
        self._exporter = _Counting(_exporter())
        self._processor = BatchSpanProcessor(self._exporter)
        provider.add_span_processor(self._processor)

    def finish(self) -> None:
        """Send what is left. Waits some seconds at most, also where a collector takes the connection and is silent."""
        flush = threading.Thread(target=self._processor.shutdown, daemon=True)
        flush.start()
        flush.join(_FINISH_SECONDS)

    def outcome(self, spans: int) -> Export:
        """Return how many of `spans` arrived."""
        return Export(endpoint(), self._exporter.sent, spans - self._exporter.sent)


class _Counting(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - of an extra

    asked = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    return OTLPSpanExporter(timeout=None if any(os.environ.get(name) for name in asked) else _TIMEOUT_SECONDS)
