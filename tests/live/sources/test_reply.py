# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The body of an answer: unpacked within bounds, and JSON without its surprises."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
import requests
from urllib3.response import HTTPResponse

from carbonspan.grid.source import Unauthorised
from carbonspan.live.sources._reply import Refused, Reply, error_of, read
from tests.live.sources.clients import IMPATIENT, ask, client
from tests.live.sources.faults import (
    FaultServer,
    answer,
)


def test_a_packed_answer(server: FaultServer) -> None:
    server.next(answer({"long": "x" * 100_000}, packed=True), answer(b"\xef\xbb\xbf1"), answer(b"9" * 30))
    asked = client(server)
    assert len(ask(asked)["long"]) == 100_000
    assert ask(asked) == 1  # with a byte-order mark
    assert ask(asked) == pytest.approx(1e30)  # a whole number nobody has, read in linear time


def test_an_error_without_a_readable_body_is_known_by_its_status(server: FaultServer) -> None:
    server.next(
        answer(b"x", status=401, headers={"Content-Encoding": "br"}),
        answer(b"x", status=401, headers={"Content-Length": "100", "Connection": "close"}),
        answer(b"x" * 1_000_000, status=401),
    )
    for _ in range(3):
        with pytest.raises(Unauthorised):
            ask(client(server, IMPATIENT))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 410, 418, 429, 500, 503])
def test_a_status_comes_with_what_to_do_about_it(status: int) -> None:
    error = error_of(Reply(status, "", None), "uk")
    assert f"HTTP {status}" in str(error)
    assert error.hint


def test_a_bomb_is_unpacked_no_further_than_the_limit() -> None:
    response = requests.Response()
    response.headers["Content-Encoding"] = "gzip"
    response.raw = HTTPResponse(io.BytesIO(gzip.compress(b"0" * 100_000_000)), preload_content=False)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="larger than 1 MiB"):
            read(response, 1024 * 1024, whole=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
