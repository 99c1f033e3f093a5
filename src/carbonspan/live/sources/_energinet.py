# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energi Data Service of Energinet: Denmark's two price areas, five minutes, no key, with forecast.

Data sets: https://www.energidataservice.dk/tso-electricity/CO2Emis and .../CO2EmisProg, g/kWh of the electricity that
is consumed there. They count what power stations emit, imports included, so the basis is taken as direct and the
accounting is consumption. The licence is open (unverified).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, Capabilities, NotCovered
from carbonspan.live.sources._base import HttpSource
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, now, of_list, of_object, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbonspan.grid.source import HourValue

NAME = "energinet"
AREAS = {"DK-DK1": "DK1", "DK-DK2": "DK2"}

LONGEST = timedelta(days=30)  # 8,640 rows
MAX_CALLS = 12
FORECAST_HOURS = 24  # the day, and from the afternoon on the next
HISTORY_HOURS = 360 * 24
_MINUTES = 5
# It reads times as Danish ones unless the request says otherwise, which is up to two hours off: more is asked for than
# is used.
_MARGIN = timedelta(hours=2)


class Energinet(HttpSource):
    """Western and eastern Denmark."""

    name = NAME
    url = "https://api.energidataservice.dk"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002
        """Return the hours of a window (UTC), oldest first.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        return self._ask("CO2Emis", Quality.MEASURED, zone, start, min(end, floor(now()) + timedelta(hours=1)))

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002 - it has one basis
        """Return the hours ahead, oldest first, as far as they are known.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        start = floor(now())
        return self._ask("CO2EmisProg", Quality.FORECAST, zone, start, start + timedelta(hours=2 * FORECAST_HOURS))

    def capabilities(self) -> Capabilities:
        """Return what it has; it is known without asking."""
        return Capabilities(frozenset(AREAS), frozenset({Basis.DIRECT}), FORECAST_HOURS, HISTORY_HOURS)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone is one of Denmark's two."""
        return zone in AREAS

    def _ask(self, table: str, quality: Quality, zone: str, start: datetime, end: datetime) -> list[HourValue]:
        if zone not in AREAS:
            raise NotCovered(
                f"{NAME}: covers only {' and '.join(AREAS)}, not {zone or 'no zone'}", "name a source that has the zone"
            )
        values: list[HourValue] = []
        for since, until in windows(floor(start), end, LONGEST, MAX_CALLS):
            query = {
                "start": _text(since - _MARGIN),
                "end": _text(until + _MARGIN),
                "timezone": "utc",
                "filter": json.dumps({"PriceArea": [AREAS[zone]]}),
                "columns": "Minutes5UTC,PriceArea,CO2Emission",
                "limit": "0",  # all: the default is 100 rows
            }
            values += hour_values(
                parse(self._client.get(f"/dataset/{table}", query), zone, quality),
                zone=zone,
                source=NAME,
                basis=Basis.DIRECT,
                accounting="consumption",
                fetched_at=now(),
                window=(max(start, since), until),
            )
        return values


def parse(answer: Any, zone: str, quality: Quality) -> list[Part]:
    """Return the hours of an answer.

    Raises:
        BadAnswer: another price area, or nothing that can be used.
    """
    rows = Rows(NAME, zone)
    parts = []
    for row in of_list(of_object(answer, "records", NAME), NAME):
        if row.get("PriceArea", AREAS[zone]) != AREAS[zone]:
            raise BadAnswer(f"{NAME}: asked for {zone}, answered for another area")
        start = rows.moment(row.get("Minutes5UTC"), utc=True)
        value = rows.number(row.get("CO2Emission")) if start is not None else None
        if start is not None and value is not None:
            parts.append(Part(start, value, quality))
    rows.done()
    return hours(parts, _MINUTES)


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M")
