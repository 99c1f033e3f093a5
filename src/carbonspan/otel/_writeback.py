# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How results get onto a span that has ended: one answer for each SDK, found by trying, never by version number.

The SDK has no public way to add attributes when the token counts are known (open-telemetry/opentelemetry-python
#4775, #5613, #5614). What works differs: see `Path`. What is private of a span is touched in this module only.
"""

from __future__ import annotations

import functools
import inspect
import logging
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carbonspan.counting._handled import handled
from carbonspan.telemetry._contract import marked
from carbonspan.usage import MARKERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import SpanContext

_log = logging.getLogger("carbonspan")

Facts: TypeAlias = "tuple[str, int, int, Mapping[str, Any], SpanContext | None, Sequence[Any], SpanContext | None]"
"""See `facts`. A plain tuple: it lives for a microsecond."""

PROBE_KEY = "carbon.probe"
UNLIMITED = 1 << 30


class Path(Enum):
    """The ways onto an ended span, best first."""

    SET_ATTRIBUTES = "public set_attributes in _on_ending"
    REBIND_ENDING = "rebind in _on_ending, any order of processors"
    REBIND_END = "rebind in on_end, register carbonspan before the exporting processor"
    NONE = "none: spans are counted, not enriched"


def read(span: ReadableSpan) -> Mapping[str, Any]:
    """Return an ended span's attributes as a plain dict where the SDK holds one, without copying: do not change it.

    The public property wraps them twice, and every look-up pays for that. Where the SDK's limit has evicted some, those
    that the span started with are among them.
    """
    attributes: Any = span._attributes  # noqa: SLF001 - the one module that owns this, see above
    if isinstance(attributes, BoundedAttributes):
        held: Mapping[str, Any] = attributes._dict  # noqa: SLF001
        return Remaining({**getattr(attributes, _STARTED, {}), **held}) if attributes.dropped else held
    return attributes or {}


class Remaining(dict[str, Any]):
    """What the SDK's limit has left of a span's attributes, and what the span started with."""


_STARTED = "_carbonspan_started"


def remember(span: Any) -> None:
    """Keep what a span of an LLM call starts with: the SDK's limit may evict it, the oldest first."""
    try:
        attributes = span._attributes  # noqa: SLF001 - here and below: see the module
        held = attributes._dict  # noqa: SLF001
    except AttributeError:  # another class of span
        return
    if held and not MARKERS.isdisjoint(held):
        # On the container, which copies of the span share, and which lives as long as they do.
        attributes._carbonspan_started = held.copy()  # noqa: SLF001 - ours


def lost(span: Any) -> bool:
    """Return whether the SDK has dropped any attribute of a span."""
    return bool(getattr(getattr(span, "_attributes", None), "dropped", 0))


def held(span: Any) -> tuple[Any, Sequence[Any]]:
    """Return the containers in which a span holds its attributes and its events: they stay its own while it lives."""
    events = getattr(span, "_events", ())
    return getattr(span, "_attributes", None), getattr(events, "_dq", events)


def plain(attributes: Any) -> Mapping[str, Any]:
    """Return the attributes that a container of `held` holds now, as `read` does."""
    return getattr(attributes, "_dict", attributes) or {}


def facts(span: Any) -> Facts:
    """Return what is read of an ended span beside its attributes, without a call of the SDK for each.

    Scope name, start and end (ns; one without a start takes its end), resource attributes, context, events, and
    its parent. A span that has them elsewhere is asked for them.
    """
    try:
        end_ns = span._end_time or 0  # noqa: SLF001 - here and below: see the module
        return (  # noqa: TRY300 - what may be missing is read here
            span._instrumentation_scope._name,  # noqa: SLF001
            span._start_time or end_ns,  # noqa: SLF001
            end_ns,
            span._resource._attributes,  # noqa: SLF001
            span._context,  # noqa: SLF001
            span._events._dq,  # noqa: SLF001 - asking the list around it for its length would be a call
            span._parent,  # noqa: SLF001
        )
    except AttributeError:  # no scope, or another class of span
        scope, end_ns = span.instrumentation_scope, span.end_time or 0
        name = scope.name if scope else ""
        return (
            *(name, span.start_time or end_ns, end_ns, span.resource.attributes, span.context, span.events),
            span.parent,
        )


def replace(span: ReadableSpan, held: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Do what `write` does, for the SDKs that take no attributes in `_on_ending` by their front door; see there."""
    old: Any = span._attributes  # noqa: SLF001 - the one module that owns this, see above
    if type(old) is BoundedAttributes and old._dict is held and old.max_value_len is None:  # noqa: SLF001
        merged = {**held, **new}
        if len(merged) == len(held) + len(new) and (old.maxlen is None or len(merged) <= old.maxlen):
            # Nearly every span: no name was taken, there is room for all, and nothing is cut. A new dict inside the
            # SDK's own mapping: its dropped count, limit and immutability stay, and whoever iterates over the old one
            # in another thread is not disturbed.
            old._dict = merged  # noqa: SLF001
            return 0
    return write(span, held, new)


def write(span: ReadableSpan, held: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Put `new` on an ended or ending span; return how many of its entries did not fit.

    A span that then does not show that it was handled is remembered as one that was. No attribute of the user's is
    replaced or evicted: keys that exist stay as they are (and count as written), and
    entries beyond the span's attribute limit are left out, last first. Dropped counts survive.

    Args:
        span: The span.
        held: Its attributes, as `read` gave them.
        new: What is to go beside them.
    """
    old: Any = span._attributes  # noqa: SLF001 - the one module that owns this, see above
    bounded = isinstance(old, BoundedAttributes)
    if bounded and old.dropped:
        held = old._dict  # noqa: SLF001 - what it started with stays evicted
    new, missed = fitting(new, held, _limit(span, old), old.max_value_len if bounded else None)
    if isinstance(span, Span) and span.is_recording():
        # The SDK still takes attributes in _on_ending (as opentelemetry-python #5613 proposes): use its front door.
        span.set_attributes(new)
    elif bounded:
        old._dict = {**held, **new}  # noqa: SLF001
    else:
        span._attributes = {**held, **new}  # noqa: SLF001
    if missed and not marked(read(span)):
        handled.add(span.context)
    return missed


def fitting(
    new: Mapping[str, Any], held: Mapping[str, Any], limit: int, longest: int | None
) -> tuple[Mapping[str, Any], int]:
    """Return what of `new` may be added to the attributes `held`, and how many of its entries found no room.

    Names that are taken stay the user's and are left out, uncounted; what goes beyond `limit` attributes is left out,
    last first; texts are cut to `longest` characters.
    """
    if not held.keys().isdisjoint(new):
        new = {key: value for key, value in new.items() if key not in held}
    missed = min(max(0, len(held) + len(new) - limit), len(new))
    if missed:
        new = dict(list(new.items())[: len(new) - missed])
    if longest is not None:
        new = {key: value[:longest] if isinstance(value, str) else value for key, value in new.items()}
    return new, missed


def _limit(span: ReadableSpan, attributes: Any) -> int:
    limit = getattr(attributes, "maxlen", None)
    if limit is None:  # another processor bound a plain mapping, or the SDK has no limit
        limit = getattr(getattr(span, "_limits", None), "max_span_attributes", None)
    return UNLIMITED if limit is None else limit


class _Probe(SpanProcessor):
    """Writes one attribute through one hook."""

    def __init__(self, hook: str) -> None:
        self._hook = hook
        self.public = False

    def _on_ending(self, span: Span) -> None:
        if self._hook == "_on_ending":
            self.public = span.is_recording()
            write(span, read(span), {PROBE_KEY: 1})

    def on_end(self, span: ReadableSpan) -> None:
        if self._hook == "on_end":
            write(span, read(span), {PROBE_KEY: 1})


class _Reader(SpanProcessor):
    """Stands for an exporting processor: remembers whether the attribute arrived."""

    ended = arrived = False

    def on_end(self, span: ReadableSpan) -> None:
        self.ended = True
        self.arrived = PROBE_KEY in (span.attributes or {})


def _try(hook: str, *, reader_first: bool) -> tuple[_Probe, _Reader]:
    probe, reader = _Probe(hook), _Reader()
    own: dict[str, Any] = {}
    if "meter_provider" in inspect.signature(TracerProvider).parameters:
        own["meter_provider"] = NoOpMeterProvider()  # newer SDKs count spans: the trial is none of the user's
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.get_empty(),
        span_limits=SpanLimits(max_span_attributes=1),  # whatever limit the environment sets
        shutdown_on_exit=False,
        **own,
    )
    for processor in (reader, probe) if reader_first else (probe, reader):
        provider.add_span_processor(processor)
    provider.get_tracer("carbonspan.probe").start_span("probe").end()
    return probe, reader


@functools.cache
def path() -> Path:
    """Return the way that works on the installed SDK, found once by ending a real span in a private provider.

    Never raises: where the trial itself fails, the answer is `Path.NONE` and the reason is logged.
    """
    try:
        probe, reader = _try("_on_ending", reader_first=True)
        if reader.arrived:
            return Path.SET_ATTRIBUTES if probe.public else Path.REBIND_ENDING
        if not reader.ended:
            return Path.NONE  # OTEL_SDK_DISABLED: there are no spans, and nothing to warn of
        if _try("on_end", reader_first=False)[1].arrived:
            return Path.REBIND_END
    except Exception:  # noqa: BLE001 - a private API may break in any way, and must not break the application
        _log.exception("carbonspan could not find out how this OpenTelemetry SDK takes attributes on ended spans")
    _log.warning(
        "carbonspan: this OpenTelemetry SDK takes no attributes on ended spans; they are counted, not enriched. "
        "Wrap the exporter instead: CarbonSpanExporter(exporter)"
    )
    return Path.NONE
