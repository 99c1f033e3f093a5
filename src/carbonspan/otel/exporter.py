# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonSpanExporter: the processor's work around any span exporter, through the SDK's public API only.

For an SDK that takes no attributes on ended spans, for pipelines whose processors are not yours to add, and for
`OTEL_TRACES_EXPORTER=carbon_otlp`. Each LLM span is exported as a copy that has the attributes; the span itself, which
other exporters see too, stays as it is.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from inspect import signature
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from carbonspan.core._fork import renew_in_child
from carbonspan.core._options import check_environment
from carbonspan.core._outcome import Outcome
from carbonspan.counting._handled import handled
from carbonspan.otel._base import Carbon
from carbonspan.otel._exported import ExportedSpans
from carbonspan.otel._writeback import UNLIMITED, fitting
from carbonspan.telemetry._contract import marked
from carbonspan.usage import MARKERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.metrics import MeterProvider
    from typing_extensions import Unpack

    from carbonspan.runtime import Options

_log = logging.getLogger("carbonspan")

# Protocol to entry point, and the default, as `otlp` has them (opentelemetry-sdk 1.32 to 1.45, sdk/_configuration).
_OTLP = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_DEFAULT_PROTOCOL = "grpc"


class _Around(SpanExporter):
    """Hands everything on to another exporter: its results are returned, and what it raises is raised."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export(spans)

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Shut the inner exporter down, within `timeout_millis` where it can."""
        # As the SDK asks of the exporter it holds: the interface has no timeout, some exporters do.
        if timeout_millis is not None and "timeout_millis" in signature(self._inner.shutdown).parameters:
            self._inner.shutdown(timeout_millis=timeout_millis)  # type: ignore[call-arg]
        else:
            self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return what the inner exporter returns."""
        return self._inner.force_flush(timeout_millis)


class CarbonSpanExporter(Carbon, _Around):
    """Exports every LLM span with its energy and carbon, through `inner`.

        provider.add_span_processor(BatchSpanProcessor(CarbonSpanExporter(OTLPSpanExporter())))

    Spans that have been handled before, by `CarbonSpanProcessor` or by another of these, are passed on as they are. A
    span it cannot handle is passed on too, and counted; what `inner` raises is raised, as it would be without it.

    Args:
        inner: The exporter to wrap.
        meter_provider: As of `CarbonSpanProcessor`.
        **options: As of `CarbonSpanProcessor`.

    Raises:
        ValueError: for a wrong option, naming it, its value and what is allowed.
    """

    def __init__(
        self, inner: SpanExporter, *, meter_provider: MeterProvider | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(inner)
        self._spans = ExportedSpans()
        self._set_up(options, meter_provider, self._spans, self._add)
        # The limits a provider was given in code are not public: these are the environment's, and the SDK's defaults.
        self._limits = SpanLimits()
        self._renew_lock()
        # A child must not inherit a lock that another thread of the parent held at the fork.
        renew_in_child(self._renew_lock)

    def _renew_lock(self) -> None:
        # SimpleSpanProcessor exports from every thread that ends a span. Never held while the inner exporter works.
        self._lock = threading.RLock()

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Shut the inner exporter down, and end the refreshing of the grid, where there is any."""
        try:
            super().shutdown(timeout_millis)
        finally:
            self._runtime.close()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export `spans`, the LLM spans among them with energy and carbon; return what the inner exporter returns."""
        with self._lock:
            for span in spans:
                with suppress(Exception):  # what is wrong with a span shows again, and is counted, when it is handled
                    self._spans.expect(span)
            exported = [self._handle(span) for span in spans]
            for span in spans:
                with suppress(Exception):
                    self._spans.leave(span)
        return super().export(exported)

    def _handle(self, span: ReadableSpan) -> ReadableSpan:
        try:
            held = span.attributes or {}
            attributes = dict(held)
            if marked(attributes) or span.context in handled:
                self._handler.recorder.note(Outcome.ALREADY)
                return span
            if attributes.keys().isdisjoint(MARKERS):
                self._handler.other_span(span, attributes)
                return _Copy(span, attributes) if len(attributes) > len(held) else span
            copy = _Copy(span, attributes)  # at first: what cannot be copied is not counted
            self._handler.llm_span(span, attributes)
            return copy if len(attributes) > len(held) else span
        except Exception as error:  # noqa: BLE001 - whatever it is, the span must be exported
            self._handler.recorder.swallow(error)
            return span

    def _add(self, _span: ReadableSpan, attributes: Mapping[str, Any], new: dict[str, Any]) -> int:
        """Add what is new and fits to the attributes of a copy, most important first; return how many did not fit."""
        limit = self._limits.max_span_attributes
        if limit is None or len(attributes) > limit:
            # A span that holds more shows that its provider has another limit, which is not known: then all is added.
            limit = UNLIMITED
        fit, missed = fitting(new, attributes, limit, self._limits.max_span_attribute_length)
        attributes.update(fit)  # type: ignore[attr-defined]  # `_handle` made it, for this
        return missed


class _Copy(ReadableSpan):
    """A span as it was, with other attributes."""

    def __init__(self, original: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        super().__init__(
            name=original.name,
            context=original.context,
            parent=original.parent,
            resource=original.resource,
            attributes=attributes,
            events=original.events,
            links=original.links,
            kind=original.kind,
            status=original.status,
            start_time=original.start_time,
            end_time=original.end_time,
            instrumentation_scope=original.instrumentation_scope,
        )
        self._original = original

    # The SDK keeps what follows in its own containers, which a copy built from public values does not have.

    @property
    def dropped_attributes(self) -> int:
        return self._original.dropped_attributes

    @property
    def dropped_events(self) -> int:
        return self._original.dropped_events

    @property
    def dropped_links(self) -> int:
        return self._original.dropped_links

    @property
    def instrumentation_info(self) -> Any:
        """Deprecated in the SDK, and so only read where somebody asks."""
        return self._original.instrumentation_info


class CarbonOTLPSpanExporter(_Around):
    """What `OTEL_TRACES_EXPORTER=carbon_otlp` names: the OTLP exporter of the standard variables, with carbon.

    Made by the SDK's configurator, so nothing that is missing or wrong here may stop an application: it is logged in
    one line that says what is allowed. Without the OTLP package there is nothing to export through; with a wrong
    option, or a wrong environment variable of one, spans are exported without carbon.

    Args:
        **options: As of `CarbonSpanProcessor`: a declarative file may give them.
    """

    def __init__(self, **options: Any) -> None:
        exporter = _otlp()
        super().__init__(_with_carbon(exporter, options) if exporter else _Nowhere())


class _Nowhere(SpanExporter):
    """Where spans go that have no exporter."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the interface's
        return SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        return True


def _with_carbon(exporter: SpanExporter, options: Mapping[str, Any]) -> SpanExporter:
    try:
        check_environment(os.environ, options)
        return CarbonSpanExporter(exporter, **options)
    except Exception as error:  # noqa: BLE001 - a wrong option, a package that does not load: export all the same
        _log.warning("carbonspan: %s. carbon_otlp exports without carbon", " ".join(str(error).split()))
        return exporter


def _otlp() -> SpanExporter | None:
    """Return the OTLP exporter that the environment asks for, as the SDK's `otlp` would, or None where it is missing.

    What its constructor raises is raised, as by `otlp`.
    """
    protocol = _protocol()
    from importlib.metadata import entry_points  # noqa: PLC0415 - a fifth of the package's import, for this one use

    name = _OTLP[protocol]
    try:
        exporter = next(iter(entry_points(group="opentelemetry_traces_exporter", name=name))).load()
    except Exception as error:  # noqa: BLE001 - not installed, or installed without what it needs
        _log.warning(
            "carbonspan: no spans are exported by carbon_otlp: protocol %s needs the package "
            "opentelemetry-exporter-%s (%s). Install it, or set %s; allowed: %s",
            protocol,
            name.replace("_", "-"),
            "not installed" if isinstance(error, StopIteration) else error,
            OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
            ", ".join(_OTLP),
        )
        return None
    made: SpanExporter = exporter()
    return made


def _protocol() -> str:
    """Return the protocol in force. Against the SDK, a wrong one is ignored, as the specification has it for enums."""
    for variable in (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL):
        protocol = os.environ.get(variable, "")
        if protocol:
            if protocol.strip() in _OTLP:
                return protocol.strip()
            _log.warning(
                "carbonspan: %s is %.200r; allowed: %s. Using %s",
                variable,
                protocol,
                ", ".join(_OTLP),
                _DEFAULT_PROTOCOL,
            )
            break
    return _DEFAULT_PROTOCOL
