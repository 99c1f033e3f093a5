# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""From what a span says to what it emitted, step by step: usage, place, energy, conditions, footprint. No I/O.

The processor, the exporter, the command and `carbonspan.estimate` all take these steps. Each is one method; what they
find for one span serves all that are like it (`plan`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan import site as sites
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._outcome import ENCODING, Outcome, Role
from carbonspan.core.values import ZERO
from carbonspan.energy._tokens import TokenModel
from carbonspan.estimate import _partial as partial
from carbonspan.estimate._plan import Plan, Plans
from carbonspan.estimate.footprint import rates
from carbonspan.usage import MODEL, OUTPUT_OPTIONAL, SERVICE, SpanModels, layout_of, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from carbonspan.core.values import Energy, Intensity, Joules, Place, Site, Usage
    from carbonspan.energy._coefficients import UseCoefficients
    from carbonspan.energy.model import EnergyModel
    from carbonspan.estimate._plan import Figures
    from carbonspan.estimate.footprint import Rates
    from carbonspan.grid._resolver import Resolver
    from carbonspan.usage import Layout

_MAX_CONDITIONS = 1024
_MAX_PLANS = 4096


class Estimate(NamedTuple):
    """What was found of one span: figures only where something was emitted that may count."""

    outcome: str
    usage: Usage
    figures: Figures | None = None


class Conditions(NamedTuple):
    """What all inferences of one place and hour share."""

    site: Site
    intensity: Intensity
    rates: Rates


class Estimator:
    """The steps, set up once.

    Args:
        energy_model: Tokens to joules.
        locator: What the span and the settings say about where it ran.
        resolver: Place and hours to intensity.
        pue: Replaces the tables' PUE where given.
        span_models: Service or instrumentation scope to the model of spans that name none.
        counted_elsewhere: Providers, hosts (a gateway) and services whose calls other spans count.
        watched: Names of attributes that others look at: their plans say whether a span has any.
    """

    def __init__(
        self,
        energy_model: EnergyModel,
        locator: sites.Locator,
        resolver: Resolver,
        pue: float | None = None,
        *,
        span_models: Mapping[str, str] | None = None,
        counted_elsewhere: Iterable[str] = (),
        watched: Iterable[str] = (),
    ) -> None:
        self._energy_model = energy_model
        # Where energy is so many joules for each token, what a token takes serves all inferences of a plan.
        self._by_token = energy_model if isinstance(energy_model, TokenModel) else None
        self._locator = locator
        self._resolver = resolver
        self._pue = pue
        self._span_models = SpanModels(span_models or {})
        self._counted_elsewhere = sites.Names(counted_elsewhere)
        self._watched = frozenset(watched)
        self._conditions: dict[tuple[int, int], tuple[Place, int, Conditions | None]] = {}
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._known = Plans(resolver.store)
        self.known = self._known.find
        """Returns the figures of a span that is like one before, as `estimate` would; `None` for others."""

    def estimate(  # noqa: PLR0917 - what a span has
        self,
        attributes: Mapping[str, Any],
        scope: str,
        start_ns: int,
        end_ns: int,
        resource: Mapping[str, Any],
        events: Sequence[Any] = (),
    ) -> Estimate | None:
        """Return what a span consumed and emitted, or `None` where it is no LLM span; and keep the plan.

        Args:
            attributes: The span's attributes.
            scope: Name of its instrumentation scope.
            start_ns: Start, nanoseconds since the epoch.
            end_ns: End; where it lies before the start, the start's hour is used.
            resource: Attributes of the span's resource.
            events: The events on the span.
        """
        usage = read(attributes, scope, events)
        if usage is None:
            return None
        if usage.role is not Role.INFERENCE or not (usage.usable or usage.partial):
            return Estimate(usage.problem if usage.role is Role.INFERENCE else usage.role.value, usage)
        if not usage.model:
            usage = self._named(usage, attributes, scope, resource, events)
        if self._counted_elsewhere and self._is_elsewhere(usage, attributes, resource):
            return Estimate(Outcome.DUPLICATE, usage._replace(role=Role.DUPLICATE))
        place = self.place(attributes, usage, resource)
        layout = layout_of(attributes, scope)
        watched = not self._watched.isdisjoint(attributes)
        server = sites.server_of(attributes)
        figures = self.figures(
            usage, place, start_ns, end_ns, scope=scope, layout=layout, watched=watched, server=server
        )
        if figures is None:
            return Estimate(Outcome.NO_INTENSITY, usage)
        if layout is not None and figures.plan.lasting:
            self._known.remember(attributes, scope, layout, self._locator.attribute_names, figures.plan, resource)
        return Estimate(figures.plan.outcome, usage, figures)

    def _named(
        self,
        usage: Usage,
        attributes: Mapping[str, Any],
        scope: str,
        resource: Mapping[str, Any],
        events: Sequence[Any],
    ) -> Usage:
        """Return the usage of a span that names no model, read with the one that its resource or the settings name."""
        model = self._span_models.of(scope, resource)
        return (read({**attributes, MODEL: model}, scope, events) or usage) if model else usage

    def _is_elsewhere(self, usage: Usage, attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
        service = resource.get(SERVICE)
        if isinstance(service, str) and service.lower() in self._counted_elsewhere:
            return True
        return sites.calls(attributes, usage.provider, self._counted_elsewhere)

    def sizes(self) -> dict[str, int]:
        """Return how much is kept: groups of spans and plans known in them, plans, conditions. Each is bounded."""
        return {**self._known.sizes(), "plans": len(self._plans), "conditions": len(self._conditions)}

    def place(self, attributes: Mapping[str, Any], usage: Usage, resource: Mapping[str, Any]) -> Place:
        """Return where an inference ran, as far as its span, the settings and the resource say."""
        # The requested name carries the routing prefix (eu.anthropic...); responses often drop it.
        return self._locator.locate(
            attributes,
            provider=usage.provider,
            model=usage.request_model or usage.model,
            resource_attributes=resource,
        )

    def figures(
        self,
        usage: Usage,
        place: Place,
        start_ns: int,
        end_ns: int,
        *,
        scope: str = "",
        layout: Layout | None = None,
        watched: bool = True,
        server: str = "",
    ) -> Figures | None:
        """Return what a usage amounts to at `place`, or `None` where it is not usable or its intensity is refused.

        Args:
            usage: What was consumed.
            place: Where.
            start_ns: From when, nanoseconds since the epoch.
            end_ns: Until when.
            scope: The instrumentation scope it was reported under.
            layout: Where spans that are like this one hold their counts.
            watched: Whether its span has an attribute that others look at.
            server: The host that was called; "" where unknown.
        """
        if not (usage.usable or usage.partial):
            return None
        version = self._resolver.version
        conditions, hour = self.conditions(place, start_ns, end_ns)
        if conditions is None:
            return None
        joules: Joules | None = None
        if self._by_token is not None and not usage.partial:
            coefficients = self._by_token.coefficients(usage)
            texts = coefficients.texts
        else:
            model = self._energy_model
            coefficients, energy = None, partial.energy(usage, model) if usage.partial else model.estimate(usage)
            texts = energy._replace(it_j=ZERO, cache_savings_it_j=0.0)
            joules = (*energy.it_j, energy.cache_savings_it_j)
        plan = self._plan(usage, texts, coefficients, conditions, hour, version, scope, layout, watched, server)
        figures = plan.figures(
            usage.response_id,
            start_ns,
            end_ns,
            usage.input_tokens or 0,
            usage.output_tokens or 0,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
            joules,
        )
        return partial.as_reported(figures, usage) if usage.partial else figures

    def conditions(self, place: Place, start_ns: int, end_ns: int) -> tuple[Conditions | None, int | None]:
        """Return site, intensity and rates at a place over a time, and its hour if it is one.

        `None` in place of the conditions where the settings refuse every intensity.
        """
        hour = start_ns // NS_PER_HOUR
        if (end_ns - 1 if end_ns > start_ns else start_ns) // NS_PER_HOUR != hour:
            return self._conditions_over(place, start_ns, end_ns), None
        # By identity of the place: a locator returns one object for equal calls, and hashing its fields would cost more
        # than this saves. The entry holds it, so that its id cannot be reused while the entry stands.
        version = self._resolver.version
        entry = self._conditions.get((id(place), hour))
        if entry is None or entry[0] is not place or entry[1] != version:
            entry = (place, version, self._conditions_over(place, start_ns, start_ns))
            if len(self._conditions) >= _MAX_CONDITIONS:
                self._conditions.clear()
            self._conditions[id(place), hour] = entry
        return entry[2], hour

    def _conditions_over(self, place: Place, start_ns: int, end_ns: int) -> Conditions | None:
        intensity = self._resolver.at(place, start_ns, end_ns)
        if intensity is None:
            return None
        site = sites.site_of(place, pue_override=self._pue)
        return Conditions(site, intensity, rates(site, intensity))

    def _plan(  # noqa: PLR0917 - what tells plans apart
        self,
        usage: Usage,
        energy: Energy,
        coefficients: UseCoefficients | None,
        conditions: Conditions,
        hour: int | None,
        version: int,
        scope: str,
        layout: Layout | None,
        watched: bool,  # noqa: FBT001 - as the rest
        server: str,
    ) -> Plan:
        """Return the plan of a usage: one object for all that are alike, over one hour."""
        reading = None if layout is None else layout.source.reading(usage.provider, usage.model)
        key = (*usage[:6], usage.problem, *energy[2:], scope, reading, watched, server, id(conditions))
        plan = self._plans.get(key) if hour is not None else None
        if plan is None or plan.rates is not conditions.rates:
            plan = Plan(
                usage._replace(**_NO_COUNTS),
                energy,
                *conditions,
                scope=scope,
                outcome=usage.problem or (Outcome.ENRICHED if energy.model_known else Outcome.UNKNOWN_MODEL),
                hour=hour,
                version=version,
                encodes=usage.operation in ENCODING,
                coefficients=coefficients,
                reading=reading,
                output_optional=usage.operation in OUTPUT_OPTIONAL,
                watched=watched,
                server=server,
            )
            if hour is not None:
                if len(self._plans) >= _MAX_PLANS:
                    self._plans.clear()
                self._plans[key] = plan
        return plan


_NO_COUNTS: dict[str, Any] = {
    "input_tokens": None,
    "output_tokens": None,
    "cached_input_tokens": None,
    "cache_write_tokens": None,
    "reasoning_tokens": None,
    "response_id": "",
    "total_tokens": None,
}
