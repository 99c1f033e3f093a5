# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What came back over HTTP: the body read within bounds, JSON without its surprises, and what another status means."""

from __future__ import annotations

import json
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from carbonspan.grid.source import BadAnswer, GridError, NotCovered, RateLimited, Unauthorised, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Unpacked. The largest honest answer is a month of five-minute rows, about 1 MB."""
MAX_ERROR_BYTES = 4096
_CHUNK_BYTES = 16 * 1024
_MAX_DIGITS = 18  # of a whole number: beyond it a float will do, and takes no quadratic time
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say: with gzip's header and check

MAX_RETRY_AFTER_S = 21_600.0  # six hours, as urllib3 2 has it
# 408 and 425 say themselves that the same request may be sent again (RFC 9110, 15.5.9; RFC 8470, 5.2).
AGAIN = frozenset({408, 425, 500, 502, 503, 504})


class Refused(Exception):  # noqa: N818 - not an error of ours: a body that cannot be used
    """Why a body cannot be used, in words that hold nothing of it."""


def read(response: requests.Response, limit: int, *, whole: bool) -> bytes:
    """Return the body, unpacked.

    Args:
        response: opened with `stream=True`, nothing read yet.
        limit: how many bytes at most.
        whole: whether a longer body is refused (or cut off at the limit).

    Raises:
        Refused: too long, packed in a way that was not asked for, or broken in packing.
        requests.RequestException, urllib3.exceptions.HTTPError, OSError: the connection broke.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise Refused("the answer is packed in a way that was not asked for")
    pieces: list[bytes] = []
    length = 0
    for piece in _unpacked(response) if encoding in {"gzip", "x-gzip"} else _packed(response):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            if whole:
                raise Refused(f"the answer is larger than {limit // (1024 * 1024)} MiB")
            break
    return b"".join(pieces)[:limit]


def _packed(response: requests.Response) -> Iterator[bytes]:
    while piece := response.raw.read(_CHUNK_BYTES, decode_content=False):
        yield piece


def _unpacked(response: requests.Response) -> Iterator[bytes]:
    """Yield the body unpacked, in pieces of bounded size: 16 KiB of gzip can hold 16 MiB."""
    unpacker = zlib.decompressobj(_GZIP)
    for piece in _packed(response):
        rest = piece
        while rest and not unpacker.eof:
            try:
                unpacked = unpacker.decompress(rest, _CHUNK_BYTES)
            except zlib.error:
                raise Refused("the answer is broken (gzip)") from None
            rest = unpacker.unconsumed_tail
            yield unpacked
    if not unpacker.eof:
        raise Refused("the answer is broken (gzip)")


def parsed(body: bytes) -> Any:
    """Return the JSON in a body.

    Raises:
        Refused: not JSON, or a key that occurs twice. NaN and Infinity, which JSON does not have and servers write,
            are floats: one of them spoils its row (`Rows.number`) and not the answer.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_whole)
    except (ValueError, RecursionError):
        pass
    raise Refused("the answer is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


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
        return NotCovered(
            f"{source}: nothing there (HTTP {status})",
            "the source does not know this zone or has no data for it now, or the option url is not its address",
        )
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
        return Unavailable(
            f"{source}: the server failed (HTTP {status})",
            "check HTTPS_PROXY: the proxy wants credentials"
            if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
            else "a fault of the server's own: it is asked again; if it lasts, look at the source's status page",
            retry_after_s=reply.retry_after_s,
        )
    return BadAnswer(
        f"{source}: the request was not answered (HTTP {status})",
        "the source refused the request: check the zone, the options of the source and its url",
    )


def retry_after_s(header: str | None) -> float | None:
    """Return how long a server asks to wait: seconds or a date (RFC 9110, 10.2.3); `None` for neither."""
    if not header:
        return None
    try:
        seconds = float(Retry().parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError, TypeError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
