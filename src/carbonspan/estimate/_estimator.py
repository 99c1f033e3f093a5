# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The road from what a span says to what it emitted: usage, energy, site, grid, footprint. No I/O, no clock.

The processor, the exporter, the command and `estimate` all take this one road.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan import site as sites, usage as usages
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._options import warn_once
from carbonspan.core._outcome import Outcome, Role
from carbonspan.energy._ecologits import EcoLogitsModel
from carbonspan.energy._registry import default_registry
from carbonspan.energy._tokens import TokenModel
from carbonspan.energy.model import CheckedModel
from carbonspan.estimate import footprint as footprints
from carbonspan.estimate._plan import Kind, Lanes
from carbonspan.grid import _bundled as bundled
from carbonspan.grid._resolver import STALE_HOURS, Resolver
from carbonspan.live._status import NOTHING
from carbonspan.live.sources import BUNDLED
from carbonspan.telemetry._contract import marked
from carbonspan.telemetry._cost import NAMES as COST_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from carbonspan.core._options import Settings
    from carbonspan.core.values import Energy, Intensity, Place, Site, Usage
    from carbonspan.energy._tokens import Charge
    from carbonspan.energy.model import EnergyModel
    from carbonspan.estimate.footprint import Footprint
    from carbonspan.live._live import LiveGrid
    from carbonspan.live._status import GridReport

# Places and hours whose conditions are kept: a process sees tens of places and, when replaying, weeks of hours.
MAX_CONDITIONS = 4096
# Combinations of model, place and hour whose common part is kept, so that what is laid out for one serves all.
MAX_SHARED = 4096


class _Conditions(NamedTuple):
    """What all spans of one place and hour share."""

    site: Site
    intensity: Intensity
    rates: footprints.Rates


class Enrichment(NamedTuple):
    """What the road found: the footprint only where something was emitted and counted."""

    outcome: str
    uncounted: Usage | None = None  # what was read of a span without a footprint
    footprint: Footprint | None = None

    @property
    def usage(self) -> Usage | None:
        """What the span says was consumed."""
        return self.uncounted if self.footprint is None else self.footprint.usage


class Road:
    """The steps a span takes, set up once.

    Args:
        energy_model: Tokens to joules.
        locator: What the span and the settings say about where it ran.
        resolver: Place and hours to intensity.
        pue: Replaces the tables' PUE where given.
        live: The live sources behind the resolver, where there are any.
        counted_elsewhere: Providers and hosts (a gateway) that count the calls to them themselves.
    """

    def __init__(
        self,
        energy_model: EnergyModel,
        locator: sites.Locator,
        resolver: Resolver,
        pue: float | None = None,
        live: LiveGrid | None = None,
        *,
        counted_elsewhere: Iterable[str] = (),
    ) -> None:
        self._energy_model = energy_model
        self._locator = locator
        self._resolver = resolver
        self._pue = pue
        # How the model charges by the token, where it does: then spans of one kind share all but their counts.
        self._charge: Callable[[Usage], Charge] | None = getattr(energy_model, "charge", None)
        self._counted_elsewhere = sites.Names(counted_elsewhere)
        self._live = live
        self._closed = False
        self._known: dict[tuple[int, int], tuple[Place, int, _Conditions | None]] = {}
        self._shared: dict[tuple[Any, ...], footprints.Shared] = {}
        self._lanes = Lanes(resolver.store)
        self.known = self._lanes.find
        """Returns kind and footprint of a span whose kind was met before, as `enrich` would; `None` for others."""

    @classmethod
    def of(cls, settings: Settings, *, start: bool = True) -> Road:
        """Return the road that `settings` describe, its tables loaded.

        With `start` false, live hours are used where another road of the same settings already fetches them.
        """
        sites.load()
        bundled.load()
        live = live_grid(settings, start=start, passed_over=_passed_over)
        return cls(
            energy_model=_energy_model(settings),
            locator=sites.Locator(
                overrides=settings.regions,
                defaults={"*": settings.region} if settings.region else {},
                self_hosted=settings.self_hosted,
            ),
            resolver=resolver_of(settings, live, want=live.want if live else None),
            pue=settings.pue,
            live=live,
            counted_elsewhere=settings.counted_elsewhere,
        )

    @property
    def live(self) -> LiveGrid | None:
        """The live sources, `None` where the bundled tables answer alone."""
        return self._live

    def refresh_grid(self, timeout_s: float) -> GridReport:
        """Bring the live hours of the zones seen so far up to date, and wait for it; without live sources: nothing."""
        return self._live.refresh(timeout_s) if self._live else NOTHING

    def prefetch_grid(self, regions: Iterable[str], timeout_s: float) -> GridReport:
        """Fetch today's live hours of these regions, and wait for it; without live sources: nothing."""
        return self._live.prefetch(regions, timeout_s) if self._live else NOTHING

    def close(self) -> None:
        """End what runs in the background for this road; spans still get what was fetched, and the tables."""
        live, self._closed = self._live if not self._closed else None, True
        if live is not None:
            live.close()

    def enrich(
        self,
        attributes: Mapping[str, Any],
        scope: str,
        start_ns: int,
        end_ns: int,
        resource: Mapping[str, Any],
    ) -> Enrichment | None:
        """Return what a span consumed and emitted, or `None` where it is no LLM span.

        Args:
            attributes: The span's attributes.
            scope: Name of its instrumentation scope.
            start_ns: Start, nanoseconds since the epoch.
            end_ns: End; where it lies before the start, the start's hour is used.
            resource: Attributes of the span's resource.
        """
        found = self.known(attributes, scope, start_ns, end_ns, resource)
        if found is not None:
            kind, footprint = found
            return Enrichment(kind.outcome, None, footprint)
        return self.long_way(attributes, scope, start_ns, end_ns, resource)

    def long_way(
        self, attributes: Mapping[str, Any], scope: str, start_ns: int, end_ns: int, resource: Mapping[str, Any]
    ) -> Enrichment | None:
        """Return what `enrich` does, without a look at what was met before, and remember it."""
        version = self._resolver.version
        usage = usages.read(attributes, scope)
        if usage is None:
            return None
        if marked(attributes):
            return Enrichment(Outcome.ALREADY, usage)
        if usage.role is not Role.INFERENCE or usage.problem:
            return Enrichment(usage.problem if usage.role is Role.INFERENCE else usage.role.value, usage)
        if self._counted_elsewhere and sites.calls(attributes, usage.provider, self._counted_elsewhere):
            return Enrichment(Outcome.DUPLICATE, usage._replace(role=Role.DUPLICATE))
        place = self.locate(attributes, usage, resource)
        footprint = self.footprint(usage, place, start_ns, end_ns)
        if footprint is None:
            return Enrichment(Outcome.NO_INTENSITY, usage)
        outcome = Outcome.ENRICHED if footprint.energy.model_known else Outcome.UNKNOWN_MODEL
        hour = start_ns // NS_PER_HOUR
        if self._charge is not None and _hour_of_end(start_ns, end_ns) == hour:
            # Spans that are like this one, in this hour, take a lane from now on.
            shape = usages.shape_of(attributes, scope)
            case = None if shape is None else shape.case(attributes)
            if shape is not None and case is not None:
                charge = self._charge(footprint.shared.usage)
                tells_cost = not COST_NAMES.isdisjoint(attributes)
                kind = Kind(case, hour, version, resource, outcome, footprint.shared, charge, tells_cost)
                self._lanes.remember(attributes, scope, shape, self._locator.telling, kind)
        return Enrichment(outcome, None, footprint)

    def of_usage(
        self,
        usage: Usage,
        attributes: Mapping[str, Any],
        start_ns: int,
        end_ns: int,
        resource: Mapping[str, Any],
    ) -> Footprint | None:
        """Return the footprint of usage that `enrich` left uncounted, `None` where it cannot be told."""
        if not usage.usable:
            return None
        return self.footprint(usage, self.locate(attributes, usage, resource), start_ns, end_ns)

    def locate(self, attributes: Mapping[str, Any], usage: Usage, resource: Mapping[str, Any]) -> Place:
        """Return where an inference ran, as far as its span, the settings and the resource tell."""
        # The requested name carries the routing prefix (eu.anthropic...); responses often drop it.
        return self._locator.locate(
            attributes,
            provider=usage.provider,
            model=usage.request_model or usage.model,
            resource_attributes=resource,
        )

    def footprint(self, usage: Usage, place: Place, start_ns: int, end_ns: int) -> Footprint | None:
        """Return the footprint of a usable `usage` at `place`, or `None` where the settings refuse every intensity."""
        hour = start_ns // NS_PER_HOUR
        if _hour_of_end(start_ns, end_ns) != hour:
            conditions = self._conditions_over(place, start_ns, end_ns)
        else:
            # By identity of the place: a locator returns one object for equal calls, and hashing its fields would cost
            # more than this saves. The entry holds it, so that its id cannot be reused while the entry stands.
            version = self._resolver.version
            entry = self._known.get((id(place), hour))
            if entry is None or entry[0] is not place or entry[1] != version:
                entry = (place, version, self._conditions_over(place, start_ns, start_ns))
                if len(self._known) >= MAX_CONDITIONS:
                    self._known.clear()
                self._known[id(place), hour] = entry
            conditions = entry[2]
        if conditions is None:
            return None
        return self._footprint(usage, self._energy_model.estimate(usage), conditions)

    def _footprint(self, usage: Usage, energy: Energy, conditions: _Conditions) -> Footprint:
        found = footprints.compute(usage, energy, *conditions)
        # One object for all that are alike, so that what is laid out for one by its identity serves the others.
        key = (*usage[:6], *energy[2:], id(conditions.rates))
        shared = self._shared.get(key)
        if shared is None or shared.rates is not conditions.rates:
            if len(self._shared) >= MAX_SHARED:
                self._shared.clear()
            shared = self._shared[key] = found.shared
        return found._replace(shared=shared)

    def _conditions_over(self, place: Place, start_ns: int, end_ns: int) -> _Conditions | None:
        intensity = self._resolver.at(place, start_ns, end_ns)
        if intensity is None:
            return None
        site = sites.site_of(place, pue_override=self._pue)
        return _Conditions(site, intensity, footprints.rates(site, intensity))


def _hour_of_end(start_ns: int, end_ns: int) -> int:
    """Return the hour a span ends in; one that ends at once, or before it starts, ends in its first."""
    return (end_ns - 1 if end_ns > start_ns else start_ns) // NS_PER_HOUR


def live_grid(
    settings: Settings, *, start: bool = True, passed_over: Callable[[str], None] | None = None
) -> LiveGrid | None:
    """Return the live sources that settings name, `None` where the bundled tables answer alone.

    Args:
        settings: The options.
        start: Whether they may be begun; else they are used where something of the same settings fetches already.
        passed_over: Told of a source that cannot be used and that the deployment named, which is then gone without.

    Raises:
        ValueError: a source cannot be used, and code named it or nobody is to be told.
    """
    if settings.grid == (BUNDLED,):
        return None
    from carbonspan.live._live import open_grid  # noqa: PLC0415 - threads and files only for who asked for them

    return open_grid(
        settings.grid,
        settings.grid_options,
        settings.grid_cache,
        basis=settings.basis,
        basis_strict=settings.basis_strict,
        place_of=sites.parse_region,
        start=start,
        # A keyword is the programmer's; a deployment's mistake must not stop an application.
        passed_over=None if settings.origins["grid"] == "keyword" else passed_over,
    )


def resolver_of(
    settings: Settings,
    live: LiveGrid | None,
    *,
    want: Callable[[str, int], None] | None = None,
    stale_hours: int = STALE_HOURS,
) -> Resolver:
    """Return what looks up the intensity of places under these settings, over live hours where there are any."""
    return Resolver(
        live.store if live else None,
        sources=live.names if live else None,
        basis=settings.basis,
        basis_strict=settings.basis_strict,
        stale_hours=stale_hours,
        want=want,
    )


def _passed_over(reason: str) -> None:
    warn_once(f"carbonspan: {reason}. Going on without this source")


def _energy_model(settings: Settings) -> EnergyModel:
    if not isinstance(settings.energy, str):
        return CheckedModel(settings.energy)
    registry = default_registry()
    model = TokenModel(registry.with_models(settings.models) if settings.models else registry)
    return EcoLogitsModel(fallback=model) if settings.energy == "ecologits" else model
