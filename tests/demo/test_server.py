# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback server: what it answers, and that its token counts follow from what it is asked."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.demo._server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BEARER = {"Authorization": "Bearer key"}


@pytest.fixture
def server() -> Iterator[str]:
    with LoopbackServer() as running:
        yield running.url.removeprefix("http://")


def _post(host: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        payload = body if isinstance(body, str) else json.dumps(body)
        connection.request("POST", path, payload, headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()


def _chat(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Answer in about 40 words."}], **more}


def test_it_listens_on_loopback_only(server: str) -> None:
    assert server.startswith("127.0.0.1:")


def test_a_completion_counts_what_was_sent_and_what_was_said(server: str) -> None:
    status, content_type, text = _post(server, "/v1/chat/completions", _chat(), BEARER)
    reply = json.loads(text)
    assert (status, content_type, reply["object"]) == (200, "application/json", "chat.completion")
    said = reply["choices"][0]["message"]["content"]
    # [] for the tools, then {"role":"user","content":"Answer in about 40 words."}: 53 characters, 14 tokens
    assert reply["usage"]["prompt_tokens"] == 14
    assert reply["usage"]["completion_tokens"] == -(-len(said) // 4)
    assert reply["usage"]["total_tokens"] == 14 + -(-len(said) // 4)
    assert 40 <= len(said.split()) < 60


def test_a_stream_has_the_same_text_and_ends_with_its_usage_where_asked(server: str) -> None:
    whole = json.loads(_post(server, "/v1/chat/completions", _chat(), BEARER)[2])
    for options, with_usage in (({"include_usage": True}, 1), (None, 0)):
        request = _chat(stream=True, stream_options=options)
        _, content_type, text = _post(server, "/v1/chat/completions", request, BEARER)
        assert content_type.startswith("text/event-stream")
        events = text.strip().split("\n\n")
        assert events[-1] == "data: [DONE]"
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
        choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
        said = "".join(choice["delta"].get("content", "") for choice in choices)
        assert said == whole["choices"][0]["message"]["content"]
        assert choices[-1]["finish_reason"] == "stop"
        usages = [chunk["usage"] for chunk in chunks if "usage" in chunk]
        assert len(usages) == with_usage
        assert all(usage == whole["usage"] for usage in usages)


def test_a_message_leaves_out_of_its_input_what_the_cache_took_part_in(server: str) -> None:
    request = {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Answer in about 20 words."}],
    }
    first, second = (
        json.loads(_post(server, "/v1/messages", request, {"x-api-key": "key"})[2])["usage"] for _ in range(2)
    )
    # [] for the tools, then {"type":"text","text":"xxx..."}: 2 + 23 + 8000 + 2 characters, 2,007 tokens
    assert (first["cache_creation_input_tokens"], first["cache_read_input_tokens"]) == (2007, 0)
    assert (second["cache_creation_input_tokens"], second["cache_read_input_tokens"]) == (0, 2007)
    assert first["input_tokens"] == second["input_tokens"] == 13


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/v1/images", {}, BEARER, (404, "not_found_error")),
        ("/v1/messages", {}, {}, (401, "authentication_error")),
        ("/v1/messages", "no JSON", BEARER, (400, "invalid_request_error")),
        ("/v1/chat/completions", {"model": "gpt-5"}, BEARER, (400, "invalid_request_error")),
        ("/v1/chat/completions", {"model": "gpt-5", "messages": []}, BEARER, (400, "invalid_request_error")),
        ("/v1/chat/completions", [], BEARER, (400, "invalid_request_error")),
    ],
)
def test_a_wrong_request_gets_the_error_type_of_the_provider(
    server: str, path: str, body: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    status, _, text = _post(server, path, body, headers)
    assert (status, json.loads(text)["error"]["type"]) == expected
