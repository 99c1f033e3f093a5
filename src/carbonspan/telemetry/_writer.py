# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the attributes of a span from its figures: what spans of one plan share is laid out once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from carbonspan.core._outcome import Role
from carbonspan.core.values import Level
from carbonspan.estimate._plan import NO_CACHED, NO_INPUT, NO_OUTPUT, NO_REASONING, Figures
from carbonspan.telemetry._contract import (
    ATTRIBUTES,
    CACHE_SAVINGS,
    REPORTED,
    ROLE,
    TASK_EMISSIONS,
    TASK_ENERGY,
    TASK_INFERENCES,
    TOTAL_TOKENS,
)

if TYPE_CHECKING:
    from carbonspan.telemetry._contract import Attribute

    Value = str | int | float | bool

TASK_TEMPLATE = 4
"""Added to `Figures.unknown`: the key of a plan's template for a task of one call."""

_FIRST = Figures._fields.index("input_tokens")  # before it: what no attribute is made of

# What a span may not report: then it is unknown, and not written.
_UNKNOWN = {
    NO_CACHED: (CACHE_SAVINGS, "carbon.usage.cached_input_tokens"),
    NO_REASONING: ("carbon.usage.reasoning_tokens",),
    NO_INPUT: ("carbon.usage.input_tokens",),
    NO_OUTPUT: ("carbon.usage.output_tokens",),
}


Template = Callable[[Figures], "dict[str, Any]"]
"""Makes the attributes of an inference of one plan."""


class Writer:
    """Makes the attributes of one level."""

    def __init__(self, level: Level) -> None:
        levels = list(Level)
        self._rows = [a for a in ATTRIBUTES if levels.index(a.level) <= levels.index(level)]

    def of(self, figures: Figures, *, is_task: bool = False) -> dict[str, Any]:
        """Return the attributes of an inference span, most important first; unknown values are left out.

        Args:
            figures: What it amounts to.
            is_task: Whether it is a task by itself, whose totals are its own.
        """
        return self.template(figures, is_task=is_task)(figures)

    def template(self, figures: Figures, *, is_task: bool) -> Template:
        """Return what makes the attributes of all inferences of a plan that have the same counts, and keep it there."""
        plan = figures.plan
        unknown = figures.unknown
        key = unknown + TASK_TEMPLATE if is_task else unknown
        found: Template | None = plan.templates.get(key)
        if found is None:
            missing = {name for bit, names in _UNKNOWN.items() if unknown & bit for name in names}
            if not unknown & (NO_INPUT | NO_OUTPUT):
                missing.add(REPORTED)
            if figures.total_tokens is None:
                missing.add(TOTAL_TOKENS)
            rows = [a for a in self._rows if a.name not in missing]
            values = {a.name: a.fixed or _value(a, figures) for a in rows}
            own = {a.name: a.path for a in rows if a.path in Figures._fields}
            if is_task:
                values.update(task_attributes(1, figures.emissions_central_g, figures.energy_central_wh))
                own.update({TASK_EMISSIONS: "emissions_central_g", TASK_ENERGY: "energy_central_wh"})
            found = plan.templates[key] = _filling(tuple(own.items()))(values)
        return found


@cache
def _filling(own: tuple[tuple[str, str], ...]) -> Callable[[dict[str, Value]], Template]:
    """Return what makes a template of shared values: a function that copies them, and puts fields of figures in.

    It is made from its text, as `dataclasses` makes its own: a loop over the names takes twice as long.
    """
    fields = ", ".join(Figures._fields[_FIRST:])
    text = [
        *("def made(values):", "    def template(figures):", "        new = values.copy()"),
        f"        {fields} = figures[{_FIRST}:]",  # a plain tuple, which is faster to take apart
        *(f"        new[{name!r}] = {field}" for name, field in own),
        *("        return new", "    return template"),
    ]
    namespace: dict[str, Any] = {}
    exec("\n".join(text), namespace)  # noqa: S102 - names of our own tables
    made: Callable[[dict[str, Value]], Template] = namespace["made"]
    return made


def _value(attribute: Attribute, figures: Figures) -> Value:
    holder = figures if hasattr(figures, attribute.path.partition(".")[0]) else figures.plan
    value: Value = attrgetter(attribute.path)(holder)
    return value


def role_attributes(role: Role) -> dict[str, Any]:
    """Return what a span that is not counted carries, so that a reader of the trace sees why."""
    return {} if role is Role.INFERENCE else {ROLE: role.value}


def cached_attributes(figures: Figures | None) -> dict[str, Any]:
    """Return what a span carries that was answered from a response cache: nothing emitted, and what that saved."""
    saved: dict[str, Any] = {} if figures is None else {CACHE_SAVINGS: figures.emissions_central_g}
    return role_attributes(Role.CACHED) | saved


def task_attributes(inferences: int, emissions_g: float, energy_wh: float) -> dict[str, Any]:
    """Return the totals of a span and all below it."""
    return {TASK_EMISSIONS: emissions_g, TASK_ENERGY: energy_wh, TASK_INFERENCES: inferences}
