# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a live grid source is, and the hour it delivers. Sources are called in the background, never for a span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from carbonspan.values import Basis, Quality


@dataclass(frozen=True, slots=True)
class HourValue:
    """The carbon intensity of one zone over one hour, as one source gave it.

    Two UK half-hours or four Energy-Charts quarters are one hour: their mean, `FORECAST` if any part is.
    """

    zone: str  # Electricity Maps spelling
    hour: datetime  # UTC, the start of the hour
    intensity_g_per_kwh: float
    basis: Basis
    quality: Quality  # MEASURED, ESTIMATED or FORECAST
    accounting: str  # consumption, production
    source: str  # the source's `name`
    fetched_at: datetime  # UTC
    vintage: str = ""  # edition of the data where the source restates history


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can serve with the key it has."""

    zones: frozenset[str]
    bases: frozenset[Basis]
    forecast_hours: int = 0  # how far ahead; 0 where it has no forecast
    history_hours: int = 24  # how far back


@runtime_checkable
class GridSource(Protocol):
    """A live source of hourly carbon intensity: what it returns goes into an `HourStore`, and nothing else changes."""

    @property
    def name(self) -> str:
        """Short and stable, as written on spans: electricity_maps, uk_neso, ..."""
        ...

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of `start <= hour < end` (UTC) that are known, measured or estimated, oldest first."""
        ...

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return the hours ahead that are known, oldest first; empty where there is no forecast."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the source can serve."""
        ...
