# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Whose an inference was: feature flags, cohorts and the agent, off the spans above it and the baggage.

Flags are what OpenFeature's hooks leave on spans, as events or attributes, in the names of the present conventions and
of those before (`feature_flag.evaluation` and `feature_flag`, `feature_flag.result.variant` and `feature_flag.variant`;
https://opentelemetry.io/docs/specs/semconv/feature-flags/), and baggage `feature_flag.<key>`. Of the rest nothing is
taken that the settings do not name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._text import as_attribute, as_text, clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.counting._ancestry import SpanNode


FLAG = "carbon.flag."
AGENT = "carbon.agent.name"
AGENT_SOURCES = ("gen_ai.agent.name", "agent.name", "agent_name", "langfuse.observation.agent.name")

FLAG_EVENTS = frozenset({"feature_flag.evaluation", "feature_flag"})
_BAGGAGE_PREFIX = "feature_flag."
FLAG_KEY = "feature_flag.key"
FLAG_VARIANTS = (
    "feature_flag.result.variant",
    "feature_flag.variant",
    "feature_flag.result.value",
    "feature_flag.value",
)
TELLING = frozenset({*AGENT_SOURCES, FLAG_KEY})
"""Attributes of an inference's own that say whose it was."""
MAX_FLAGS = 16
"""Flags written on a span; an application may evaluate hundreds. Those that the settings name come first."""


class Attribution(NamedTuple):
    """What an inference inherits."""

    flags: Mapping[str, str]
    cohorts: Mapping[str, Any]  # those that are not on the span itself, under their own names
    agent: str

    def attributes(self) -> dict[str, Any]:
        """Return what is written on its span."""
        written: dict[str, Any] = {AGENT: self.agent} if self.agent else {}
        if self.flags:
            written.update((FLAG + key, variant) for key, variant in self.flags.items())
        if self.cohorts:
            written.update(self.cohorts)
        return written

    def labels(self, names: Sequence[str], attributes: Mapping[str, Any]) -> tuple[object, ...]:
        """Return the values of metric labels: agent, flags, cohorts, in the order of their names.

        Args:
            names: The names of the labels.
            attributes: The span's own attributes, which win.
        """
        if len(names) == 1:
            return (self.agent,)
        found: list[object] = []
        for name in names:
            if name == AGENT:
                found.append(self.agent)
            elif name.startswith(FLAG):
                found.append(self.flags.get(name.removeprefix(FLAG)))
            else:
                found.append(attributes.get(name, self.cohorts.get(name)))
        return tuple(found)


NOTHING = Attribution({}, {}, "")


class Attributor:
    """Finds out whose inferences are, under one set of settings.

    Args:
        flags: Keys of the flags that become metric labels; they are written first.
        cohorts: Names of attributes that are inherited.
    """

    def __init__(self, flags: tuple[str, ...] = (), cohorts: tuple[str, ...] = ()) -> None:
        self._flags = flags
        self._cohorts = cohorts

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the metric labels."""
        return (AGENT, *(FLAG + key for key in self._flags), *self._cohorts)

    def of(
        self,
        attributes: Mapping[str, Any],
        events: Sequence[Any],
        carried: Mapping[str, object],
        above: Sequence[SpanNode],
        says: bool = True,  # noqa: FBT001, FBT002 - on every LLM span below another
    ) -> Attribution:
        """Return what an inference inherits.

        Args:
            attributes: Its span's own attributes.
            events: Its span's own events.
            carried: The baggage its span started with.
            above: The span's ancestors, nearest first.
            says: Whether its span may have one of the attributes of `TELLING` itself.
        """
        if not above and not carried and not events and attributes.keys().isdisjoint(TELLING):
            return NOTHING  # alone: nothing to inherit
        agent = _agent(attributes) if says else ""
        held: list[Mapping[str, Any]] = []
        flagged = [(attributes, events)] if events or (says and FLAG_KEY in attributes) else []
        for ancestor in above:
            theirs, evaluated = ancestor.attributes, ancestor.events
            held.append(theirs)
            if not agent:
                agent = _agent(theirs)
            if evaluated or FLAG_KEY in theirs:
                flagged.append((theirs, evaluated))
        flags = self._flags_of(flagged, carried) if flagged or carried else {}
        cohorts: dict[str, Any] = {}
        for name in self._cohorts:
            if name not in attributes:
                value = _inherited(name, held, carried)
                if value is not None:
                    cohorts[name] = value
        return Attribution(flags, cohorts, agent) if flags or cohorts or agent else NOTHING

    def _flags_of(
        self, spans: Sequence[tuple[Mapping[str, Any], Sequence[Any]]], carried: Mapping[str, object]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for attributes, events in spans:
            for key, variant in _evaluated(events, attributes).items():
                found.setdefault(key, variant)
        for name, value in carried.items():
            key = name.removeprefix(_BAGGAGE_PREFIX) if name.startswith(_BAGGAGE_PREFIX) else ""
            key = key or (name if name in self._flags else "")
            if key and isinstance(value, str):
                found.setdefault(clean(key), clean(value))
        if len(found) > MAX_FLAGS:
            named = {key: found[key] for key in self._flags if key in found}
            found = dict(list({**named, **found}.items())[: max(MAX_FLAGS, len(named))])
        return found


def _inherited(name: str, held: Sequence[Mapping[str, Any]], carried: Mapping[str, object]) -> Any:
    for attributes in held:
        value = attributes.get(name)
        if value is not None:
            return as_attribute(value)
    value = carried.get(name)
    return clean(value) if isinstance(value, str) else None


def _agent(attributes: Mapping[str, Any]) -> str:
    for name in AGENT_SOURCES:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return clean(value)
    return ""


def _evaluated(events: Sequence[Any], attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the flags that were evaluated on a span; of one that was evaluated twice, the last."""
    found: dict[str, str] = {}
    for event in tuple(events):
        if event.name in FLAG_EVENTS:
            _note(found, event.attributes or {})
    if FLAG_KEY in attributes:
        _note(found, attributes)
    return found


def _note(found: dict[str, str], attributes: Mapping[str, Any]) -> None:
    key = attributes.get(FLAG_KEY)
    if not isinstance(key, str) or not key:
        return
    for name in FLAG_VARIANTS:
        value = attributes.get(name)
        if isinstance(value, (str, bool, int, float)) and value != "":
            text = as_text(value)
            if text:
                found[clean(key)] = text
            return
