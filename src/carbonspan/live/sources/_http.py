# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""One HTTP GET that ends in JSON or in a `GridError`: bounded in time and size, untraced, and silent about its key.

Every source asks through a `Client`. What it promises, whatever the other side does: an end within `Timeouts.total_s`,
at most `MAX_BODY_BYTES` in memory, no request to another host than the one configured, no span of its own, and no
exception but `GridError`, whose text and chain hold neither a header nor an address with a query.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry

from carbonspan.grid.source import BadAnswer, GridError, Unavailable
from carbonspan.live.sources._options import Timeouts
from carbonspan.live.sources._reply import (
    AGAIN,
    MAX_BODY_BYTES,
    MAX_ERROR_BYTES,
    Refused,
    Reply,
    error_of,
    parsed,
    read,
    retry_after_s,
)
from carbonspan.live.sources._transport import Deadline, make_session, no_credentials, untraced
from carbonspan.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from carbonspan.live.sources._base import Pace

MAX_ATTEMPTS = 3
BACKOFF_S = 0.25
"""The pause before the second attempt is up to this, before the third up to twice this: a source is asked once an
hour, and what waits is a thread in the background."""
MAX_WAIT_S = 3.0
"""A `Retry-After` up to this is waited for in place; a longer one is raised, for the caller to come back later."""
MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_POLICY = Retry(total=MAX_ATTEMPTS - 1, backoff_factor=BACKOFF_S)


class _Failed(Exception):  # noqa: N818 - a step of the loop below, seen by nobody
    """One attempt failed in a way that another may not."""

    def __init__(self, error: GridError, wait_s: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait_s = wait_s


@dataclass(slots=True)
class _Process:
    """What belongs to one process: a child after fork makes its own."""

    pid: int
    session: requests.Session
    closed: threading.Event


class Client:
    """Asks one host for JSON. Safe between threads and over fork; nothing is opened before the first question."""

    def __init__(
        self,
        source: str,
        url: str,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - immutable
        pace: Pace | None = None,
        judge: Callable[[Reply], GridError | None] | None = None,
    ) -> None:
        """Take where and how to ask.

        Args:
            source: the source's name, for the texts of errors.
            url: the base address; a path is added to it.
            timeouts: see there.
            pace: keeps calls apart where a source asks for it.
            judge: says what an answer with a status other than 200 means, where that differs from the usual; `None`
                leaves it to the status.
        """
        self._source = source
        self._url = url.rstrip("/")
        self._timeouts = timeouts
        self._pace = pace
        self._judge = judge
        self._process: _Process | None = None

    def __repr__(self) -> str:
        return f"Client({self._source!r}, {self._url!r})"

    def close(self) -> None:
        """Close the connections and wake a call that pauses; the next call opens new ones."""
        process, self._process = self._process, None
        if process is not None and process.pid == os.getpid():
            process.closed.set()
            process.session.close()

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Any:
        """Return the JSON that a path answers.

        Args:
            path: below the base address, with a leading slash.
            params: the query.
            headers: the secret ones.
            auth: user and password, for HTTP basic authentication.

        Raises:
            Unauthorised, NotCovered, RateLimited, Unavailable, BadAnswer: see `carbonspan.grid.source`.
        """
        result = self._attempts(path, params or {}, headers or {}, auth)
        # Raised here and not where it was caught: an exception of requests holds the request with its headers, and
        # would hang on this one as its context.
        if isinstance(result, GridError):
            raise result
        return result[0]

    def _attempts(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str], auth: tuple[str, str] | None
    ) -> tuple[Any] | GridError:
        ends = time.monotonic() + self._timeouts.total_s
        policy = _POLICY
        while True:
            if self._pace is not None:
                self._pace.wait(self._live().closed)
            failed = self._attempt(path, params, headers, auth, ends)
            if not isinstance(failed, _Failed):
                return failed
            try:
                policy = policy.increment("GET")
            except MaxRetryError:
                return failed.error
            wait_s = policy.get_backoff_time() or BACKOFF_S
            wait_s = random.uniform(0.0, wait_s) if failed.wait_s is None else failed.wait_s  # jitter: not all at once
            if time.monotonic() + wait_s >= ends or self._live().closed.wait(wait_s):
                return failed.error

    def _attempt(
        self,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        auth: tuple[str, str] | None,
        ends: float,
    ) -> tuple[Any] | GridError | _Failed:
        """Ask once. Whatever happens is returned, not raised, so that nothing hangs on it."""
        deadline = Deadline(ends)
        try:
            with untraced(), deadline:
                return (self._ask(path, params, headers, auth),)
        except _Failed as failed:
            return _Failed(failed.error, failed.wait_s)
        except GridError as refusal:
            # A connection that the deadline shut down reads like an answer that ends early.
            if not (deadline.over and isinstance(refusal, BadAnswer)):
                return refusal
            error: GridError = self._late()
        except requests.exceptions.SSLError:
            return Unavailable(
                f"{self._source}: the certificate of {self._host} was refused",
                "set REQUESTS_CA_BUNDLE if a proxy of yours signs with its own authority",
            )
        except requests.Timeout:
            error = self._late()
        except (requests.RequestException, HTTPError, OSError, RuntimeError, ValueError) as cause:
            # RuntimeError: no new thread at the interpreter's end. ValueError: an address that no library takes, or a
            # socket that was closed in the middle of a read. Only the type is shown: a text may hold the address.
            error = Unavailable(
                f"{self._source}: no connection to {self._host} ({type(cause).__name__})",
                "check the network, HTTPS_PROXY and the option url",
            )
        return _Failed(error) if time.monotonic() < ends else error

    def _ask(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str], auth: tuple[str, str] | None
    ) -> Any:
        session = self._live().session
        url, query = self._url + path, dict(params)
        for _ in range(MAX_REDIRECTS + 1):
            with session.get(
                url,
                params=query,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",  # all that `read` can unpack within bounds
                    "User-Agent": f"carbonspan/{__version__}",
                    **headers,
                },
                auth=auth or no_credentials,
                timeout=(self._timeouts.connect_s, self._timeouts.read_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                location = response.headers.get("Location", "")
                if response.status_code not in _REDIRECTS or not location:
                    return self._read(response)
            url, query = self._followed(url, location), {}
        raise Unavailable(f"{self._source}: {self._host} redirects in a circle", "check the option url")

    def _followed(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            # The key is for this host. Even the name of the other one is left out: it is the server's text.
            raise Unavailable(
                f"{self._source}: {self._host} redirects to another host, which was refused",
                "check the option url: a proxy, or an address that has moved",
            )
        return target

    def _read(self, response: requests.Response) -> Any:
        status = response.status_code
        if status == HTTPStatus.OK:
            try:
                return parsed(read(response, MAX_BODY_BYTES, whole=True))
            except Refused as refused:
                reason = str(refused)
            raise BadAnswer(f"{self._source}: {reason}", "check the option url: is it this source's address?")
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        try:
            text = read(response, MAX_ERROR_BYTES, whole=False).decode("utf-8", "replace")
        except (Refused, requests.RequestException, HTTPError, OSError):
            text = ""  # the status is known, and that is what counts
        reply = Reply(status, text, wait_s)
        error = (None if self._judge is None else self._judge(reply)) or error_of(reply, self._source)
        if wait_s is None and status in AGAIN:
            raise _Failed(error)
        if wait_s is not None and wait_s <= MAX_WAIT_S and (status in AGAIN or status == HTTPStatus.TOO_MANY_REQUESTS):
            raise _Failed(error, wait_s)
        raise error

    def _late(self) -> GridError:
        return Unavailable(f"{self._source}: no answer in time from {self._host}", "a larger timeout_s, or later")

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _live(self) -> _Process:
        process = self._process
        if process is None or process.pid != os.getpid():
            # After fork the parent's connections are the parent's; its session is dropped, not closed, because a lock
            # of its pool may have been held by a thread that does not exist here.
            process = self._process = _Process(os.getpid(), make_session(), threading.Event())
        return process
