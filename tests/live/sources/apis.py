# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What each API answers to any question, with the values of a function: for a `FaultServer` that stands in for it.

An `Api` answers whatever zone and window a request names, in the API's own envelope and with the API's own quirks
(the UK's extra half-hour and its New Year, WattTime's login). `values` gives the raw value of a moment, in the API's
unit; `None` is a null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core.values import Basis
from carbonspan.live.sources._eco2mix import Eco2Mix
from carbonspan.live.sources._electricity_maps import ElectricityMaps
from carbonspan.live.sources._energinet import Energinet
from carbonspan.live.sources._energy_charts import EnergyCharts
from carbonspan.live.sources._rows import floor, now
from carbonspan.live.sources._uk_carbon_intensity import UkCarbonIntensity
from carbonspan.live.sources._watttime import WattTime
from tests.live.sources.faults import Play, Request, answer, by_request

if TYPE_CHECKING:
    from carbonspan.grid.source import GridSource

UTC = timezone.utc
HOUR = timedelta(hours=1)
TOKEN = "planted-1f2e3d4c"  # noqa: S105 - searched for in everything that comes out
PASSWORD = "planted-5b6a7988"  # noqa: S105 - the same
Values = Callable[[datetime], Any]


class Api(NamedTuple):
    """One API: how a source is pointed at it, and what it says."""

    name: str
    zone: str
    basis: Basis
    make: Callable[..., GridSource]
    says: Callable[[Request, Values], Play]
    minutes: int
    g_per_unit: float = 1.0
    needs_key: bool = False

    def play(self, values: Values) -> Play:
        return by_request(lambda request: self.says(request, values))


def moments(start: datetime, end: datetime, minutes: int) -> list[datetime]:
    count = max(int((end - start) / timedelta(minutes=minutes)), 0)
    return [start + n * timedelta(minutes=minutes) for n in range(count)]


def when(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def electricity_maps(request: Request, values: Values, plan: str = "DE") -> Play:
    zone, route = request.query.get("zone", ""), request.path.rsplit("/", 1)[-1]
    if route == "zones":
        routes = [f"carbon-intensity/{name}" for name in ("history", "past-range", "forecast")]
        return answer({plan: {"zoneName": plan, "access": routes}, "FR": {"zoneName": "France", "access": []}})
    present = floor(now())
    if route == "past-range":
        start, end = when(request.query["start"]), when(request.query["end"])
    else:
        start = present if route == "forecast" else present - 23 * HOUR
        end = present + (25 * HOUR if route == "forecast" else HOUR)
    records = [
        {
            "zone": zone,
            "carbonIntensity": values(moment),
            "datetime": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "emissionFactorType": request.query["emissionFactorType"],
            "isEstimated": False,
        }
        for moment in moments(start, end, 60)
    ]
    return answer({"zone": zone, {"past-range": "data"}.get(route, route): records})


def uk(request: Request, values: Values) -> Play:
    found = re.fullmatch(r"(/regional)?/intensity/([^/]+)/([^/]+)(?:/regionid/(\d+))?", request.path)
    if found is None or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", found[2]):
        return answer({"error": {"code": "400 Bad Request", "message": "no such window"}}, status=400)
    start = when(found[2])
    end = start + 48 * HOUR if found[3] == "fw48h" else when(found[3])
    if end - start > timedelta(days=14):
        return answer({"error": {"code": "400 Bad Request", "message": "at most 14 days"}}, status=400)
    if end > datetime(start.year + 1, 1, 1, tzinfo=UTC):  # it ends at New Year
        end = datetime(start.year, 12, 31, 23, tzinfo=UTC)
    rows = []
    for moment in moments(start - timedelta(minutes=30), end, 30):
        intensity = {"forecast": values(moment), "index": "low"}
        if found[1] is None:
            intensity["actual"] = values(moment) if moment < now() - HOUR else None
        rows.append({"from": moment.strftime("%Y-%m-%dT%H:%MZ"), "intensity": intensity})
    return answer({"data": rows if found[1] is None else {"regionid": int(found[4]), "data": rows}})


def energy_charts(request: Request, values: Values) -> Play:
    if request.query["country"] not in {"de", "dk"}:
        return answer(b"'xx' is not the code for an available country.", status=400, content_type="text/plain")
    starts = moments(when(request.query["start"]), when(request.query["end"]), 15)
    measured = [values(moment) if moment < now() - HOUR else None for moment in starts]
    ahead = [None if moment < now() - HOUR else values(moment) for moment in starts]
    seconds = [int(moment.timestamp()) for moment in starts]
    return answer({"unix_seconds": seconds, "co2eq": measured, "co2eq_forecast": ahead, "deprecated": False})


def eco2mix(request: Request, values: Values) -> Play:
    start, end = (when(text) for text in re.findall(r"date'([^']+)'", request.query["where"]))
    paris = timezone(HOUR)  # it gives an offset, whichever
    return answer(
        [
            {"date_heure": moment.astimezone(paris).isoformat(), "taux_co2": values(moment)}
            for moment in moments(start, min(end, now() - 2 * HOUR), 15)
        ]
    )


def energinet(request: Request, values: Values) -> Play:
    (area,) = json.loads(request.query["filter"])["PriceArea"]
    end = when(request.query["end"])
    if request.path.endswith("CO2Emis"):
        end = min(end, now())
    return answer(
        {
            "records": [
                {
                    "Minutes5UTC": moment.strftime("%Y-%m-%dT%H:%M:%S"),
                    "PriceArea": area,
                    "CO2Emission": values(moment),
                }
                for moment in moments(when(request.query["start"]), end, 5)
            ]
        }
    )


def watttime(request: Request, values: Values) -> Play:
    if request.path == "/login":
        return answer({"token": TOKEN} if "authorization" in request.headers else {})
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return answer({"error": "no token"}, status=401)
    if request.path == "/v3/my-access":
        access = [{"signal_type": "co2_moer", "regions": [{"region": "CAISO_NORTH"}, {"region": "UK"}]}]
        return answer({"signal_types": [*access, {"signal_type": "health_damage", "regions": [{"region": "DE"}]}]})
    start = floor(now()) if "start" not in request.query else when(request.query["start"])
    end = start + 24 * HOUR if "end" not in request.query else when(request.query["end"])
    return answer(
        {
            "data": [
                {"point_time": moment.isoformat(), "value": values(moment)}
                for moment in moments(start, min(end, start + timedelta(days=32)) + timedelta(minutes=5), 5)
            ],
            "meta": {
                "data_point_period_seconds": 300,
                "region": request.query["region"],
                "signal_type": "co2_moer",
                "units": "lbs_co2_per_mwh",
            },
        }
    )


APIS = (
    Api(
        "electricity_maps",
        "DE",
        Basis.LIFE_CYCLE,
        partial(ElectricityMaps, token=TOKEN),
        electricity_maps,
        60,
        needs_key=True,
    ),
    Api("uk_carbon_intensity", "GB", Basis.DIRECT, UkCarbonIntensity, uk, 30),
    Api(
        "uk_carbon_intensity:13",
        "GB",
        Basis.DIRECT,
        partial(UkCarbonIntensity, region_id=13),
        uk,
        30,
    ),
    Api("energy_charts", "DE", Basis.LIFE_CYCLE, EnergyCharts, energy_charts, 15),
    Api("eco2mix", "FR", Basis.DIRECT, Eco2Mix, eco2mix, 15),
    Api("energinet", "DK-DK1", Basis.DIRECT, Energinet, energinet, 5),
    Api(
        "watttime",
        "US-CAL-CISO",
        Basis.MARGINAL,
        partial(WattTime, username="someone", password=PASSWORD),
        watttime,
        5,
        0.45359237,
        needs_key=True,
    ),
)
