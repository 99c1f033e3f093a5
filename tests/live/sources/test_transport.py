# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The session: what ends it, whom it trusts, what it keeps, and that nothing traces it."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest
import requests
import trustme
from opentelemetry import context
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carbonspan.grid.source import Unavailable
from carbonspan.live.sources._http import Client
from carbonspan.live.sources._options import Timeouts
from carbonspan.live.sources._transport import Deadline, make_session
from tests.live.sources.clients import GOOD, QUICK, TOKEN, ask, client, silent_about_the_key
from tests.live.sources.faults import (
    FaultServer,
    answer,
    slow_bytes,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_deadline_shuts_down_what_is_watched_and_nothing_else(server: FaultServer) -> None:
    one, other = socket.socketpair()
    with one, other:
        with Deadline(time.monotonic()) as deadline:
            while not deadline.over:
                time.sleep(0.01)
            deadline.watch(None)  # no connection yet
            deadline.watch(one)  # one that comes too late
            assert other.recv(1) == b""
        with Deadline(time.monotonic()) as deadline:
            closed = socket.socket()
            closed.close()
            deadline.watch(closed)
    with make_session() as session:
        assert session.get(server.url, timeout=30).json() == GOOD  # a session by itself has no deadline


def test_own_calls_are_never_traced(server: FaultServer) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentors = (RequestsInstrumentor(), URLLib3Instrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    try:
        requests.get(server.url, timeout=30)
        assert exporter.get_finished_spans()  # so it would be seen
        exporter.clear()
        before = context.get_current()
        with provider.get_tracer("app").start_as_current_span("app"):
            assert ask(client(server)) == GOOD
            server.usual = answer(b"", status=500)
            with pytest.raises(Unavailable):
                ask(client(server))
        assert context.get_current() == before
        assert [span.name for span in exporter.get_finished_spans()] == ["app"]
        assert all("traceparent" not in request.headers for request in server.requests[1:])
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with FaultServer(answer(GOOD), tls=tls) as server:
        with pytest.raises(Unavailable, match="certificate") as caught:
            ask(client(server))
        silent_about_the_key(caught.value)
        assert server.requests == []


def test_tls_with_an_authority_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with FaultServer(answer(GOOD), tls=tls) as server:
        assert ask(client(server)) == GOOD
        server.usual = slow_bytes(b" " * 100_000)  # the deadline also ends a read under TLS
        with pytest.raises(Unavailable):
            ask(client(server, Timeouts(5.0, 30.0, 0.5)))


def test_a_proxy_of_the_environment_is_used(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    assert Client("test", "http://grid.invalid", timeouts=QUICK).get("/path") == GOOD
    assert server.requests[0].headers["host"] == "grid.invalid"


def test_no_password_from_netrc(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login user password {TOKEN}\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    client(server).get("/path")
    assert not server.requests[0].holds(TOKEN)
    assert "authorization" not in server.requests[0].headers
    client(server).get("/path", auth=("user", "word"))
    assert server.requests[1].headers["authorization"].startswith("Basic ")


def test_no_cookie_is_kept(server: FaultServer) -> None:
    server.next(answer(GOOD, headers={"Set-Cookie": "who=me; Path=/"}))
    asked = client(server)
    ask(asked)
    ask(asked)
    assert "cookie" not in server.requests[1].headers
