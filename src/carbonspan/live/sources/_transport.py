# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A `requests` session whose calls end on time, and that keeps nothing: no cookie, no credential found elsewhere.

A read timeout ends a silence, not a server that sends one byte a second. So a timer shuts the socket down when the
call's time is over, wherever the read stands; the read then ends as any broken connection does. And the package's own
calls are kept out of the traces that it is there to measure.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from opentelemetry import context
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_deadline: ContextVar[Deadline | None] = ContextVar("carbonspan_deadline", default=None)


class Deadline:
    """While it is entered, the connection in use is shut down at a moment of `time.monotonic()`."""

    def __init__(self, ends: float) -> None:
        """Take the moment."""
        self._socket: socket.socket | None = None
        self.over = False
        """Whether the moment has come."""
        self._timer = threading.Timer(max(ends - time.monotonic(), 0.0), self._end)
        self._timer.daemon = True  # an interpreter that exits waits for nothing

    def __enter__(self) -> Self:
        self._timer.start()
        _deadline.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _deadline.set(None)  # calls do not nest
        self._timer.cancel()
        self._socket = None

    def watch(self, connection: socket.socket | None) -> None:
        """Shut this one down when the time is over, and no other."""
        self._socket = connection
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):  # closed already: there is nothing left to wait for
                # Not the method of an SSL socket: that one tears down what the reading thread is using.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _watch(connection: HTTPConnection) -> None:
    deadline = _deadline.get()
    if deadline is not None:
        deadline.watch(connection.sock)


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _watch(self)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _watch(self)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand where credentials could: without it requests looks into ~/.netrc, and sends what it finds there."""
    return request


def make_session() -> requests.Session:
    """Return a session: TLS verified, proxies and authorities from the environment as `requests` reads them."""
    session = requests.Session()
    session.mount("http://", _Adapter(max_retries=0))
    session.mount("https://", _Adapter(max_retries=0))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


# The names under which OpenTelemetry's instrumentations look for "not this call". The plain texts are those of
# opentelemetry.instrumentation.utils; the keys of opentelemetry.context are made unique per process, so they are
# looked up there, and left out where an older or a newer API has none.
_SUPPRESSED = tuple(
    key
    for key in (
        "suppress_instrumentation",
        "suppress_http_instrumentation",
        getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
    )
    if isinstance(key, str)
)


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Let no instrumentation see what is called inside."""
    current = context.get_current()
    for key in _SUPPRESSED:
        current = context.set_value(key, True, current)  # noqa: FBT003 - OpenTelemetry's signature
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)
