# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The UK Carbon Intensity API of the National Energy System Operator: Great Britain, half-hours, no key, with forecast.

API: https://carbon-intensity.github.io/api-definitions/. Its factors count only burning (coal 937, gas 394,
wind 0 g/kWh; `/intensity/factors`), so the basis is direct; imports are in it, so the accounting is consumption. Data
under CC BY 4.0 (https://github.com/carbon-intensity/terms).

Its windows begin with one half-hour that ends where they should begin, hold 14 days at most, and end at New Year
(carbon-intensity/api-definitions issues 12 and 17; jnioche/carbonintensity-api issues 3 and 6).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, Capabilities, GridError, NotCovered
from carbonspan.live.sources._base import HttpSource
from carbonspan.live.sources._options import whole
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, now, of_list, of_object, windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from carbonspan.grid.source import HourValue
    from carbonspan.live.sources._reply import Reply

NAME = "uk_carbon_intensity"
ZONE = "GB"
REGIONS = (1, 17)  # 1-14 are distribution areas, 15-17 England, Scotland and Wales (`/regional`)

LONGEST = timedelta(days=13)  # 14 less the extra half-hour
MAX_CALLS = 40
FORECAST_HOURS = 48
HISTORY_HOURS = 8 * 365 * 24  # since 2018 (regional: 2018-05-10)
_MINUTES = 30


class UkCarbonIntensity(HttpSource):
    """Great Britain, or one of its regions, which has only forecasts."""

    name = NAME
    url = "https://api.carbonintensity.org.uk"

    def __init__(self, *, region_id: Any = None, url: Any = None, timeout_s: Any = None) -> None:
        """Take the options; see `SOURCES` for what each means.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        self._region = None if region_id in {None, ""} else whole("region_id", region_id, *REGIONS)
        # A region is another series than the nation: what is kept of one must not be read as the other.
        super().__init__(name=NAME if self._region is None else f"{NAME}:{self._region}", url=url, timeout_s=timeout_s)

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002
        """Return the hours of a window (UTC), oldest first; `FORECAST` where a half-hour has no actual value yet.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        _check(zone)
        end = min(end, floor(now()) + timedelta(hours=1))
        parts: list[Part] = []
        for since, until in _windows(floor(start), end):
            parts += parse(self._client.get(self._path(f"{_text(since)}/{_text(until)}")), self._region)
        return self._values(parts, (start, end))

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:  # noqa: ARG002 - it has one basis
        """Return the next 48 hours.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        _check(zone)
        start = floor(now())
        return self._values(parse(self._client.get(self._path(f"{_text(start)}/fw48h")), self._region), (start, None))

    def capabilities(self) -> Capabilities:
        """Return what it has; it is known without asking."""
        return Capabilities(frozenset({ZONE}), frozenset({Basis.DIRECT}), FORECAST_HOURS, HISTORY_HOURS)

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - it has one basis, and marks it
        """Return whether the zone is Great Britain."""
        return zone == ZONE

    def _judge(self, reply: Reply) -> GridError | None:
        if reply.status == 400 and "region ID" in reply.text:  # noqa: PLR2004 - an HTTP status
            return NotCovered(f"{NAME}: it has no such region", "region_id is 1 to 17")
        return None

    def _path(self, window: str) -> str:
        if self._region is None:
            return f"/intensity/{window}"
        return f"/regional/intensity/{window}/regionid/{self._region}"

    def _values(self, parts: list[Part], window: tuple[datetime, datetime | None]) -> list[HourValue]:
        return hour_values(
            hours(parts, _MINUTES),
            zone=ZONE,
            source=self.name,
            basis=Basis.DIRECT,
            accounting="consumption",
            fetched_at=now(),
            window=window,
        )


def parse(answer: Any, region: int | None) -> list[Part]:
    """Return the half-hours of an answer, whichever of the four envelopes it comes in.

    Args:
        answer: JSON of a national route, of all regions by period, or of one region as a list or an object.
        region: the region wanted; `None` for the nation.

    Raises:
        BadAnswer: another region, or nothing that can be used.
    """
    rows = Rows(NAME, ZONE if region is None else f"{ZONE} region {region}")
    parts = []
    for row in _periods(answer, region):
        intensity = row.get("intensity")
        start = rows.moment(row.get("from"))
        if start is None:
            continue
        if not isinstance(intensity, dict):
            rows.bad()
            continue
        actual = intensity.get("actual")  # null until about 30 minutes after; a region has none at all
        value = rows.number(intensity.get("forecast") if actual is None else actual)
        if value is not None:
            parts.append(Part(start, value, Quality.FORECAST if actual is None else Quality.MEASURED))
    rows.done()
    return parts


def _periods(answer: Any, region: int | None) -> list[dict[str, Any]]:
    data = of_object(answer, "data", NAME)
    if data is None:  # a range that it does not have
        return []
    rows = of_list([data] if isinstance(data, dict) else data, NAME)
    if region is None:
        return rows
    found: list[dict[str, Any]] = []
    for row in rows:
        if isinstance(row.get("regions"), list):  # by period, then region
            found += [
                {"from": row.get("from"), "intensity": one.get("intensity")}
                for one in of_list(row["regions"], NAME)
                if one.get("regionid") == region
            ]
        elif row.get("regionid") == region:  # by region, then period
            found += of_list(row.get("data"), NAME)
        else:
            raise BadAnswer(f"{NAME}: asked for region {region}, answered for another")
    return found


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    for since, until in windows(start, end, LONGEST, MAX_CALLS):
        new_year = datetime(until.year, 1, 1, tzinfo=timezone.utc)
        if since < new_year < until:
            yield since, new_year
            yield new_year, until
        else:
            yield since, until


def _check(zone: str) -> None:
    if zone != ZONE:
        raise NotCovered(
            f"{NAME}: covers only Great Britain, not {zone or 'no zone'}", "name a source that has the zone"
        )


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%MZ")  # with seconds it is refused
