# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonSampler: LLM spans that another sampler would drop are recorded, so that they are counted, and not exported."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry.sdk.environment_variables import OTEL_TRACES_SAMPLER_ARG
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import get_current_span

from carbonspan.usage import MARKERS
from carbonspan.usage._operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

_log = logging.getLogger("carbonspan")

# A span's name says what it is where it starts with an operation, as the GenAI conventions have it ("chat gpt-4o"), or
# ends with one after a dot, as OpenLLMetry has it ("openai.response", "ChatOpenAI.chat").
_OPERATIONS = frozenset(name for name, operation in OPERATIONS.items() if not operation.auxiliary)

# What starts with no telling attribute under another name. Read in langchain-openai and its kin as traced by
# openinference-instrumentation-langchain 0.1.80 (the class of the chat model), litellm 1.109.1
# (integrations/opentelemetry.py) and langfuse 5.0.4 (openai.py).
_BEGINNINGS = ("Chat", "AzureChat", "litellm_request", "Received Proxy Server Request", "OpenAI-")


class CarbonSampler(Sampler):
    """Asks `inner`, and where it would drop an LLM span has it recorded instead: counted, never exported.

        TracerProvider(sampler=CarbonSampler(ParentBasedTraceIdRatio(0.01)))

    Put it outermost: a sampler around it may drop what it would keep. The trace flags stay those of `inner`, so that
    nothing downstream is sampled that was not before.

    A sampler is asked before the span exists and is not told the instrumentation scope. What counts as an LLM span is
    decided by the attributes given at the start and the name; an instrumentation that sets all its attributes later
    under a name of the user's cannot be recognised. `every` serves those.

    Args:
        inner: The sampler whose decisions hold for what is exported.
        every: Record every span that `inner` would drop, whatever it is.

    Raises:
        ValueError: for an `inner` that is no sampler.
    """

    def __init__(self, inner: Sampler, *, every: bool = False) -> None:
        if not isinstance(inner, Sampler):
            raise ValueError(f"option 'inner' is {inner!r}; allowed: an OpenTelemetry Sampler")
        self._inner = inner
        self._every = every

    def should_sample(  # noqa: PLR0917 - the interface's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return what `inner` says, with `RECORD_ONLY` in place of `DROP` for LLM spans.

        The attributes the span starts with stay: a dropping sampler leaves them out of its answer, and from there the
        SDK takes them.
        """
        more = () if trace_state is None else (trace_state,)  # the SDK gives none, and a sampler may not take any
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, *more)
        try:
            if result.decision is not Decision.DROP:
                return result
            if not (self._every or _is_llm(name, attributes) or _is_below_kept(parent_context)):
                return result
            kept = {**(attributes or {}), **(result.attributes or {})}
            return SamplingResult(Decision.RECORD_ONLY, kept, result.trace_state)
        except Exception:  # noqa: BLE001 - a name that is no text, say: a span that would be dropped must not raise
            return result

    def get_description(self) -> str:
        """Return the name of this sampler around that of the inner one."""
        return f"CarbonSampler{{{self._inner.get_description()}{',every' if self._every else ''}}}"


def _is_llm(name: str, attributes: Attributes) -> bool:
    """Return whether a span about to start says that it is an LLM call, or holds some."""
    if attributes and not MARKERS.isdisjoint(attributes):
        return True
    return (
        name.partition(" ")[0] in _OPERATIONS or name.rpartition(".")[2] in _OPERATIONS or name.startswith(_BEGINNINGS)
    )


def _is_below_kept(parent_context: Context | None) -> bool:
    """Return whether a span about to start stands below one that is recorded, and not exported.

    A dropped span in between would part a container from its calls, and the container would be counted beside them.
    """
    parent = get_current_span(parent_context)
    return isinstance(parent, ReadableSpan) and not parent.get_span_context().trace_flags.sampled


# By name: OTEL_TRACES_SAMPLER=carbon_parentbased_traceidratio, OTEL_TRACES_SAMPLER_ARG=0.01
# The SDK calls these with the text of OTEL_TRACES_SAMPLER_ARG, or None where it is not set.

# The SDK's own where the variable is missing or no number (opentelemetry/sdk/trace/sampling.py).
DEFAULT_RATIO = 1.0
_SHOWN = 200  # characters of a wrong value, as in the settings


def always_on(argument: str | None = None) -> CarbonSampler:
    """Return `always_on`, which drops nothing: here so that each of the SDK's names has its own."""
    return CarbonSampler(ALWAYS_ON, every=_split(argument)[1])


def always_off(argument: str | None = None) -> CarbonSampler:
    """Return `always_off`, with LLM spans kept countable: nothing is exported."""
    return CarbonSampler(ALWAYS_OFF, every=_split(argument)[1])


def traceidratio(argument: str | None = None) -> CarbonSampler:
    """Return `traceidratio` of the ratio in the argument, with LLM spans kept countable."""
    return _by_ratio(TraceIdRatioBased, argument)


def parentbased_always_on(argument: str | None = None) -> CarbonSampler:
    """Return `parentbased_always_on`, with LLM spans below an unsampled parent kept countable."""
    return CarbonSampler(DEFAULT_ON, every=_split(argument)[1])


def parentbased_always_off(argument: str | None = None) -> CarbonSampler:
    """Return `parentbased_always_off`, with LLM spans kept countable."""
    return CarbonSampler(DEFAULT_OFF, every=_split(argument)[1])


def parentbased_traceidratio(argument: str | None = None) -> CarbonSampler:
    """Return `parentbased_traceidratio` of the ratio in the argument, with LLM spans kept countable."""
    return _by_ratio(ParentBasedTraceIdRatio, argument)


def _split(argument: object) -> tuple[str, bool]:
    """Return the argument without the word `every`, and whether it was there: `0.01,every`, `0.01` or `every`."""
    words = [word.strip() for word in str(argument or "").split(",")]
    return ",".join(word for word in words if word != "every"), "every" in words


def _by_ratio(make: Callable[[float], Sampler], argument: object) -> CarbonSampler:
    """Return the sampler; a wrong ratio is logged in one line, and the SDK's default stands in for it."""
    text, every = _split(argument)
    try:
        inner = make(float(text))
    except ValueError:  # no number, not finite, or out of range
        _log.warning(
            "carbonspan: %s is %s; allowed: a number from 0 to 1 (`,every` may follow). Using %g, as the SDK does",
            OTEL_TRACES_SAMPLER_ARG,
            repr(argument)[:_SHOWN] if text else "without a ratio",
            DEFAULT_RATIO,
        )
        inner = make(DEFAULT_RATIO)
    return CarbonSampler(inner, every=every)
