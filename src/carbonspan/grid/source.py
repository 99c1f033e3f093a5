# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a live grid source is, and the hour it delivers. Sources are called in the background, never for a span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from carbonspan.core.values import Basis, Quality


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
    around_g_per_kwh: float | None = None  # what the hours around it say, where they contradict it


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
        """Short and stable, as written on spans: electricity_maps, uk_carbon_intensity, ..."""
        ...

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of `start <= hour < end` (UTC) that are known, oldest first; each says how good it is.

        A source with one basis returns it, marked, whatever was asked for.

        Raises:
            GridError: nothing could be had. Sources raise nothing else.
        """
        ...

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return the hours ahead that are known, oldest first; empty where there is no forecast."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the source can serve."""
        ...

    def serves(self, zone: str, basis: Basis) -> bool:
        """Return whether the source may have this zone in this basis: cheap, and without network."""
        ...

    def close(self) -> None:
        """Let go of connections. The source may be used again afterwards."""
        ...


class GridError(Exception):
    """Why a source gave nothing. `hint` says in one line how to mend it; neither holds a secret."""

    outcome: ClassVar[str] = "error"
    usual_hint: ClassVar[str] = ""  # what is shown where `hint` says nothing

    def __init__(self, message: str, hint: str = "") -> None:
        """Take what happened, and what to do about it."""
        super().__init__(message)
        self.hint = hint


class Unauthorised(GridError):  # noqa: N818 - it is what happened; Error would say it twice
    """The key is missing, wrong or not good for this zone. One such answer is not permanent."""

    outcome = "unauthorised"
    usual_hint = "check the key, and what its plan covers"


class NotCovered(GridError):  # noqa: N818 - it is what happened; Error would say it twice
    """The source has nothing for this zone, or not now."""

    outcome = "not_covered"


class RateLimited(GridError):  # noqa: N818 - it is what happened; Error would say it twice
    """Too many requests for this key or address."""

    outcome = "rate_limited"
    usual_hint = "fewer zones, or a larger plan"

    def __init__(self, message: str, hint: str = "", *, retry_after_s: float | None = None) -> None:
        """Take how long the source asks to be left alone, in seconds, where it says."""
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class Unavailable(GridError):  # noqa: N818 - it is what happened; Error would say it twice
    """No connection, no answer in time, or a fault of the server."""

    outcome = "unavailable"
    usual_hint = "nothing to do where the source is down: it is asked again; if it lasts, check the option url"

    def __init__(self, message: str, hint: str = "", *, retry_after_s: float | None = None) -> None:
        """Take how long the source asks to be left alone, in seconds, where it says."""
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class BadAnswer(GridError):  # noqa: N818 - it is what happened; Error would say it twice
    """The answer is not JSON, is of another zone, or holds no numbers."""

    outcome = "bad_answer"
    usual_hint = "check the zone and the option url: is it this source's address?"
