# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A loopback HTTP server that answers as OpenAI's and Anthropic's APIs do, so that their real SDKs can be used."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from carbonspan.demo import _dialects as dialects
from carbonspan.demo._metering import PrefixCache

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_MAX_BODY_BYTES = 8 * 1024 * 1024
_IDLE_SECONDS = 5.0


class LoopbackServer:
    """Answers on 127.0.0.1 at a free port while the `with` block lasts. Nothing outside the machine can reach it.

    Args:
        caching: Whether prompts that were sent before are read from a cache.
    """

    def __init__(self, *, caching: bool = True) -> None:
        self._http = _Server(("127.0.0.1", 0), _Handler, caching=caching)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a path and without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    # Threads are waited for when the server closes: clients close first, and idle connections time out.
    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, caching: bool) -> None:
        super().__init__(address, handler)
        self.cache = PrefixCache(caching=caching)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = -1  # one write a reply: headers and body in two packets wait on each other
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one API call."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY_BYTES))
        cache = cast("_Server", self.server).cache
        if self.path == "/v1/chat/completions":
            reply = dialects.openai_chat
        elif self.path == "/v1/messages":
            reply = dialects.anthropic_message
        else:
            self._refuse(404, "not_found_error", f"no such path: {self.path}")
            return
        # A bearer token, or the header that Anthropic's SDK used below 2.0.
        if not (self.headers.get("Authorization") or self.headers.get("x-api-key")):
            self._refuse(401, "authentication_error", "no key was sent")
            return
        try:
            request = json.loads(body)
            answer = reply(request, cache)
            streamed = bool(request.get("stream")) and reply is dialects.openai_chat
            events = "".join(dialects.openai_chunks(request, answer)) if streamed else ""
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self._refuse(400, "invalid_request_error", f"cannot read the request: {error!r}")
            return
        if streamed:
            self._send(200, "text/event-stream; charset=utf-8", events)
        else:
            self._send(200, "application/json", json.dumps(answer))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Say nothing: the console belongs to the demo."""

    def _refuse(self, status: int, kind: str, message: str) -> None:
        error = {"type": kind, "code": kind, "message": message, "param": None}
        self._send(status, "application/json", json.dumps({"type": "error", "error": error}))

    def _send(self, status: int, content_type: str, text: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
