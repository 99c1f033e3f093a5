# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback server: what it answers, and that its token counts follow from what it is asked."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.demo._author import Asked, answer
from carbonspan.demo._material import passage, system_prompt
from carbonspan.demo._metering import Metered, PrefixCache, count_tokens, reasoning_tokens
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


def test_it_listens_on_loopback_alone(server: str) -> None:
    assert server.startswith("127.0.0.1:")


def test_a_completion_counts_what_was_sent_and_what_was_said(server: str) -> None:
    status, kind, text = _post(server, "/v1/chat/completions", _chat(), BEARER)
    reply = json.loads(text)
    assert (status, kind, reply["object"]) == (200, "application/json", "chat.completion")
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
        _, kind, text = _post(server, "/v1/chat/completions", request, BEARER)
        assert kind.startswith("text/event-stream")
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
def test_a_wrong_request_gets_the_providers_kind_of_error(
    server: str, path: str, body: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    status, _, text = _post(server, path, body, headers)
    assert (status, json.loads(text)["error"]["type"]) == expected


def test_tools_are_asked_for_in_turn_and_not_where_they_are_forbidden() -> None:
    tools = frozenset({"crm_search", "ticket_search", "web_search", "fetch_page"})
    searches = answer(Asked("Go on.", tools)).calls
    assert [name for name, _ in searches] == ["crm_search"] * 2 + ["ticket_search"] * 2 + ["web_search"] * 2
    found = Asked("Go on.", tools, tuple(name for name, _ in searches), "[source-2] a\n[source-1] b\n[source-2] c")
    assert answer(found).calls == (("fetch_page", {"source": "source-2"}), ("fetch_page", {"source": "source-1"}))
    assert answer(Asked("Go on.", tools, ("crm_search", "fetch_page"))).calls == ()
    assert answer(Asked("Go on.")).calls == ()
    assert len(answer(Asked("Check.", frozenset({"verify_claim"}))).calls) == 4


def test_openais_cache_begins_at_1024_tokens_in_steps_of_128() -> None:
    cache = PrefixCache()
    assert cache.automatic("a", "x" * 4 * 1300) == Metered(1300, 0)
    assert cache.automatic("a", "x" * 4 * 1300) == Metered(1300, 1280)
    assert cache.automatic("b", "x" * 4 * 1300) == Metered(1300, 0)  # another model has another cache
    assert cache.automatic("a", "x" * 4 * 1024 + "y") == Metered(1025, 1024)
    assert cache.automatic("a", "x" * (4 * 1024 - 1) + "z") == Metered(1024, 0)


def test_anthropics_cache_holds_marked_prefixes_of_sufficient_length() -> None:
    cache = PrefixCache()
    long, longer = "x" * 4 * 2000, "x" * 4 * 2000 + "y" * 4 * 500
    assert cache.marked("claude-sonnet-5", long, [len(long)]) == Metered(2000, 0, 2000)
    assert cache.marked("claude-sonnet-5", longer, [len(long), len(longer)]) == Metered(2500, 2000, 500)
    assert cache.marked("claude-sonnet-5", longer + "z", []) == Metered(2501, 2500, 0)
    assert cache.marked("claude-sonnet-5", "z" * 4000, [4000]) == Metered(1000, 0, 0)  # below 1,024
    assert cache.marked("claude-haiku-4-5", long, [len(long)]) == Metered(2000, 0, 0)  # below 4,096


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 40))
def test_no_part_of_a_prompt_exceeds_the_whole(one: str, other: str, times: int) -> None:
    cache = PrefixCache()
    for prompt in (one * times, one * times + other, other):
        for metered in (cache.automatic("m", prompt), cache.marked("m", prompt, [len(prompt) // 2, len(prompt)])):
            assert metered.total == count_tokens(prompt)
            assert 0 <= metered.cached <= metered.total
            assert metered.cached + metered.written <= metered.total


def test_reasoning_grows_with_the_effort_in_steps_of_64() -> None:
    assert reasoning_tokens("gpt-4.1", "high", 100) == 0
    assert reasoning_tokens("gpt-5", "minimal", 100) == 0
    assert [reasoning_tokens("gpt-5-mini", effort, 100) for effort in ("low", "medium", "high")] == [128, 192, 320]
    assert reasoning_tokens("gpt-5", "unheard of", 100) == 192


@given(st.text(max_size=40), st.integers(0, 2000))
def test_a_passage_is_as_long_as_asked_and_the_same_each_time(topic: str, words: int) -> None:
    text = passage(topic, words)
    assert words <= len(text.split()) < words + 20
    assert text == passage(topic, words)


def test_the_system_prompt_is_long_enough_to_be_cached() -> None:
    assert count_tokens(system_prompt("A customer", 1)) > 1024
