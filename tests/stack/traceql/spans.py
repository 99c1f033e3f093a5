# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The spans that the real Jaeger serves (its API v3: OTLP in JSON), typed as OTLP types them."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TRACES = 5000
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
Value = Any  # str, int, float, bool, or a list of them


@dataclass(frozen=True)
class Span:
    """One span with what TraceQL can ask of it."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    start_ns: int
    duration_ns: int
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    scope: str = ""


@dataclass
class Trace:
    """The spans of one trace, and how they hang together."""

    trace_id: str
    spans: list[Span] = field(default_factory=list)

    @property
    def root(self) -> Span | None:
        """The span without a parent, the first of them by time, if there is one."""
        return min((span for span in self.spans if not span.parent_id), key=lambda span: span.start_ns, default=None)

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end."""
        return max(s.start_ns + s.duration_ns for s in self.spans) - min(s.start_ns for s in self.spans)

    def ancestors(self, span: Span) -> list[Span]:
        """Return the spans above one, the nearest first."""
        by_id = {one.span_id: one for one in self.spans}
        found: list[Span] = []
        while (parent := by_id.get(span.parent_id)) is not None:
            found.append(parent)
            span = parent
        return found


def from_jaeger(url: str, service: str, lookback_s: float = 7200.0) -> list[Trace]:
    """Return the traces of a service within the last two hours.

    Args:
        url: Jaeger's base address.
        service: Its `service.name`.
        lookback_s: How far back, in seconds.

    Raises:
        requests.HTTPError: Jaeger refuses the question.
    """
    now = time.time()
    answer = requests.get(
        f"{url}/api/v3/traces",
        params={
            "query.service_name": service,
            "query.start_time_min": _rfc3339(now - lookback_s),
            "query.start_time_max": _rfc3339(now + 60.0),
            "query.num_traces": str(MAX_TRACES),
        },
        timeout=60,
    )
    answer.raise_for_status()
    # A long answer is a stream of objects, one after another.
    decoder, text, at = json.JSONDecoder(), answer.text.strip(), 0
    traces: dict[str, Trace] = {}
    while at < len(text):
        part, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        for span in from_otlp(part["result"]["resourceSpans"]):
            traces.setdefault(span.trace_id, Trace(span.trace_id)).spans.append(span)
    return list(traces.values())


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_otlp(resource_spans: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Return the spans of OTLP's JSON."""
    found = []
    for of_resource in resource_spans:
        resource = _attributes(of_resource.get("resource", {}))
        for of_scope in of_resource["scopeSpans"]:
            scope = of_scope.get("scope", {}).get("name", "")
            found += [_span(raw, resource, scope) for raw in of_scope["spans"]]
    return found


def _span(raw: Mapping[str, Any], resource: Mapping[str, Value], scope: str) -> Span:
    start_ns = int(raw["startTimeUnixNano"])
    return Span(
        trace_id=raw["traceId"],
        span_id=raw["spanId"],
        parent_id=raw.get("parentSpanId", ""),
        name=raw["name"],
        kind=KINDS[raw.get("kind", 0)],
        status=STATUSES[raw.get("status", {}).get("code", 0)],
        start_ns=start_ns,
        duration_ns=int(raw["endTimeUnixNano"]) - start_ns,
        attributes=_attributes(raw),
        resource=resource,
        scope=scope,
    )


def _attributes(raw: Mapping[str, Any]) -> dict[str, Value]:
    return {pair["key"]: _value(pair["value"]) for pair in raw.get("attributes", ())}


def _value(raw: Mapping[str, Any]) -> Value:
    ((kind, value),) = raw.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [_value(one) for one in value.get("values", ())]
    return float(value) if kind == "doubleValue" else value


def by_trace(spans: Sequence[Span]) -> list[Trace]:
    """Return spans as traces."""
    grouped: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.trace_id].append(span)
    return [Trace(trace_id, of) for trace_id, of in grouped.items()]
