# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The composition root: options in, estimator and live grid out. The one place that knows how the rooms are wired."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from carbonspan import site as sites
from carbonspan.core import _option_values as values
from carbonspan.core._options import BUNDLED, Settings, register, warn_once
from carbonspan.core._outcome import Role
from carbonspan.core.values import Usage
from carbonspan.counting._attribution import TELLING
from carbonspan.energy._ecologits import EcoLogitsModel
from carbonspan.energy._registry import default_registry
from carbonspan.energy._tokens import TokenModel
from carbonspan.energy.model import CheckedModel
from carbonspan.estimate._estimator import Estimator
from carbonspan.grid import _bundled as bundled
from carbonspan.grid._resolver import STALE_HOURS, Resolver
from carbonspan.live._status import NOTHING
from carbonspan.telemetry._cost import NAMES as COST_NAMES
from carbonspan.usage._counts import MAX_TOKENS
from carbonspan.usage._providers import canonical, inferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Unpack

    from carbonspan.core.values import Basis, Level
    from carbonspan.energy.model import EnergyModel
    from carbonspan.estimate._plan import Plan
    from carbonspan.estimate.footprint import Footprint
    from carbonspan.grid import GridSource
    from carbonspan.live._live import LiveGrid
    from carbonspan.live._status import GridReport

NS_PER_S = 1_000_000_000


class Options(TypedDict, total=False):
    """The keywords that `CarbonSpanProcessor` and `estimate` take; docs/reference/settings.md says what each does."""

    attributes: str | Level
    basis: str | Basis
    basis_strict: bool
    grid: str | GridSource | Path | Callable[..., Any] | Sequence[str | GridSource | Path | Callable[..., Any]]
    grid_options: Mapping[str, Mapping[str, Any]] | str
    grid_cache: bool | str | Path
    region: str
    regions: Mapping[str, str]
    self_hosted: str | list[str] | tuple[str, ...]
    pue: float
    energy: str | EnergyModel
    models: Mapping[str, Mapping[str, Any]] | str | Path
    metrics: bool
    cohorts: str | list[str] | tuple[str, ...]
    flags: str | list[str] | tuple[str, ...]
    span_models: Mapping[str, str] | str
    counted_elsewhere: str | list[str] | tuple[str, ...]


# What the table of options leaves to the rooms that know: it imports none of them.


def _region(value: Any) -> str:
    name = values.text(value)
    if name:
        sites.parse_region(name)
    return name


def _regions(value: Any) -> dict[str, str]:
    found = values.pairs(value)
    for spelling in found.values():
        sites.parse_region(spelling)
    return found


def _models(value: Any) -> dict[str, dict[str, Any]]:
    found = values.models(value)
    if found:
        default_registry().with_models(found)
    return found


def _grid(value: Any) -> tuple[Any, ...]:
    from carbonspan.live._selection import parse_sources  # noqa: PLC0415 - what it knows of sources, for who names one

    return parse_sources(value)


def _grid_options(value: Any) -> dict[str, dict[str, Any]]:
    from carbonspan.live._selection import parse_source_options  # noqa: PLC0415 - as above

    return parse_source_options(value)


def _source_names() -> tuple[str, ...]:
    from carbonspan.live.sources import NAMES  # noqa: PLC0415 - as above

    return NAMES


register("region", _region)
register("regions", _regions)
register("models", _models)
register("grid", _grid, names=_source_names)
register("grid_options", _grid_options)


class Runtime:
    """What one processor, exporter or command works with.

    Args:
        settings: The options in force.
        estimator: The steps from a span to its figures.
        live: The live sources of intensity, `None` where the bundled tables answer without any.
    """

    def __init__(self, settings: Settings, estimator: Estimator, live: LiveGrid | None = None) -> None:
        self.settings = settings
        self.estimator = estimator
        self.live = live
        self._closed = False

    @classmethod
    def of(cls, settings: Settings, *, start: bool = True) -> Runtime:
        """Return the runtime that `settings` describe, its tables loaded.

        With `start` false, live hours are used where another runtime of the same settings already fetches them.
        """
        sites.load()
        bundled.load()
        live = live_grid(settings, start=start, passed_over=_passed_over)
        estimator = Estimator(
            energy_model=_energy_model(settings),
            locator=sites.Locator(
                overrides=settings.regions,
                defaults={"*": settings.region} if settings.region else {},
                self_hosted=settings.self_hosted,
            ),
            resolver=resolver_of(settings, live, want=live.want if live else None),
            pue=settings.pue,
            span_models=settings.span_models,
            counted_elsewhere=settings.counted_elsewhere,
            watched=TELLING | COST_NAMES,  # agent, flag and cost: what else is looked for on an inference's span
        )
        return cls(settings, estimator, live)

    def refresh_grid(self, timeout_s: float) -> GridReport:
        """Bring the live hours of the zones seen so far up to date, and wait for it; without live sources: nothing."""
        return self.live.refresh(timeout_s) if self.live else NOTHING

    def prefetch_grid(self, regions: Iterable[str], timeout_s: float) -> GridReport:
        """Fetch today's live hours of these regions, and wait for it; without live sources: nothing."""
        return self.live.prefetch(regions, timeout_s) if self.live else NOTHING

    def close(self) -> None:
        """End what runs in the background for it; spans still get what was fetched, and the tables."""
        live, self._closed = self.live if not self._closed else None, True
        if live is not None:
            live.close()


def live_grid(
    settings: Settings, *, start: bool = True, passed_over: Callable[[str], None] | None = None
) -> LiveGrid | None:
    """Return the live sources that settings name, `None` where the bundled tables answer without any.

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
        start=start,
        place_of=sites.parse_region,
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


# Combinations of options for which `estimate` keeps what it works with, and models in each.
_MAX_RUNTIMES = 16
_MAX_MODELS = 256


class _Kept(NamedTuple):
    """What estimates under the same options share."""

    runtime: Runtime
    plans: dict[tuple[str, str, str], Plan]  # by model, provider and operation


_kept: dict[tuple[Any, ...], _Kept] = {}
_environment: dict[Any, Any] = {}  # under which that holds


def _kept_for(options: Mapping[str, Any]) -> _Kept:
    """Return what to work with under these options: kept where they can be compared, while the environment is one."""
    # The mapping inside: reading all of the environment by its front door takes longer than the estimate.
    environment = getattr(os.environ, "_data", None)
    if environment is None or environment != _environment:
        _kept.clear()
        _environment.clear()
        _environment.update(environment or {})
    try:
        # With the types: True is equal to 1, and allowed where 1 is not.
        key = (*options.items(), *map(type, options.values()))
        found = _kept.get(key)
    except TypeError:  # a mapping or a list among the options
        key, found = None, None
    if found is None:
        given = dict(options)
        if given.get("region"):
            # Here it is where the call did run, not an assumption. The locator fills in whose machines those are.
            given["regions"] = {"*": given["region"]}
        found = _Kept(Runtime.of(Settings.resolve(given, os.environ), start=False), {})
        # What a live grid knows is another's, and may end; own models may be in a file, which may change.
        runtime = found.runtime
        if key is not None and environment is not None and runtime.live is None and not runtime.settings.models:
            if len(_kept) >= _MAX_RUNTIMES:
                _kept.clear()
            _kept[key] = found
    return found


def estimate(
    *,
    model: str,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
    provider: str = "",
    operation: str = "chat",
    at: datetime | None = None,
    **options: Unpack[Options],
) -> Footprint:
    """Return the estimated footprint of one inference: joules, grams CO2e, millilitres, each with bounds.

    The same steps as a span's: see docs/explanation/methodology.md.

    Args:
        model: The model's name as its provider spells it. An unknown one gets a class default with wide bounds.
        input_tokens: All input tokens, cached ones included.
        output_tokens: All output tokens, reasoning included.
        cached_input_tokens: How many of the input tokens were read from a prompt cache.
        provider: Who answers, in OpenTelemetry's spelling (`openai`, `aws.bedrock`); empty: from the model's name.
        operation: `chat`, `embeddings`, ...
        at: When; an aware datetime. Empty: now.
        **options: As `CarbonSpanProcessor` takes them. `region` here is where the inference ran.

    Raises:
        ValueError: for a wrong argument, naming it, its value and what is allowed.
    """
    for name, text in (("model", model), ("provider", provider), ("operation", operation)):
        if not isinstance(text, str):
            raise ValueError(f"{name} is {text!r}; allowed: a string")
    _check_tokens("input_tokens", input_tokens, MAX_TOKENS)
    _check_tokens("output_tokens", output_tokens, MAX_TOKENS)
    _check_tokens("cached_input_tokens", cached_input_tokens, input_tokens)
    moment = datetime.now(timezone.utc) if at is None else at
    if getattr(moment, "tzinfo", None) is None:
        raise ValueError(f"at is {at!r}; allowed: a datetime with a time zone")
    ns = int(moment.timestamp() * NS_PER_S)
    if ns < 0:
        raise ValueError(f"at is {at!r}; allowed: 1970 or later")
    runtime, plans = _kept_for(options)
    known = plans.get((model, provider, operation))
    if known is not None and known.first_ns <= ns < known.last_ns:
        return known.figures("", ns, ns, input_tokens, output_tokens, cached_input_tokens, None, None).footprint()
    usage = Usage(
        role=Role.INFERENCE,
        operation=operation,
        provider=canonical(provider) or inferred("", model),
        model=model,
        request_model=model,
        dialect="estimate",
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached_input_tokens,
    )
    estimator = runtime.estimator
    try:
        place = estimator.place({}, usage, {})
        figures = estimator.figures(usage, place, ns, ns)
    finally:
        if runtime.live is not None:
            runtime.close()
    if figures is None:
        raise ValueError(
            f"option 'basis_strict' is True, but no {runtime.settings.basis.value} intensity is known for "
            f"{place.region}; allowed: another basis or region"
        )
    if figures.plan.lasting:
        if len(plans) >= _MAX_MODELS:
            plans.clear()
        plans[model, provider, operation] = figures.plan
    return figures.footprint()


def _check_tokens(name: str, value: object, limit: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number from 0 to {limit}")
