# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Ask a source for hours, and let nothing through but hours of the series that was asked for."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Quality
from carbonspan.grid._store import acceptable
from carbonspan.grid.source import BadAnswer, HourValue, NotCovered
from carbonspan.live._plausible import MAX_RUN_HOURS, marked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core.values import Basis
    from carbonspan.grid._store import HourStore
    from carbonspan.grid.source import GridSource
    from carbonspan.live.cache._cache import Key

_log = logging.getLogger("carbonspan")

PRESENT_HOURS = 24
"""The hours that are asked for each time, the present one included: what sources give in one answer, and long enough
for estimated hours to be replaced by measured ones, which come within a day."""

FORECAST_AGE_S = 6 * 3600.0
"""A forecast is asked for again when it is older than this, or does not have the present hour."""

_MAX_VALUES = 20_000  # of one answer: two years of hours


def present(source: GridSource, key: Key, hour: int, store: HourStore, bases: tuple[Basis, ...]) -> list[HourValue]:
    """Return the hours up to the present one; with the forecast where the present hour is not among them.

    Raises:
        Exception: whatever the source raises when it is asked for history.
    """
    values = past(source, key, hour - PRESENT_HOURS + 1, hour, bases)
    known = (store.get(key.source, key.zone, basis, hour) for basis in bases)
    if all(hour_index(value.hour) != hour for value in values) and all(map(_is_old, known)):
        try:
            values += ahead(source, key, bases)
        except Exception as error:  # noqa: BLE001 - a source without its forecast still has its history
            _log.debug("carbonspan: no forecast from %s for %s: %s", key.source, key.zone, type(error).__qualname__)
    return values


def ahead(source: GridSource, key: Key, bases: tuple[Basis, ...]) -> list[HourValue]:
    """Return the hours to come, none where the source has no forecast.

    Raises:
        Exception: whatever the source raises.
    """
    if source.capabilities().forecast_hours <= 0:
        return []
    return sound(source.forecast(key.zone, key.basis), key, bases)


def _is_old(known: HourValue | None) -> bool:
    return known is None or (datetime.now(timezone.utc) - known.fetched_at).total_seconds() > FORECAST_AGE_S


def past(source: GridSource, key: Key, first: int, last: int, bases: tuple[Basis, ...]) -> list[HourValue]:
    """Return the hours `first <= hour <= last`, in whichever of `bases` the source has them.

    Raises:
        Exception: whatever the source raises.
    """
    return sound(source.history(key.zone, hour_start(first), hour_start(last + 1), key.basis), key, bases)


def sound(values: Iterable[object], key: Key, bases: tuple[Basis, ...]) -> list[HourValue]:
    """Return what is an hour of this zone in one of these bases, under the source's name.

    Raises:
        BadAnswer: there were values, and not one of them is an hour of this zone.
        NotCovered: there were hours, all of them in other bases.
    """
    given = list(islice(values, _MAX_VALUES))
    hours = [
        value if value.source == key.source else replace(value, source=key.source)
        for value in given
        if isinstance(value, HourValue) and value.zone == key.zone and acceptable(value)
    ]
    if given and not hours:
        raise BadAnswer(
            f"{key.source} gave {len(given)} values, none of them an hour of {key.zone}",
            f"{key.source} answers with another zone or with no numbers: see whether its address is right",
        )
    kept = [value for value in hours if value.basis in bases]
    if hours and not kept:
        raise NotCovered(
            f"{key.source} has {hours[0].basis.value} hours of {key.zone} alone",
            f"it has {hours[0].basis.value} hours alone: set `basis`, or leave `basis_strict` out",
        )
    return kept


def judged(values: list[HourValue], key: Key, store: HourStore) -> list[HourValue]:
    """Return the values, those marked that read far off the hours around them (see `plausible`)."""
    # A forecast says nothing about what was: only hours that were are compared, each with those in its own basis.
    found = [value for value in values if not _was(value)]
    for basis in {value.basis: None for value in values if _was(value)}:
        series = [value for value in values if _was(value) and value.basis is basis]
        hours = [hour_index(value.hour) for value in series]
        around = range(min(hours) - MAX_RUN_HOURS, max(hours) + MAX_RUN_HOURS + 1)
        known = {hour: store.get(key.source, key.zone, basis, hour) for hour in around}
        found += marked(series, {hour: value for hour, value in known.items() if value is not None and _was(value)})
    return found


def _was(value: HourValue) -> bool:
    return value.quality is not Quality.FORECAST
