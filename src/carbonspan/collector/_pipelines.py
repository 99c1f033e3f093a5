# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The Collector's configuration around the statements: spans in, spans out, metrics as in docs/reference/metrics.md.

Spans go three ways: through the statements, out to the trace backend without what was kept for the metrics, and into a
connector that makes the metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import attribute, quoted, quoted_text, text
from carbonspan.collector._statements import MEASURED, Group
from carbonspan.core._text import MAX_CHARACTERS
from carbonspan.counting._attribution import AGENT, FLAG
from carbonspan.telemetry._contract import (
    CACHE_SAVINGS_TOTAL,
    COST,
    DURATION,
    EMBODIED,
    ENERGY,
    HIGH,
    HISTOGRAM,
    LABELS,
    LOW,
    METRICS,
    REQUEST_EMISSIONS,
    SPANS,
    TOKEN_TYPES,
    TOKENS,
    WATER,
)
from carbonspan.telemetry._cost import ATTRIBUTES as COSTS, MAX_USD, PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from carbonspan.core._options import Settings
    from carbonspan.telemetry._contract import Metric

_LABELS = (*(label for label, _ in LABELS), AGENT)
_KEPT = ("provider", "model", "tier", "evidence", "region", "basis", "agent")
"""What `statements.MEASURED` holds for each of `_LABELS`, in their order."""

_VALUES = {
    REQUEST_EMISSIONS: "g",
    DURATION: "",
    ENERGY: "j",
    WATER: "l",
    EMBODIED: "embodied",
    CACHE_SAVINGS_TOTAL: "saved",
    LOW: "low",
    HIGH: "high",
    COST: "cost",
}
"""What it holds for each metric of one value; nothing for the duration, which the span itself has."""
_TOKENS = ("fresh", "read", "out", "think")
"""What it holds for each of `TOKEN_TYPES`, in their order."""

_AMOUNT, _CURRENCY = "gen_ai.usage.cost.amount", "gen_ai.usage.cost.currency"
_IN_USD = f' and ({attribute(_CURRENCY)} == nil or {attribute(_CURRENCY)} == "USD")'
_RESOURCE = (
    "[{key: service.name}, {key: service.version}, {key: service.instance.id}, {key: service.namespace}, "
    "{key: deployment.environment.name}]"
)
_DURATION = "Seconds(span.end_time - span.start_time)"
_LASTED = f'{attribute(MEASURED)}["g"] != nil and span.end_time_unix_nano >= span.start_time_unix_nano'
MAX_STREAMS = 100_000
"""Combinations of labels, of all metrics: a name of its own for each request must not fill the memory."""


def _kept(key: str) -> str:
    return f'{attribute(MEASURED)}["{key}"]'


def labels(settings: Settings) -> list[str]:
    """Return the names of the labels of every metric but `carbonspan.spans`."""
    return [*_LABELS, *(FLAG + key for key in settings.flags), *settings.cohorts]


def labelling() -> list[str]:
    """Return the statements that put the labels on spans on their way to the metrics, whatever the level."""
    statements = []
    for label, key in zip(_LABELS, _KEPT, strict=True):
        statements.append(f'delete_key(span.attributes, "{label}")')
        statements.append(f'set({attribute(label)}, {_kept(key)}) where {_kept(key)} != nil and {_kept(key)} != ""')
    unknown = f"{_kept('g')} != nil and {_kept('cost')} == nil"
    for key in COSTS:
        in_usd = _IN_USD if key == _AMOUNT else ""
        statements.append(f"set({_kept('cost')}, Double({attribute(key)})) where {unknown} and {_amount(key)}{in_usd}")
    for of_input, of_output, added in PARTS:
        total = f"Double({attribute(of_input)}) + Double({attribute(of_output)})"
        both = f"{unknown} and {_amount(of_input)} and {_amount(of_output)}"
        if added:  # first: what follows leaves what is known
            statements.append(
                f"set({_kept('cost')}, {total} + Double({attribute(added)})) where {both} and {_amount(added)}"
            )
        statements.append(f"set({_kept('cost')}, {total}) where {both}")
    return [*statements, f"truncate_all(span.attributes, {MAX_CHARACTERS})"]


def _amount(key: str) -> str:
    """Return the condition that an attribute is a plausible cost."""
    path = attribute(key)
    return f"(IsInt({path}) or IsDouble({path})) and {path} >= 0 and {path} <= {MAX_USD:.0f}"


def metrics(settings: Settings) -> list[str]:
    """Return the lines of the connector's list of metrics."""
    lines: list[str] = []
    for metric in METRICS:
        if metric is SPANS:
            lines += _metric(metric, "1.0", f"{_kept('outcome')} != nil", [f"{{key: {metric.label}}}"])
        elif metric is TOKENS:
            for token_type, key in zip(TOKEN_TYPES, _TOKENS, strict=True):
                counted = f"{_kept(key)} != nil and {_kept(key)} > 0"
                own = f"{{key: {metric.label}, default_value: {token_type}}}"
                lines += _metric(metric, _kept(key), counted, [*_optional(settings), own])
        else:
            key = _VALUES[metric]
            value, counted = (_kept(key), f"{_kept(key)} != nil") if key else (_DURATION, _LASTED)
            lines += _metric(metric, value, counted, _optional(settings))
    return lines


def _optional(settings: Settings) -> list[str]:
    return [f"{{key: {quoted_text(label)}, optional: true}}" for label in labels(settings)]


def _metric(metric: Metric, value: str, condition: str, own: list[str]) -> list[str]:
    head = [
        f"      - name: {metric.name}",
        f"        description: {quoted(metric.meaning)}",
        f'        unit: "{metric.unit}"',
        f"        include_resource_attributes: {_RESOURCE}",
        f"        conditions: [{quoted(condition)}]",
        f"        attributes: [{', '.join(own)}]",
    ]
    # Each span stands for as many as its sampler says that it does.
    if metric.kind == HISTOGRAM:
        buckets = ", ".join(f"{boundary:g}" for boundary in metric.boundaries)
        return [
            *head,
            "        histogram:",
            f"          buckets: [{buckets}]",
            '          count: "Int(AdjustedCount())"',
            f"          value: {quoted(value)}",
        ]
    return [
        *head,
        "        sum:",
        "          monotonic: true",
        f"          value: {quoted(f'{value} * AdjustedCount()')}",
    ]


def groups(found: Iterable[Group]) -> list[str]:
    """Return the lines of the statements: a list of the Collector's transform processor."""
    lines: list[str] = []
    anchors: dict[tuple[str, ...], str] = {}
    for group in found:
        lines += [f"# {group.name}", f"- context: {group.context}", "  conditions:", f"    - {quoted(group.condition)}"]
        if group.statements in anchors:
            lines.append(f"  statements: *{anchors[group.statements]}")
            continue
        anchors[group.statements] = f"statements_{len(anchors)}"
        lines.append(f"  statements: &{anchors[group.statements]}")
        lines += [f"    - {quoted(statement)}" for statement in group.statements]
    return lines


def configuration(settings: Settings, statements: Sequence[str] | str, error_mode: str = "silent") -> list[str]:
    """Return the lines of a whole configuration.

    Args:
        settings: The processor's own; flags and cohorts become labels.
        statements: The lines of `groups`, or the path of a file that holds them.
        error_mode: Of the statements: what a table has no entry for is an error of the one that looked it up, and what
            stood there before stays. `ignore` logs each.
    """
    inline = [] if isinstance(statements, str) else [f"      {line}" for line in statements]
    source = " " + text(f"${{file:{statements}}}") if isinstance(statements, str) else ""
    measured = _MEASURED_PIPELINES if settings.metrics else _PIPELINES
    lines = _HEAD.splitlines()
    lines += [f"    error_mode: {error_mode}", f"    trace_statements:{source}", *inline]
    if settings.metrics:
        lines += _TIDY.format(measured=MEASURED).splitlines()
        lines += [f"          - {quoted(statement)}" for statement in labelling()]
        lines += _SPANS_LABEL.format(label=SPANS.label, kept=_kept("outcome"), streams=MAX_STREAMS).splitlines()
        lines += ["", *_CONNECTORS.splitlines(), *metrics(settings)]
    exporters = _TRACES_EXPORTER + (_METRICS_EXPORTER if settings.metrics else "")
    return [*lines, "", *exporters.splitlines(), "", *measured.splitlines()]


_HEAD = """\
# Services that are not Python: spans get carbonspan's estimate on their way to the trace backend, and the metrics are
# made of it. Tested with Collector (contrib) 0.161.
#
# Environment: TRACES_ENDPOINT (OTLP over gRPC), PROMETHEUS_REMOTE_WRITE, QUEUE_DIRECTORY (must exist, survives a
# restart); with the statements in a file of their own, STATEMENTS_FILE.
extensions:
  health_check:
    endpoint: ${env:COLLECTOR_HOST:-0.0.0.0}:${env:HEALTH_PORT:-13133}
  file_storage/queue:
    directory: ${env:QUEUE_DIRECTORY:-/var/lib/otelcol/queue}
    fsync: true

receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:COLLECTOR_HOST:-0.0.0.0}:${env:OTLP_GRPC_PORT:-4317}
      http:
        endpoint: ${env:COLLECTOR_HOST:-0.0.0.0}:${env:OTLP_HTTP_PORT:-4318}

processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 20

  # The estimate. Made by `carbonspan collector-config`: change its options, not this.
  transform/carbonspan:"""

_TIDY = """
  # What was kept for the metrics does not leave with the span.
  transform/tidy:
    error_mode: ignore
    trace_statements:
      - delete_key(span.attributes, "{measured}")

  transform/labels:
    error_mode: silent
    trace_statements:
      - context: span
        conditions:
          - span.attributes["{measured}"] != nil
        statements:"""

_SPANS_LABEL = """\
          - 'set(span.attributes["{label}"], {kept})'

  # The connector counts what each batch adds; Prometheus wants sums. An idle series is kept for six hours; beyond so
  # many at once, new ones are dropped.
  delta_to_cumulative:
    max_stale: 6h
    max_streams: {streams}"""

_CONNECTORS = """\
connectors:
  forward/enriched:
  forward/measured:
  signal_to_metrics:
    error_mode: ignore
    spans:"""

_TRACES_EXPORTER = """\
exporters:
  otlp_grpc/traces:
    endpoint: ${env:TRACES_ENDPOINT:-tempo:4317}
    tls:
      insecure: true
    retry_on_failure:
      max_elapsed_time: 0s
    sending_queue:
      # Batches are made in the queue, on disk: a span is stored before its sender gets an answer.
      storage: file_storage/queue
      queue_size: 10000
      batch:
        flush_timeout: 1s
        min_size: 512
        max_size: 4096
"""

_METRICS_EXPORTER = """
  prometheus_remote_write:
    endpoint: ${env:PROMETHEUS_REMOTE_WRITE:-http://prometheus:9090/api/v1/write}
    tls:
      insecure: true
    resource_constant_labels:
      included: [service.name, service.version, deployment.environment.name]
    disable_scope_info: true
    max_batch_request_parallelism: 1"""

_SERVICE = """\
service:
  extensions: [health_check, file_storage/queue]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: ${env:COLLECTOR_HOST:-0.0.0.0}
                port: ${env:TELEMETRY_PORT:-8888}
  pipelines:
"""

_PIPELINES = (
    _SERVICE
    + """\
    traces:
      receivers: [otlp]
      processors: [memory_limiter, transform/carbonspan]
      exporters: [otlp_grpc/traces]
"""
)

_MEASURED_PIPELINES = (
    _SERVICE
    + """\
    traces:
      receivers: [otlp]
      processors: [memory_limiter, transform/carbonspan]
      exporters: [forward/enriched, forward/measured]
    traces/out:
      receivers: [forward/enriched]
      processors: [transform/tidy]
      exporters: [otlp_grpc/traces]
    traces/measured:
      receivers: [forward/measured]
      processors: [transform/labels]
      exporters: [signal_to_metrics]
    metrics/measured:
      receivers: [signal_to_metrics]
      processors: [delta_to_cumulative]
      exporters: [prometheus_remote_write]
    # Services in Python with carbonspan of their own send their metrics the same way.
    metrics:
      receivers: [otlp]
      processors: [memory_limiter]
      exporters: [prometheus_remote_write]
"""
)
