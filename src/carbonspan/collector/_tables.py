# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The tables a configuration holds: models, places, and the hours of places whose figures change by the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.collector import _models as models, _places as places
from carbonspan.energy import default_registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.collector._models import Names
    from carbonspan.collector._places import Places
    from carbonspan.core._options import Settings
    from carbonspan.core.values import Place
    from carbonspan.energy import Registry
    from carbonspan.grid import Resolver


class Tables(NamedTuple):
    """What statements look things up in."""

    registry: Registry
    names: Names
    places: Places
    figures: dict[str, object]  # by the place's key
    hours: dict[str, object]  # by `key@hour`, hours since 1970


def build(settings: Settings, resolver: Resolver, covered: Iterable[str], names: Iterable[str], hours: range) -> Tables:
    """Return the tables of these settings.

    Args:
        settings: The processor's own.
        resolver: The grid, with what live sources delivered.
        covered: Ids of the cloud regions to know.
        names: Models to know by name beside the registry's entries.
        hours: Those to know one by one, since 1970; of others a place has its yearly figure, as it ships.
    """
    registry = default_registry()
    if settings.models:
        registry = registry.with_models(settings.models)
    known = places.known(settings, covered)
    figures: dict[str, object] = {}
    by_hour: dict[str, object] = {}
    for key, place in known.by_key.items():
        always = places.figures(place, resolver, 0, settings.pue)
        if always is not None:
            figures[key] = always
        if place.zone:
            by_hour |= _hours(key, place, resolver, settings, hours)
    return Tables(registry, models.names(registry, names), known, figures, by_hour)


def _hours(key: str, place: Place, resolver: Resolver, settings: Settings, hours: range) -> dict[str, object]:
    found = {hour: places.figures(place, resolver, hour, settings.pue) for hour in hours}
    values = [value for value in found.values() if value is not None and "h" not in value]
    if all(value == values[0] for value in values):
        return {}
    # An hour of a profile needs no entry of its own: the place's tells it.
    return {f"{key}@{hour}": value for hour, value in found.items() if value in values}
