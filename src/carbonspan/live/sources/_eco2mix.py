# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""eCO2mix of RTE, on the platform Open Data Réseaux Énergies: France, quarters of hours, no key, no forecast.

Data set: https://odre.opendatasoft.com/explore/dataset/eco2mix-national-tr/ (`taux_co2`, g/kWh). It counts what power
stations in France burn, so the basis is direct and the accounting production. It reaches about a month back and lags
some two hours. Licence Ouverte (unverified).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import Capabilities, NotCovered
from carbonspan.live.sources._base import HttpSource
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, minutes_between, now, of_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbonspan.grid.source import HourValue

NAME = "eco2mix"
ZONE = "FR"
# The export rather than `records`, which gives 100 rows at most: one day and an hour.
PATH = "/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/exports/json"

HISTORY = timedelta(days=31)
_MINUTES = 15


class Eco2Mix(HttpSource):
    """France."""

    name = NAME
    url = "https://odre.opendatasoft.com"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002
        """Return the hours of a window (UTC), oldest first, of the last month.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        if zone != ZONE:
            raise NotCovered(f"{NAME}: covers only France, not {zone or 'no zone'}", "name a source that has the zone")
        present = now()
        start = max(start, floor(present) - HISTORY)
        end = min(end, floor(present) + timedelta(hours=1))
        if start >= end:
            return ()
        # Rows whose value is not out yet are there without one.
        where = f"date_heure >= date'{_text(start)}' and date_heure < date'{_text(end)}' and taux_co2 is not null"
        query = {"select": "date_heure,taux_co2", "where": where, "order_by": "date_heure", "timezone": "UTC"}
        return hour_values(
            parse(self._client.get(PATH, query)),
            zone=ZONE,
            source=NAME,
            basis=Basis.DIRECT,
            accounting="production",
            fetched_at=now(),
            window=(start, end),
        )

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002 - the protocol
        """Return nothing: it forecasts the load, and not what that emits."""
        return ()

    def capabilities(self) -> Capabilities:
        """Return what it has; it is known without asking."""
        hours_back = int(HISTORY / timedelta(hours=1))
        return Capabilities(frozenset({ZONE}), frozenset({Basis.DIRECT}), history_hours=hours_back)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone is France."""
        return zone == ZONE


def parse(answer: Any) -> list[Part]:
    """Return the hours of an answer: the bare list of an export, or the object of `records`.

    Exports write some numbers as text; only here is that taken. A clock change may double or drop rows; all times
    carry their offset, so a doubled row is one moment, and the last of them stays.

    Raises:
        BadAnswer: not a list, or nothing in it that can be used.
    """
    rows = Rows(NAME, ZONE)
    parts = []
    for row in of_list(answer.get("results") if isinstance(answer, dict) else answer, NAME):
        start = rows.moment(row.get("date_heure"))
        value = rows.number(row.get("taux_co2"), text=True) if start is not None else None
        if start is not None and value is not None:
            parts.append(Part(start, value, Quality.MEASURED))
    rows.done()
    return hours(parts, minutes_between((part.start for part in parts), _MINUTES))


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
