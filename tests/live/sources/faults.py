# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that answers as it is told, and misbehaves as servers do. It knows nothing of any source.

    with FaultServer(answer({"zone": "DE"})) as server:
        server.next(answer(b"", status=500), never())   # for the next two requests
        get(server.url + "/path")
        assert server.requests[0].headers["auth-token"] == ...

What a request gets is a `Play`: a function of an `Exchange`. Without one in the queue it gets the usual one. Every wait
of the server's ends when it is closed, so a test never waits for a fault to end.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

LONG_S = 120.0  # longer than any client's patience; cut short by `close`


class Request(NamedTuple):
    """What a client sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    client_port: int  # one for each connection

    def holds(self, text: str) -> bool:
        """Return whether a text (a key) stands anywhere in the request."""
        return any(text in part for part in (self.path, *self.query.values(), *self.headers.values()))


@dataclass
class Exchange:
    """One request and the means to answer it."""

    request: Request
    _handler: BaseHTTPRequestHandler
    _closing: threading.Event

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, body: bytes) -> None:
        self._handler.wfile.write(body)
        self._handler.wfile.flush()

    def pause(self, seconds: float) -> bool:
        """Wait, and return whether the server is being closed."""
        return self._closing.wait(seconds)

    def hang_up(self) -> None:
        self._handler.close_connection = True


Play = Callable[[Exchange], None]


def answer(
    body: Any,
    *,
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    packed: bool = False,
) -> Play:
    """Answer with bytes as they are, or with anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def play(exchange: Exchange) -> None:
        sent = gzip.compress(raw) if packed else raw
        exchange.head(
            status,
            {
                **({"Content-Type": content_type} if content_type else {}),
                **({"Content-Encoding": "gzip"} if packed else {}),
                "Content-Length": str(len(sent)),
                **(headers or {}),
            },
        )
        exchange.send(sent)

    return play


def slow_bytes(body: bytes, pause_s: float = 0.05) -> Play:
    """One byte at a time, so that no silence is ever long enough to be a timeout."""

    def play(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        for byte in body:
            exchange.send(bytes([byte]))
            if exchange.pause(pause_s):
                return

    return play


def slow_headers(pause_s: float = 0.05) -> Play:
    """A head that never ends, one header at a time."""

    def play(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        number = 0
        while not exchange.pause(pause_s):
            number += 1
            exchange.send(f"X-{number % 50}".encode())
        exchange.hang_up()

    return play


def never() -> Play:
    """Take the request and say nothing."""

    def play(exchange: Exchange) -> None:
        exchange.pause(LONG_S)
        exchange.hang_up()

    return play


def half(body: Any) -> Play:
    """Promise a body and send half of it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def play(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Type": "application/json", "Content-Length": str(len(raw))})
        exchange.send(raw[: len(raw) // 2])
        exchange.hang_up()

    return play


def hang_up() -> Play:
    """Close the connection without a word."""
    return Exchange.hang_up


def redirect(location: str, status: int = 302) -> Play:
    """Send the client elsewhere."""
    return answer(b"", status=status, headers={"Location": location})


def gzip_bomb(unpacked_bytes: int) -> Play:
    """Zeros, a thousand of them in a byte."""
    return answer(b"0" * unpacked_bytes, packed=True)


def endless(piece: bytes = b" " * 65536) -> Play:
    """A body without an end and without a length."""

    def play(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Type": "application/json", "Connection": "close"})
        while not exchange.pause(0):
            exchange.send(piece)

    return play


def too_many(retry_after: str | None = None) -> Play:
    """429, with or without saying how long to wait."""
    return answer(b"slow down", status=429, headers={} if retry_after is None else {"Retry-After": retry_after})


@dataclass
class FaultServer:
    """The server: `url`, `requests`, `next(...)`; usable as a context manager."""

    usual: Play
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    _queue: deque[Play] = field(default_factory=deque)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._answer(self)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Stay silent: a fault is what the test wants."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up on a fault is no fault."""

            def finish_request(self, request: Any, client_address: Any) -> None:
                if owner.tls is None:
                    super().finish_request(request, client_address)
                    return
                with owner.tls.wrap_socket(request, server_side=True) as secure:
                    super().finish_request(secure, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def next(self, *plays: Play) -> None:
        """Play these for the requests that come next, in order, before the usual again."""
        self._queue.extend(plays)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        request = Request(
            handler.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in handler.headers.items()},
            handler.client_address[1],
        )
        self.requests.append(request)
        exchange = Exchange(request, handler, self._closing)
        play = self._queue.popleft() if self._queue else self.usual
        try:
            play(exchange)
        except (OSError, ssl.SSLError):
            handler.close_connection = True


def by_request(choose: Callable[[Request], Play]) -> Play:
    """Let the answer depend on the request."""

    def play(exchange: Exchange) -> None:
        choose(exchange.request)(exchange)

    return play


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
