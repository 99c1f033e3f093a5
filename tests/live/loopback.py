# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that counts who asks it for what, and a source that asks it. A clock that tests set."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from typing_extensions import Self

from carbonspan.core._hours import hour_index, hour_start
from carbonspan.core.values import Basis, Quality
from carbonspan.grid import Capabilities, HourValue
from carbonspan.grid.source import BadAnswer, NotCovered, RateLimited, Unauthorised, Unavailable
from carbonspan.live._clock import Clock
from carbonspan.live._live import open_grids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Hours = dict[int, tuple[float, str]]  # hour since 1970 -> g/kWh, quality
WAIT_S = 60.0  # for what must come: generous, because a machine may be slow


def flat(_zone: str, first: int, last: int) -> Hours:
    """Every hour is known: 100 g/kWh and its hour of the day."""
    return {hour: (100.0 + hour % 24, "measured") for hour in range(first, last + 1)}


class Loopback:
    """Serves hours over HTTP. `status`, `retry_after`, `hours` and `gate` may be changed while it runs."""

    def __init__(self, hours: Callable[[str, int, int], Hours] = flat) -> None:
        self.hours = hours
        self.status = 200
        self.retry_after = ""
        self.body: bytes | None = None
        self.gate = threading.Event()  # requests wait for it
        self.gate.set()
        self.asked: Counter[str] = Counter()  # zone
        self.requests: list[tuple[str, str, int, int]] = []
        self.arrived = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

            def handle_error(self, *args: Any) -> None:
                pass  # clients are killed in the middle, on purpose

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        first, last = int(query["first"]), int(query["last"])
        self.requests.append((parts.path, query["zone"], first, last))
        self.asked[query["zone"]] += 1
        self.arrived.set()
        self.gate.wait(WAIT_S)
        body = self.body
        if body is None:
            body = json.dumps(self.hours(query["zone"], first, last)).encode()
        handler.send_response(self.status)
        if self.retry_after:
            handler.send_header("Retry-After", self.retry_after)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    @property
    def total(self) -> int:
        return len(self.requests)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class LoopbackSource:
    """Asks a `Loopback`."""

    def __init__(
        self,
        port: int,
        name: str = "loopback",
        *,
        basis: Basis = Basis.LIFE_CYCLE,
        zones: Sequence[str] = (),
        forecast_hours: int = 0,
        history_hours: int = 24 * 365 * 10,
        timeout_s: float = WAIT_S,
    ) -> None:
        self.name = name
        self._port = port
        self._basis = basis
        self.zones = frozenset(zones)
        self._forecast_hours = forecast_hours
        self._history_hours = history_hours
        self._timeout_s = timeout_s
        self.closed = 0

    def serves(self, zone: str, basis: Basis) -> bool:
        return basis is self._basis and (not self.zones or zone in self.zones)

    def capabilities(self) -> Capabilities:
        return Capabilities(self.zones, frozenset({self._basis}), self._forecast_hours, self._history_hours)

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        return self._get("/history", zone, hour_index(start), hour_index(end) - 1, basis)

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        now = hour_index(datetime.now(timezone.utc))
        return self._get("/forecast", zone, now, now + self._forecast_hours - 1, basis)

    def close(self) -> None:
        self.closed += 1

    def _get(self, path: str, zone: str, first: int, last: int, basis: Basis) -> Sequence[HourValue]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)
        try:
            connection.request("GET", f"{path}?{urlencode({'zone': zone, 'first': first, 'last': last})}")
            response = connection.getresponse()
            body = response.read()
        except OSError as error:
            raise Unavailable("no answer", "see whether it is up") from error
        finally:
            connection.close()
        _refuse(response.status, response.headers.get("Retry-After"))
        try:
            hours = {
                int(hour): (float(number), Quality(quality)) for hour, (number, quality) in json.loads(body).items()
            }
        except ValueError as error:
            raise BadAnswer("no hours") from error
        now = datetime.now(timezone.utc)
        return [
            HourValue(zone, hour_start(hour), number, basis, quality, "consumption", self.name, now)
            for hour, (number, quality) in sorted(hours.items())
        ]


def _refuse(status: int, retry_after: str | None) -> None:
    after_s = float(retry_after) if retry_after else None
    if status in {401, 403}:
        raise Unauthorised("refused", "check the key")
    if status == 404:
        raise NotCovered("no such zone")
    if status == 429:
        raise RateLimited("too many", retry_after_s=after_s)
    if status >= 500:
        raise Unavailable("down", retry_after_s=after_s)


class FakeClock:
    """Two clocks that stand still until they are moved."""

    def __init__(self, now: datetime) -> None:
        self.wall_s = now.timestamp()
        self.monotonic_s = 1000.0
        self.clock = Clock(wall_s=lambda: self.wall_s, monotonic_s=lambda: self.monotonic_s)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.wall_s += seconds
        self.monotonic_s += seconds

    def suspend(self, seconds: float) -> None:
        """Let only the wall clock go on."""
        self.wall_s += seconds

    @property
    def hour(self) -> int:
        return int(self.wall_s // 3600)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall_s, timezone.utc)


NOON = datetime(2026, 3, 2, 12, 10, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Run a `Loopback`."""
    with Loopback() as running:
        yield running


@pytest.fixture
def closed() -> Iterator[None]:
    """Close the live grids that are open when a test ends."""
    yield
    while grids := open_grids():
        grids[0].close()
