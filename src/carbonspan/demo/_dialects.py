# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The two APIs the loopback server speaks: a request's JSON read, metered and answered in the provider's own shape."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from carbonspan.demo import _metering as metering
from carbonspan.demo._author import Answer, Asked, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.demo._metering import PrefixCache

# The dated names behind the short ones, as each API reports them.
_SNAPSHOTS = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
_CREATED = 1_767_225_600  # 2026-01-01T00:00:00Z: a fixed clock keeps replies the same
_WORDS_PER_CHUNK = 24


def openai_chat(request: dict[str, Any], cache: PrefixCache) -> dict[str, Any]:
    """Return the `chat.completion` object for a request to OpenAI's `POST /v1/chat/completions`."""
    model, messages = str(request["model"]), list(request["messages"])
    tools = [tool["function"] for tool in request.get("tools") or ()]
    prompt = _flat(tools) + "".join(_flat(message) for message in messages)
    metered = cache.automatic(model, prompt)

    since = _since_last_user(messages)
    said = answer(
        Asked(
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
    hidden = metering.reasoning_tokens(model, str(request.get("reasoning_effort") or "medium"), visible)
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


def openai_chunks(request: dict[str, Any], completion: dict[str, Any]) -> Iterator[str]:
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


def anthropic_message(request: dict[str, Any], cache: PrefixCache) -> dict[str, Any]:
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
        Asked(
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
        # Unlike OpenAI's, Anthropic's input count leaves out what the cache took part in.
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
    return metering.count_tokens(said.text + "".join(name + _flat(arguments) for name, arguments in said.calls))


def _id(prefix: str) -> str:
    # Fresh for every call, as the real ids are; always of one length, so that counts do not depend on it.
    return prefix + uuid.uuid4().hex
