# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that answers as the providers' APIs do, and counts what it served: the truth of the matrix."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.matrix.api import anthropic, bedrock, gemini, openai
from tests.matrix.api.truth import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from tests.matrix.api.truth import Call

_IDLE_S = 5.0  # a connection kept open by a client that is gone
_POLL_S = 0.05


class _Route(NamedTuple):
    api: str
    path: re.Pattern[str]
    prefix: str  # of response ids
    answer: Callable[[dict[str, Any], Call], dict[str, Any]]
    events: Callable[[dict[str, Any], dict[str, Any]], Iterable[str]] | None = None


_ROUTES = (
    _Route("openai.chat", re.compile(r"/v1/chat/completions"), "chatcmpl-", openai.chat, openai.chat_events),
    _Route("openai.responses", re.compile(r"/v1/responses"), "resp_", openai.responses, openai.responses_events),
    _Route("openai.embeddings", re.compile(r"/v1/embeddings"), "", openai.embeddings),
    _Route("anthropic.messages", re.compile(r"/v1/messages"), "msg_", anthropic.messages, anthropic.events),
    _Route(
        "gemini.generate_content",
        re.compile(r"/v1(beta)?/models/[^/]+:(stream)?[gG]enerateContent"),
        "",
        gemini.generate_content,
        gemini.events,
    ),
    _Route("bedrock.converse", re.compile(r"/model/[^/]+/converse(-stream)?"), "", bedrock.converse),
)
# Where frameworks send telemetry of their own: taken, and thrown away.
_TAKEN = re.compile(r"/api/public/|/v1/traces|/v1/metrics|/v1/logs")


class Server:
    """Answers on 127.0.0.1 at a free port while the `with` block lasts; `alike` charges every call the same."""

    def __init__(self, *, alike: bool = False) -> None:
        self._counts = Served(alike=alike)
        self.refused: list[str] = []
        """Requests that no API here answers. A test has none."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(_POLL_S,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """What was served."""
        return self._counts.calls

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        counts, refused = self._counts, self.refused

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _IDLE_S
            wbufsize = -1  # head and body in one packet: in two they wait on each other

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                route = next((route for route in _ROUTES if route.path.fullmatch(path)), None)
                if route is None:
                    if not _TAKEN.match(path):
                        refused.append(f"POST {self.path}")
                    self._send(200 if _TAKEN.match(path) else 404, "application/json", b"{}")
                    return
                request = json.loads(body)
                whole = route.answer(request, counts.serve(route.api, route.prefix))
                if path.endswith("/converse-stream"):
                    self._send(200, "application/vnd.amazon.eventstream", b"".join(bedrock.events(whole)))
                elif route.events and (request.get("stream") or ":stream" in path):
                    events = "".join(route.events(request, whole))
                    self._send(200, "text/event-stream; charset=utf-8", events.encode())
                else:
                    self._send(200, "application/json", json.dumps(whole).encode())

            def do_GET(self) -> None:
                if not _TAKEN.match(self.path):
                    refused.append(f"GET {self.path}")
                self._send(404, "application/json", b"{}")

            def _send(self, status: int, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
