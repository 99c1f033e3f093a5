# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energy-Charts of Fraunhofer ISE: some 35 countries of Europe, quarters of hours, no key, with forecast.

API: https://api.energy-charts.info (route `/co2eq`). Data under CC BY 4.0. It answers 429 after about six quick calls,
so calls are two seconds apart in a process.

Its basis is nowhere stated and is taken here as life-cycle: it speaks of CO2 equivalents, and a recorded day of France
(October 2026) lies between 47 and 65 g/kWh, where recorded values of eCO2mix, which counts only burning, are 13 (July
2024) and 25 (October 2023). The option `basis` says otherwise. The accounting is taken as production, the mix of the
country's own power stations.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, Capabilities, GridError, NotCovered
from carbonspan.live.sources._base import HttpSource
from carbonspan.live.sources._options import one_of, pairs
from carbonspan.live.sources._rows import (
    Part,
    Rows,
    floor,
    hour_values,
    hours,
    minutes_between,
    now,
    of_object,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbonspan.grid.source import HourValue
    from carbonspan.live.sources._reply import Reply

NAME = "energy_charts"

# Zones that are whole countries. Bidding zones (DK-DK1, NO-NO2, SE-SE3, IT-NO) are not served: the figure of a country
# is not theirs. Whoever wants it all the same says so in the option `countries`. Great Britain left ENTSO-E's platform
# in 2021. A country that it does not have after all answers 400, which is "not covered".
COUNTRIES = {
    zone: zone.lower()
    for zone in (
        *("AL", "AT", "BA", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GE", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MD", "ME", "MK", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "UA"),
        "XK",
    )
}
BASES = {Basis.LIFE_CYCLE.value: Basis.LIFE_CYCLE, Basis.DIRECT.value: Basis.DIRECT}

LONGEST = timedelta(days=30)
MAX_CALLS = 12
FORECAST_HOURS = 48  # the forecast is for today and, later in the day, for tomorrow
HISTORY_HOURS = 360 * 24
_MINUTES = 15


class EnergyCharts(HttpSource):
    """The countries of Europe."""

    name = NAME
    url = "https://api.energy-charts.info"
    spacing_s = 2.0

    def __init__(
        self, *, countries: Any = None, basis: Any = Basis.LIFE_CYCLE, url: Any = None, timeout_s: Any = None
    ) -> None:
        """Take the options; see `SOURCES` for what each means.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        super().__init__(url=url, timeout_s=timeout_s)
        self._basis: Basis = one_of("basis", basis, BASES)
        self._countries = {**COUNTRIES, **pairs("countries", countries or {})}

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002
        """Return the hours of a window (UTC), oldest first; `FORECAST` where a quarter is not measured yet.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        return self._ask(zone, start, min(end, floor(now()) + timedelta(hours=1)))

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002 - it has one basis
        """Return the hours ahead, oldest first, as far as they are known.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        start = floor(now())
        return self._ask(zone, start, start + timedelta(hours=FORECAST_HOURS))

    def capabilities(self) -> Capabilities:
        """Return what it has, as far as that is known without asking."""
        return Capabilities(frozenset(self._countries), frozenset({self._basis}), FORECAST_HOURS, HISTORY_HOURS)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone is a country of its own."""
        return zone in self._countries

    def _judge(self, reply: Reply) -> GridError | None:
        if reply.status == 400 and "country" in reply.text:  # noqa: PLR2004 - an HTTP status
            return NotCovered(f"{NAME}: it has no such country", "the option countries={'DK-DK1': 'dk'} names another")
        return None

    def _ask(self, zone: str, start: datetime, end: datetime) -> list[HourValue]:
        country = self._countries.get(zone)
        if country is None:
            raise NotCovered(
                f"{NAME}: it does not cover {zone or 'no zone'}",
                "the option countries={'DK-DK1': 'dk'} takes one for it",
            )
        values: list[HourValue] = []
        for since, until in windows(floor(start), end, LONGEST, MAX_CALLS):
            query = {"country": country, "start": _text(since), "end": _text(until)}
            values += hour_values(
                parse(self._client.get("/co2eq", query), zone),
                zone=zone,
                source=NAME,
                basis=self._basis,
                accounting="production",
                fetched_at=now(),
                window=(max(start, since), until),
            )
        return values


def parse(answer: Any, zone: str) -> list[Part]:
    """Return the hours of an answer: three parallel lists, in which a measured value wins over the forecast beside it.

    Raises:
        BadAnswer: the lists are not parallel, or nothing in them can be used.
    """
    seconds, measured, forecast = (
        of_object(answer, name, NAME) for name in ("unix_seconds", "co2eq", "co2eq_forecast")
    )
    lists = (seconds, measured, forecast)
    if not all(isinstance(one, list) and len(one) == len(seconds) for one in lists):
        raise BadAnswer(f"{NAME}: the answer's lists are not of one length")
    rows = Rows(NAME, zone)
    starts = []
    parts = []
    for second, known, expected in zip(*lists, strict=True):
        start = rows.moment(None if isinstance(second, str) else second)
        if start is None:
            continue
        starts.append(start)
        value = rows.number(expected if known is None else known)  # both null: not out yet
        if value is not None:
            parts.append(Part(start, value, Quality.FORECAST if known is None else Quality.MEASURED))
    rows.done()
    return hours(parts, minutes_between(starts, _MINUTES))


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%MZ")
