# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Hours from a user's own function: `(zone, start, end, basis) -> [(datetime, g/kWh), ...]`.

It is called in the background. A third element of a row may name its quality (measured, estimated, forecast). Whatever
the function does wrong is an error of this source and of nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Basis, Quality
from carbonspan.grid._store import RANK
from carbonspan.grid.source import Capabilities, GridError, NotCovered, Unavailable
from carbonspan.live.sources._options import ACCOUNTING, BASES, one_of, refused, source_name, texts, whole
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, minutes_between, now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbonspan.grid.source import HourValue

MAX_ROWS = 100_000  # a year of five minutes; a generator may have no end
MAX_FORECAST_HOURS = 168
HISTORY_HOURS = 366 * 24
_HOUR_MINUTES = 60


class FunctionSource:
    """A Python callable."""

    def __init__(
        self,
        *,
        function: Any = None,
        zones: Any = (),
        basis: Any = Basis.LIFE_CYCLE,
        accounting: Any = "consumption",
        forecast_hours: Any = 0,
        name: Any = "function",
    ) -> None:
        """Take the options; see `SOURCES` for what each means.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        if not callable(function):
            raise refused("function", function, "a callable of zone, start, end and basis")
        self.name = source_name(name)
        self._function: Callable[[str, datetime, datetime, Basis], Any] = function
        self._zones = frozenset(texts("zones", zones))
        self._basis: Basis = one_of("basis", basis, BASES)
        self._accounting = one_of("accounting", accounting, ACCOUNTING)
        self._forecast_hours = whole("forecast_hours", forecast_hours, 0, MAX_FORECAST_HOURS)

    def __repr__(self) -> str:
        return f"FunctionSource({self.name!r})"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return what the function gives for a window (UTC), oldest first, in the basis of the option.

        Raises:
            GridError: one that the function raised; else `Unavailable` where it raised, `BadAnswer` where nothing it
                returned can be used.
        """
        return self._call(zone, start, end, basis, Quality.MEASURED)

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return what the function gives for the hours ahead; nothing where `forecast_hours` is 0.

        Raises:
            GridError: as `history`.
        """
        if not self._forecast_hours:
            return ()
        start = floor(now())
        return self._call(zone, start, start + timedelta(hours=self._forecast_hours), basis, Quality.FORECAST)

    def capabilities(self) -> Capabilities:
        """Return what the options say of it."""
        return Capabilities(self._zones, frozenset({self._basis}), self._forecast_hours, HISTORY_HOURS)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone is among the option `zones`; any zone without that option."""
        return bool(zone) and (not self._zones or zone in self._zones)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _call(self, zone: str, start: datetime, end: datetime, basis: Basis, quality: Quality) -> list[HourValue]:
        if not self.serves(zone, basis):
            raise NotCovered(f"{self.name}: {zone or 'no zone'} is not among its zones", "add it to the option zones")
        rows = Rows(self.name, zone)
        parts = _parts(self._returned(zone, start, end, basis), rows, quality)
        rows.done()
        return hour_values(
            hours(parts, minutes_between((part.start for part in parts), _HOUR_MINUTES)),
            zone=zone,
            source=self.name,
            basis=self._basis,
            accounting=self._accounting,
            fetched_at=now(),
            window=(start, end),
        )

    def _returned(self, zone: str, start: datetime, end: datetime, basis: Basis) -> list[Any]:
        try:
            returned = self._function(zone, start, end, basis)
            return list(islice(() if returned is None else returned, MAX_ROWS))
        except GridError as error:
            failed: GridError = error
        except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may come out of a user's function
            failed = Unavailable(f"{self.name}: the function raised {type(error).__name__}", "try it by hand")
        raise failed  # outside, so that the user's exception and all it holds does not hang on it


def _parts(returned: list[Any], rows: Rows, usual: Quality) -> list[Part]:
    parts = []
    for row in returned:
        if not isinstance(row, (tuple, list)) or len(row) not in {2, 3}:
            rows.bad()
            continue
        when, value = row[0], rows.number(row[1])
        quality = usual if len(row) == 2 else _quality(row[2])  # noqa: PLR2004 - without a quality
        if value is None:
            continue
        if not isinstance(when, datetime) or when.tzinfo is None or quality not in RANK:
            rows.bad()
            continue
        parts.append(Part(when.astimezone(timezone.utc), value, quality))
    return parts


def _quality(named: Any) -> Quality | None:
    try:
        return Quality(named)
    except ValueError:
        return None
