# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Electricity Maps: some 350 zones of the world, life-cycle or direct, by key.

API: https://app.electricitymaps.com/developer-hub/api/reference (v4; v3 answers the same). `history` gives the last 24
hours in one call and is preferred; `past-range` fills in what is older, ten days a call, where the plan has it. The
server must not guess a zone from the caller's address (`disableCallerLookup`), and every zone it returns is compared
with the one that was asked for. The values are proprietary: they are used, and not passed on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from carbonspan.core._options import warn_once
from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, Capabilities, GridError, NotCovered, Unauthorised
from carbonspan.live.sources._base import Daily, HttpSource
from carbonspan.live.sources._options import one_of, secret
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, made_up, now, of_list, windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from carbonspan.grid.source import HourValue
    from carbonspan.live.sources._reply import Reply

NAME = "electricity_maps"
ENVIRONMENT = "ELECTRICITYMAPS_API_TOKEN"
VERSIONS = {"v4": "v4", "v3": "v3"}

HISTORY_HOURS = 24
PAST_RANGE = timedelta(days=10)  # the longest at hourly values (API reference, past-range)
MAX_CALLS = 40  # of past-range for one question: a little over a year
FORECAST_HOURS = 24  # without `horizonHours` (API reference, forecast)

_FACTORS = {Basis.LIFE_CYCLE: "lifecycle", Basis.DIRECT: "direct"}
_BASES = {factor: basis for basis, factor in _FACTORS.items()}
_SIGNAL = "carbon-intensity/"
# What it says when the key is good and the zone or the route is not in its plan (carbon-aware-sdk@e6de58d,
# Constants/ErrorMessages.cs).
_NOT_IN_PLAN = ("unauthorized for zonekey", "endpoint not available")
_SANDBOX = "The key is for testing (sandbox): use a production key, or leave the source out"


class ElectricityMaps(HttpSource):
    """Electricity Maps, with the plan of one key."""

    name = NAME
    url = "https://api.electricitymaps.com"

    def __init__(self, *, token: Any = None, version: Any = "v4", url: Any = None, timeout_s: Any = None) -> None:
        """Take the options; see `SOURCES` for what each means.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        super().__init__(url=url, timeout_s=timeout_s)
        self._headers = {"auth-token": secret("token", token, ENVIRONMENT)}
        self._version = one_of("version", version, VERSIONS)
        self._plan = Daily()
        self._no_past = Daily()

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of a window (UTC), oldest first; without `past-range` in the plan, the last 24 of them.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        self._check(zone)
        present = now()
        end = min(end, floor(present) + timedelta(hours=1))
        if start >= end:
            return ()
        recent = floor(present) - timedelta(hours=HISTORY_HOURS - 1)
        if start < recent and self._may(zone, "past-range") and zone not in (self._no_past.get() or ()):
            try:
                return self._past(zone, start, end, basis)
            except (Unauthorised, NotCovered):
                if end <= recent:
                    raise
            # If `history` answers now, the key is good and the plan has no past-range: not asked again for a day. A
            # refusal by itself shows nothing: an outage has refused valid keys (electricitymaps-contrib issue 7477).
            values = self._recent(zone, start, end, basis)
            self._no_past.put(frozenset((self._no_past.get() or frozenset()) | {zone}))
            return values
        if end <= recent:
            raise NotCovered(
                f"{self.name}: no hours of {zone} before the last {HISTORY_HOURS} in this plan",
                "older hours need a plan with past-range",
            )
        return self._recent(zone, start, end, basis)

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return the hours ahead, oldest first; empty where the plan has no forecast.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        self._check(zone)
        if "forecast" not in _routes(self._zones().get(zone)):
            return ()
        return self._ask("forecast", zone, basis, {}, (floor(now()), None))

    def capabilities(self) -> Capabilities:
        """Return what the key's plan has, as `/zones` lists it; asked once a day.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        zones = self._zones()
        served = {zone: _routes(access) for zone, access in zones.items() if _serves(zones, zone)}
        routes = frozenset().union(*served.values())
        return Capabilities(
            frozenset(served),
            frozenset(_FACTORS),
            FORECAST_HOURS if "forecast" in routes else 0,
            int(PAST_RANGE.total_seconds() // 3600) * MAX_CALLS if "past-range" in routes else HISTORY_HOURS,
        )

    def serves(self, zone: str, basis: Basis) -> bool:  # noqa: ARG002 - a basis it does not have is answered in one it has
        """Return whether it is worth asking: any zone, until `/zones` has said which."""
        plan = self._plan.get()
        return bool(zone) and (plan is None or _serves(plan, zone))

    def _judge(self, reply: Reply) -> GridError | None:
        if reply.status in {401, 403} and any(text in reply.text.lower() for text in _NOT_IN_PLAN):
            return NotCovered(
                f"{self.name}: the key's plan does not include this zone or route", "see `carbonspan doctor`"
            )
        return None

    def _check(self, zone: str) -> None:
        if not self.serves(zone, Basis.LIFE_CYCLE):
            raise NotCovered(
                f"{self.name}: this plan does not include {zone or 'no zone'}", "a key of the free plan has one zone"
            )

    def _recent(self, zone: str, start: datetime, end: datetime, basis: Basis) -> list[HourValue]:
        return self._ask("history", zone, basis, {}, (start, end))

    def _past(self, zone: str, start: datetime, end: datetime, basis: Basis) -> list[HourValue]:
        return [
            value
            for since, until in windows(floor(start), end, PAST_RANGE, MAX_CALLS)
            for value in self._ask(
                "past-range", zone, basis, {"start": _text(since), "end": _text(until)}, (max(since, start), until)
            )
        ]

    def _ask(
        self,
        route: str,
        zone: str,
        basis: Basis,
        query: Mapping[str, str],
        window: tuple[datetime, datetime | None],
    ) -> list[HourValue]:
        # A basis it does not have (marginal) is asked for as life-cycle, its default, and comes back marked so.
        wanted = basis if basis in _FACTORS else Basis.LIFE_CYCLE
        answer = self._client.get(
            f"/{self._version}/{_SIGNAL}{route}",
            {"zone": zone, "emissionFactorType": _FACTORS[wanted], "disableCallerLookup": "true", **query},
            headers=self._headers,
        )
        return parse(answer, zone, wanted, now(), window, forecast=route == "forecast")

    def _may(self, zone: str, route: str) -> bool:
        """Return whether the plan has a route, as far as is known without asking: yes, if nothing is."""
        plan = self._plan.get()
        access = None if plan is None else plan.get(zone)
        return access is None or route in _routes(access)

    def _zones(self) -> dict[str, frozenset[str] | None]:
        known: dict[str, frozenset[str] | None] | None = self._plan.get()
        if known is None:
            known = _access(self._client.get(f"/{self._version}/zones", headers=self._headers))
            self._plan.put(known)
        return known


def parse(
    answer: Any,
    zone: str,
    basis: Basis,
    fetched_at: datetime,
    window: tuple[datetime, datetime | None] | None = None,
    *,
    forecast: bool = False,
) -> list[HourValue]:
    """Return the hours of an answer, in whichever of the five forms it comes, oldest first.

    Args:
        answer: JSON of history, past-range, forecast or past (flat or wrapped).
        zone: what was asked for.
        basis: what was asked for; what a record says of itself counts more.
        fetched_at: UTC.
        window: the hours wanted; all of them without.
        forecast: whether the hours lie ahead.

    Raises:
        NotCovered: there is no recent data.
        BadAnswer: another zone, values that are made up (a sandbox's), or nothing that can be used.
    """
    rows = Rows(NAME, zone)
    parts: dict[Basis, list[Part]] = {}
    for record in _records(answer, zone):
        when = rows.moment(record.get("datetime"))
        factor = record.get("emissionFactorType", _FACTORS[basis])
        value = rows.number(record.get("carbonIntensity")) if when is not None else None
        if when is None or value is None:
            continue
        if factor not in _FACTORS.values():
            rows.bad()
            continue
        quality = Quality.MEASURED if record.get("isEstimated") is False else Quality.ESTIMATED
        part = Part(when, value, Quality.FORECAST if forecast else quality)
        parts.setdefault(_BASES[factor], []).append(part)
    rows.done()
    return [
        hour
        for found, of_basis in parts.items()
        for hour in hour_values(
            hours(of_basis, 60),
            zone=zone,
            source=NAME,
            basis=found,
            accounting="consumption",
            fetched_at=fetched_at,
            window=window,
        )
    ]


def _records(answer: Any, zone: str) -> list[dict[str, Any]]:
    if not isinstance(answer, dict):
        raise BadAnswer(f"{NAME}: the answer is not an object")
    found = next((answer[key] for key in ("history", "forecast", "data") if key in answer), None)
    if isinstance(found, dict):
        found = [found]
    if found is None and "carbonIntensity" in answer:
        found = [answer]
    if found is None and ("error" in answer or answer.get("status") == "no-data"):
        raise NotCovered(f"{NAME}: no recent data for {zone}", "the zone has none now: it is asked again")
    records = of_list(found, NAME)
    # The zone stands on the answer, on each record, or on both; where none is, nobody knows whose value it is.
    for named in (answer, *records):
        other = named.get("zone")
        if other is not None and other != zone:
            raise BadAnswer(
                f"{NAME}: asked for {zone}, answered for another zone", "check the zone, and the one of the key"
            )
    mark = made_up(answer, *records)
    if mark:
        # Also a single record: there is no telling which of the others are true.
        reason = f'the answer says "{mark}": its values are made up, and not used'
        warn_once(f"carbonspan: {NAME}: {reason}. {_SANDBOX}")
        raise BadAnswer(f"{NAME}: {reason}", _SANDBOX)
    if answer.get("zone") is None and not all("zone" in record for record in records):
        raise BadAnswer(f"{NAME}: the answer names no zone")
    return records


def _access(answer: Any) -> dict[str, frozenset[str] | None]:
    """Return the routes of each zone, `None` where the answer does not say (it does for a known key only)."""
    if not isinstance(answer, dict):
        raise BadAnswer(f"{NAME}: the list of zones is not an object")
    plan: dict[str, frozenset[str] | None] = {}
    for zone, about in answer.items():
        access = about.get("access") if isinstance(about, dict) else None
        plan[zone] = frozenset(filter(_is_text, access)) if isinstance(access, list) else None
    return plan


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _routes(access: frozenset[str] | None) -> frozenset[str]:
    return frozenset(route.removeprefix(_SIGNAL) for route in access or () if route.startswith(_SIGNAL))


def _serves(plan: Mapping[str, frozenset[str] | None], zone: str) -> bool:
    if all(access is None for access in plan.values()):
        return zone in plan  # it does not say what the key may
    return bool(_routes(plan.get(zone)))


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
