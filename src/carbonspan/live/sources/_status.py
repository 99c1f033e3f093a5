# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an HTTP status other than 200 means, before anybody looks at the body. Used by `http` alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from carbonspan.grid.source import BadAnswer, GridError, NotCovered, RateLimited, Unauthorised, Unavailable

MAX_RETRY_AFTER_S = 21_600.0  # six hours, as urllib3 2 has it
# 408 and 425 say themselves that the same request may be sent again (RFC 9110, 15.5.9; RFC 8470, 5.2).
AGAIN = frozenset({408, 425, 500, 502, 503, 504})


class Reply(NamedTuple):
    """What came back with another status than 200."""

    status: int
    text: str  # the first bytes of the body; never for a log or an error: a server may repeat the request in it
    retry_after_s: float | None


def error_of(reply: Reply, source: str) -> GridError:
    """Return what a status usually means."""
    status = reply.status
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Unauthorised(f"{source}: access refused (HTTP {status})", "check the key, and what its plan covers")
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return NotCovered(f"{source}: nothing there (HTTP {status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            f"{source}: too many requests (HTTP 429)",
            "fewer zones, or a larger plan",
            retry_after_s=reply.retry_after_s,
        )
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status in AGAIN
        or status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    ):
        return Unavailable(f"{source}: the server failed (HTTP {status})", retry_after_s=reply.retry_after_s)
    return BadAnswer(f"{source}: the request was not answered (HTTP {status})")


def retry_after_s(header: str | None) -> float | None:
    """Return how long a server asks to wait: seconds or a date (RFC 9110, 10.2.3); `None` for neither."""
    if not header:
        return None
    try:
        seconds = float(Retry().parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError, TypeError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
