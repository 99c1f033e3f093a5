# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that speaks Electricity Maps, and serves a series of ours."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from carbonspan.core._hours import hour_index, hour_start

if TYPE_CHECKING:
    from typing_extensions import Self

SIGNAL = "carbon-intensity/"


class ElectricityMapsServer:
    """Serves `series` (hour since 1970 -> g/kWh) for one zone, to one key."""

    def __init__(self, zone: str, series: dict[int, float], token: str) -> None:
        self.zone = zone
        self.series = series
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                route = parts.path.removeprefix("/v4/")
                outer.requests.append(route)
                good = self.headers.get("auth-token") == token and query.get("zone", zone) == zone
                body = json.dumps(outer.answer(route, query) if good else {"error": "Invalid auth-token"}).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def answer(self, route: str, query: dict[str, str]) -> dict[str, Any]:
        if route == "zones":
            access = [SIGNAL + "latest", SIGNAL + "history", SIGNAL + "past-range"]
            return {self.zone: {"zoneName": "Somewhere", "access": access}}
        if route == SIGNAL + "past-range":
            first, last = (hour_index(_moment(query[name])) for name in ("start", "end"))
            return {"zone": self.zone, "data": self._records(range(first, last)), "temporalGranularity": "hourly"}
        now = int(time.time() // 3600)
        return {"zone": self.zone, "history": self._records(range(now - 23, now + 1))}

    def _records(self, hours: range) -> list[dict[str, Any]]:
        return [
            {
                "zone": self.zone,
                "carbonIntensity": self.series[hour],
                "datetime": hour_start(hour).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "updatedAt": hour_start(hour + 1).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "emissionFactorType": "lifecycle",
                "isEstimated": False,
                "estimationMethod": None,
            }
            for hour in hours
            if hour in self.series
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
