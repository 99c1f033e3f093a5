# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""WattTime v3: the marginal emission rate (`co2_moer`), five minutes, by user and password, with forecast.

API: https://docs.watttime.org. Marginal and no other basis: what one kWh more makes the grid emit, never to be added to
an average. Free accounts have only CAISO_NORTH. `MEASURED` says that the grid's own reports are in a value; the rate
itself is always a model's. The values are proprietary: they are used, and not passed on.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carbonspan.core import _tables as tables
from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, Capabilities, GridError, NotCovered, Unauthorised
from carbonspan.live.sources._base import Daily, HttpSource
from carbonspan.live.sources._options import pairs, secret
from carbonspan.live.sources._rows import Part, Rows, floor, hour_values, hours, now, of_list, of_object, windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbonspan.grid.source import HourValue
    from carbonspan.live.sources._reply import Reply

NAME = "watttime"
ENVIRONMENT_USER = "WATTTIME_USERNAME"
ENVIRONMENT_PASSWORD = "WATTTIME_PASSWORD"  # noqa: S105 - the variable's name

G_PER_KWH = 0.45359237
"""g/kWh in 1 lb/MWh: the international pound is 453.59237 g (NIST Handbook 44, appendix C)."""
UNITS = "lbs_co2_per_mwh"
SIGNAL = "co2_moer"

TOKEN_S = 25 * 60.0  # a token is good for 30 minutes (API reference, login)
LONGEST = timedelta(days=30)  # 32 at most (API reference, historical)
MAX_CALLS = 13
FORECAST_HOURS = 24
HISTORY_HOURS = 360 * 24


@dataclass(slots=True)
class _Login:
    """The token of one process, and the lock under which one caller at a time gets a new one."""

    pid: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    good_until: float = 0.0  # time.monotonic()


class WattTime(HttpSource):
    """WattTime, with the plan of one user."""

    name = NAME
    url = "https://api.watttime.org"

    def __init__(
        self,
        *,
        username: Any = None,
        password: Any = None,
        regions: Any = None,
        url: Any = None,
        timeout_s: Any = None,
    ) -> None:
        """Take the options; see `SOURCES` for what each means.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        super().__init__(url=url, timeout_s=timeout_s)
        self._user = secret("username", username, ENVIRONMENT_USER)
        self._password = secret("password", password, ENVIRONMENT_PASSWORD)
        known = {row["zone"]: row["watttime_region"] for row in tables.rows("grid/watttime_regions.csv")}
        self._regions = {**known, **pairs("regions", regions or {})}
        self._login = _Login(os.getpid())
        self._access = Daily()

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        """Return the hours of a window (UTC), oldest first.

        Raises:
            GridError: see `carbonspan.grid.source`; `NotCovered` for any basis but marginal.
        """
        region = self._region(zone, basis)
        values: list[HourValue] = []
        for since, until in windows(floor(start), min(end, floor(now()) + timedelta(hours=1)), LONGEST, MAX_CALLS):
            query = {"start": _text(since), "end": _text(until)}
            answer = self._ask("/v3/historical", {"region": region, "signal_type": SIGNAL, **query})
            values += self._values(parse(answer, region, zone), zone, (max(start, since), until))
        return values

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        """Return the next 24 hours.

        Raises:
            GridError: see `carbonspan.grid.source`; `NotCovered` for any basis but marginal.
        """
        region = self._region(zone, basis)
        query = {"region": region, "signal_type": SIGNAL, "horizon_hours": str(FORECAST_HOURS)}
        answer = self._ask("/v3/forecast", query)
        return self._values(parse(answer, region, zone, forecast=True), zone, (floor(now()), None))

    def capabilities(self) -> Capabilities:
        """Return the zones whose region the user's plan has; asked once a day.

        Raises:
            GridError: see `carbonspan.grid.source`.
        """
        regions = self._access.get()
        if regions is None:
            regions = _regions_of(self._ask("/v3/my-access", {}))
            self._access.put(regions)
        zones = frozenset(zone for zone, region in self._regions.items() if region in regions)
        return Capabilities(zones, frozenset({Basis.MARGINAL}), FORECAST_HOURS, HISTORY_HOURS)

    def serves(self, zone: str, basis: Basis) -> bool:
        """Return whether the basis is marginal, the zone's region known, and, once asked, in the user's plan."""
        region = self._regions.get(zone)
        access = self._access.get()
        return basis is Basis.MARGINAL and region is not None and (access is None or region in access)

    def _judge(self, reply: Reply) -> GridError | None:
        if reply.status == 403 and "scope" in reply.text.lower():  # noqa: PLR2004 - an HTTP status
            return NotCovered(
                f"{NAME}: the user's plan does not include this region", "a free account has only CAISO_NORTH"
            )
        return None

    def _region(self, zone: str, basis: Basis) -> str:
        if not self.serves(zone, basis):
            raise NotCovered(
                f"{NAME}: no {basis.value} values of {zone or 'no zone'}",
                "only marginal values; the option regions={'US-CAL-CISO': 'CAISO_NORTH'} names the region of a zone",
            )
        return self._regions[zone]

    def _values(self, parts: list[Part], zone: str, window: tuple[datetime, datetime | None]) -> list[HourValue]:
        return hour_values(
            parts,
            zone=zone,
            source=NAME,
            basis=Basis.MARGINAL,
            accounting="consumption",
            fetched_at=now(),
            window=window,
        )

    def _ask(self, path: str, query: Mapping[str, str]) -> Any:
        token = self._token()
        try:
            return self._client.get(path, query, headers={"Authorization": f"Bearer {token}"})
        except Unauthorised:
            pass  # outside: the next call's error shall not hang on this one
        # The token may have been revoked before its time: one new login, then it stands.
        self._forget(token)
        return self._client.get(path, query, headers={"Authorization": f"Bearer {self._token()}"})

    def _token(self) -> str:
        login = self._login
        if login.pid != os.getpid():  # the parent's lock may be held by a thread that does not exist here
            login = self._login = _Login(os.getpid())
        # Held over the login on purpose: whoever comes second waits for the token instead of asking for another.
        with login.lock:
            if not login.token or time.monotonic() >= login.good_until:
                login.token = ""
                login.token = _token_in(self._client.get("/login", auth=(self._user, self._password)))
                login.good_until = time.monotonic() + TOKEN_S
            return login.token

    def _forget(self, token: str) -> None:
        login = self._login
        with login.lock:
            if login.token == token:
                login.token = ""


def parse(answer: Any, region: str, zone: str, *, forecast: bool = False) -> list[Part]:
    """Return the hours of an answer of historical or forecast, converted to g/kWh.

    Raises:
        BadAnswer: another region, unit or signal, or nothing that can be used.
    """
    meta = of_object(answer, "meta", NAME)
    about = meta if isinstance(meta, dict) else {}
    if about.get("region") != region or about.get("units") != UNITS or about.get("signal_type", SIGNAL) != SIGNAL:
        raise BadAnswer(f"{NAME}: the answer is for another region, unit or signal")
    seconds = about.get("data_point_period_seconds")
    minutes = seconds // 60 if isinstance(seconds, int) and seconds in {300, 900, 1800, 3600} else 5
    rows = Rows(NAME, zone)
    parts = []
    for row in of_list(of_object(answer, "data", NAME), NAME):
        start = rows.moment(row.get("point_time"))
        value = rows.number(row.get("value"), per_unit=G_PER_KWH) if start is not None else None
        if start is not None and value is not None:
            quality = Quality.ESTIMATED if row.get("imputed_data_used") is True else Quality.MEASURED
            parts.append(Part(start, value, Quality.FORECAST if forecast else quality))
    rows.done()
    return hours(parts, minutes)


def _token_in(answer: Any) -> str:
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise BadAnswer(f"{NAME}: the login gave no token", "check the option url")
    return token


def _regions_of(answer: Any) -> frozenset[str]:
    regions: set[str] = set()
    for signal in of_list(of_object(answer, "signal_types", NAME), NAME):
        if signal.get("signal_type") == SIGNAL:
            regions.update(str(one.get("region", "")) for one in of_list(signal.get("regions"), NAME))
    return frozenset(regions - {""})


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S+00:00")
