# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""One GET: it ends in JSON or in a `GridError`, in time, in bounds, and without a word about the key."""

from __future__ import annotations

import email.utils
import gc
import gzip
import logging
import os
import threading
import time

import pytest

from carbonspan.grid.source import BadAnswer, GridError, NotCovered, RateLimited, Unauthorised, Unavailable
from carbonspan.live.sources._http import Client
from carbonspan.live.sources._options import Timeouts
from carbonspan.live.sources._reply import MAX_BODY_BYTES, Reply
from carbonspan.version import __version__
from tests.live.sources.clients import GOOD, IMPATIENT, TOKEN, ask, client, silent_about_the_key
from tests.live.sources.faults import (
    FaultServer,
    Play,
    answer,
    endless,
    gzip_bomb,
    half,
    hang_up,
    never,
    redirect,
    slow_bytes,
    slow_headers,
    too_many,
    unused_port,
)


def test_what_is_sent(server: FaultServer) -> None:
    assert ask(client(server)) == GOOD
    request = server.requests[0]
    assert (request.path, request.query) == ("/path", {"zone": "DE"})
    assert request.headers["auth-token"] == TOKEN
    assert request.headers["user-agent"] == f"carbonspan/{__version__}"
    assert request.headers["accept-encoding"] == "gzip"
    assert not {"content-type", "cookie", "authorization", "traceparent"} & set(request.headers)


FAULTS: list[tuple[str, Play, type[GridError]]] = [
    ("never", never(), Unavailable),
    ("hang up", hang_up(), Unavailable),
    ("half a body", half({"long": "x" * 1000}), Unavailable),
    ("slow bytes", slow_bytes(b'{"number": 1}' + b" " * 10_000), Unavailable),
    ("slow headers", slow_headers(), Unavailable),
    ("endless", endless(), BadAnswer),
    ("bomb", gzip_bomb(MAX_BODY_BYTES + 1), BadAnswer),
    ("broken gzip", answer(b"no gzip", headers={"Content-Encoding": "gzip"}), BadAnswer),
    ("half a gzip", answer(gzip.compress(b"1" * 99)[:-9], headers={"Content-Encoding": "gzip"}), BadAnswer),
    ("another packing", answer(b"x", headers={"Content-Encoding": "br"}), BadAnswer),
    ("a page", answer(b"<html>sign in</html>", content_type="text/html"), BadAnswer),
    ("nothing", answer(b""), BadAnswer),
    ("a key twice", answer(b'{"a": 1, "a": 2}'), BadAnswer),
    ("no UTF-8", answer(b'"\xff"'), BadAnswer),
    ("deep", answer(b"[" * 100_000), BadAnswer),
    ("401", answer({"error": "Invalid auth-token"}, status=401), Unauthorised),
    ("403 plain", answer(b"Access denied", status=403, content_type="text/plain"), Unauthorised),
    ("403 without type", answer(b"Access denied", status=403, content_type=None), Unauthorised),
    ("404", answer(b"", status=404), NotCovered),
    ("410", answer(b"", status=410), NotCovered),
    ("400", answer(b"", status=400), BadAnswer),
    ("204", answer(b"", status=204), BadAnswer),
    ("304", answer(b"", status=304), BadAnswer),
    ("407", answer(b"", status=407), Unavailable),
    ("429", too_many(), RateLimited),
    ("429 later", too_many("3600"), RateLimited),
    ("429 never", too_many("soon"), RateLimited),
    ("500", answer(b"oops", status=500), Unavailable),
    ("503 later", answer(b"", status=503, headers={"Retry-After": "600"}), Unavailable),
    ("redirect in a circle", redirect("/path"), Unavailable),
    ("redirect to https", redirect("https://127.0.0.1/"), Unavailable),
]


@pytest.mark.parametrize(("play", "expected"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_fault_becomes_the_right_error_and_passes(
    server: FaultServer, caplog: pytest.LogCaptureFixture, play: Play, expected: type[GridError]
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = client(server, IMPATIENT)
    server.usual = play
    with pytest.raises(expected) as caught:
        ask(asked)
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value) + caught.value.hint
    silent_about_the_key(caught.value)
    server.usual = answer(GOOD)
    assert ask(client(server)) == GOOD
    assert asked.get("/path") == GOOD  # the same one: no broken connection stays in use
    assert TOKEN not in caplog.text + repr(asked)
    assert len(server.requests) <= 3 + 2 + 2


def test_a_deadline_ends_slow_bytes_that_no_read_timeout_would(server: FaultServer) -> None:
    server.usual = slow_bytes(b" " * 100_000, pause_s=0.01)
    with pytest.raises(Unavailable):
        ask(client(server, Timeouts(5.0, 30.0, 0.5)))
    assert len(server.requests) == 1


def test_a_server_error_is_asked_again_and_forgotten(server: FaultServer) -> None:
    server.next(answer(b"", status=500), hang_up())
    assert ask(client(server)) == GOOD
    assert len(server.requests) == 3


def test_attempts_are_counted(server: FaultServer) -> None:
    server.usual = answer(b"", status=502)
    with pytest.raises(Unavailable, match="502"):
        ask(client(server))
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_what_the_client_did_wrong_is_asked_once(server: FaultServer, status: int) -> None:
    server.usual = answer(b"", status=status)
    with pytest.raises(GridError):
        ask(client(server))
    assert len(server.requests) == 1


def test_a_short_retry_after_is_waited_for(server: FaultServer) -> None:
    server.next(too_many("1"))
    began = time.monotonic()
    assert ask(client(server)) == GOOD
    assert time.monotonic() - began >= 0.9


def test_a_long_retry_after_is_told(server: FaultServer) -> None:
    server.next(
        too_many("3600"), too_many(email.utils.formatdate(time.time() + 7200, usegmt=True)), too_many("9" * 400)
    )
    waits = []
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            ask(client(server))
        waits.append(caught.value.retry_after_s)
    assert waits[0] == 3600
    assert waits[1] is not None
    assert 7000 < waits[1] <= 7200
    assert waits[2] == 21_600  # and no more than six hours
    server.next(answer(b"", status=503, headers={"Retry-After": "120"}))
    with pytest.raises(Unavailable) as unavailable:
        ask(client(server))
    assert unavailable.value.retry_after_s == 120
    assert len(server.requests) == 4


def test_redirects_stay_on_the_host(server: FaultServer) -> None:
    server.next(redirect("/other?page=2", 301))
    assert ask(client(server)) == GOOD
    assert (server.requests[1].path, server.requests[1].query) == ("/other", {"page": "2"})
    with FaultServer(answer(GOOD)) as other:
        for location in (other.url, other.url.replace("127.0.0.1", "localhost"), f"//127.0.0.1:{other.port}/x"):
            server.next(redirect(location))
            with pytest.raises(Unavailable, match="redirects to another host"):
                ask(client(server))
        assert other.requests == []


def test_no_connection() -> None:
    with pytest.raises(Unavailable) as caught:
        ask(Client("test", f"http://127.0.0.1:{unused_port()}", timeouts=IMPATIENT))
    silent_about_the_key(caught.value)


def test_what_a_source_makes_of_a_status(server: FaultServer) -> None:
    def judge(reply: Reply) -> GridError | None:
        return NotCovered("another plan") if "plan" in reply.text else None

    server.next(answer(b"not in plan", status=403), answer(b"no", status=403))
    asked = client(server, judge=judge)
    with pytest.raises(NotCovered):
        ask(asked)
    with pytest.raises(Unauthorised):
        ask(asked)


def test_a_closed_client_opens_again_and_a_pause_ends(server: FaultServer) -> None:
    asked = client(server)
    asked.close()
    assert ask(asked) == GOOD
    asked.close()
    assert ask(asked) == GOOD
    server.usual = too_many("3")
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            ask(asked)
        except GridError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while len(server.requests) < 3:
        time.sleep(0.01)
    asked.close()
    thread.join(30)
    assert [type(error) for error in failed] == [RateLimited]
    asked.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(server: FaultServer) -> None:
    asked = client(server)
    ask(asked)
    child = os.fork()
    if child == 0:
        os._exit(0 if ask(asked) == GOOD else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ask(asked) == GOOD
    before, of_child, after = (request.client_port for request in server.requests)
    assert of_child != before == after


def test_nothing_is_left_open(server: FaultServer) -> None:
    asked = client(server)
    ask(asked)
    asked.close()
    del asked
    gc.collect()  # a ResourceWarning would be an error here
