# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A loopback HTTP server that answers as OpenAI's and Anthropic's APIs do, so that their real SDKs can be used."""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from carbonspan.demo._model import Answer, PrefixCache, Request, answer, count_tokens, reasoning_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_MAX_BODY_BYTES = 8 * 1024 * 1024
_IDLE_SECONDS = 5.0

# The dated names behind the short ones, as each API reports them.
_SNAPSHOTS = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
_CREATED = 1_767_225_600  # 2026-01-01T00:00:00Z: a fixed clock keeps replies the same
_WORDS_PER_CHUNK = 24


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

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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
            reply = _openai_chat
        elif self.path == "/v1/messages":
            reply = _anthropic_message
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
            streamed = bool(request.get("stream")) and reply is _openai_chat
            events = "".join(_openai_chunks(request, answer)) if streamed else ""
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self._refuse(400, "invalid_request_error", f"cannot read the request: {error!r}")
            return
        if streamed:
            self._send(200, "text/event-stream; charset=utf-8", events)
        else:
            self._send(200, "application/json", json.dumps(answer))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Say nothing: the console belongs to the demo."""

    def _refuse(self, status: int, error_type: str, message: str) -> None:
        error = {"type": error_type, "code": error_type, "message": message, "param": None}
        self._send(status, "application/json", json.dumps({"type": "error", "error": error}))

    def _send(self, status: int, content_type: str, text: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


# The two APIs: a request's JSON is read, counted and answered in the provider's own format.


def _openai_chat(request: dict[str, Any], cache: PrefixCache) -> dict[str, Any]:
    """Return the `chat.completion` object for a request to OpenAI's `POST /v1/chat/completions`."""
    model, messages = str(request["model"]), list(request["messages"])
    tools = [tool["function"] for tool in request.get("tools") or ()]
    prompt = _flat(tools) + "".join(_flat(message) for message in messages)
    metered = cache.automatic(model, prompt)

    since = _since_last_user(messages)
    said = answer(
        Request(
            instruction=_text(messages[-1 - len(since)].get("content")),
            tools=frozenset() if request.get("tool_choice") == "none" else frozenset(tool["name"] for tool in tools),
            tools_called=tuple(
                call["function"]["name"] for message in since for call in message.get("tool_calls") or ()
            ),
            tool_results="\n".join(_text(message.get("content")) for message in since if message["role"] == "tool"),
        )
    )
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    if said.calls:
        message["tool_calls"] = [
            {"id": _id("call_"), "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for name, arguments in said.calls
        ]
    visible = _visible_tokens(said)
    hidden = reasoning_tokens(model, str(request.get("reasoning_effort") or "medium"), visible)
    return {
        "id": _id("chatcmpl-"),
        "object": "chat.completion",
        "created": _CREATED,
        "model": _SNAPSHOTS.get(model, model),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "tool_calls" if said.calls else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": metered.total,
            "completion_tokens": visible + hidden,
            "total_tokens": metered.total + visible + hidden,
            "prompt_tokens_details": {"cached_tokens": metered.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": hidden,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _openai_chunks(request: dict[str, Any], completion: dict[str, Any]) -> Iterator[str]:
    """Yield a finished text completion as the server-sent events of a streamed one, usage last if asked for."""
    head = {key: completion[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")} | {
        "object": "chat.completion.chunk"
    }
    words = str(completion["choices"][0]["message"]["content"]).split(" ")
    parts = [" ".join(words[at : at + _WORDS_PER_CHUNK]) for at in range(0, len(words), _WORDS_PER_CHUNK)]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": part if not at else " " + part}, None) for at, part in enumerate(parts)]
    deltas += [({}, "stop")]
    for delta, finish_reason in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
    if (request.get("stream_options") or {}).get("include_usage"):
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': completion['usage']})}\n\n"
    yield "data: [DONE]\n\n"


def _anthropic_message(request: dict[str, Any], cache: PrefixCache) -> dict[str, Any]:
    """Return the `message` object for a request to Anthropic's `POST /v1/messages`."""
    model, messages = str(request["model"]), list(request["messages"])
    tools = list(request.get("tools") or ())
    prompt, marks = _flat(tools), []
    blocks = _blocks(request.get("system")) + [block for message in messages for block in _blocks(message["content"])]
    for block in blocks:
        prompt += _flat({key: value for key, value in block.items() if key != "cache_control"})
        if block.get("cache_control"):
            marks.append(len(prompt))
    metered = cache.marked(model, prompt, marks)

    said = answer(
        Request(
            instruction=_text(_blocks(messages[-1]["content"])[-1].get("text")),
            tools=frozenset(str(tool["name"]) for tool in tools),
        )
    )
    return {
        "id": _id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": _SNAPSHOTS.get(model, model),
        "content": [
            {"type": "text", "text": said.text},
            *(
                {"type": "tool_use", "id": _id("toolu_"), "name": name, "input": arguments}
                for name, arguments in said.calls
            ),
        ],
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        # Unlike OpenAI's, Anthropic's input count excludes what was read from the cache or written to it.
        "usage": {
            "input_tokens": metered.total - metered.cached - metered.written,
            "cache_read_input_tokens": metered.cached,
            "cache_creation_input_tokens": metered.written,
            "cache_creation": {"ephemeral_5m_input_tokens": metered.written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": _visible_tokens(said),
            "service_tier": "standard",
        },
    }


def _since_last_user(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    since = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        since.append(message)
    return since[::-1]


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _text(content: Any) -> str:
    return content if isinstance(content, str) else ""


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _visible_tokens(said: Answer) -> int:
    return count_tokens(said.text + "".join(name + _flat(arguments) for name, arguments in said.calls))


def _id(prefix: str) -> str:
    # Fresh for every call, as the real ids are; always of one length, so that counts do not depend on it.
    return prefix + uuid.uuid4().hex
