# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's API: chat completions and Responses, each whole and streamed, and embeddings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.matrix.api import script
from tests.matrix.api.truth import CACHED, REASONING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.matrix.api.truth import Call

_CREATED_S = 1_750_000_000  # June 2025
_SNAPSHOT = "-2024-08-06"  # the API answers with the dated name of the model


def _model(request: dict[str, Any]) -> str:
    return str(request["model"]) + _SNAPSHOT


def _turn(request: dict[str, Any], results: int) -> script.Turn:
    # A tool's name is in its function (chat) or on itself (Responses).
    return script.turn(
        [str((t.get("function") or t).get("name", "")) for t in request.get("tools") or () if t["type"] == "function"],
        results,
    )


def embeddings(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /v1/embeddings`. The vector is as the client decodes it, whatever format it asked for."""
    one = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5] if _floats(request) else "AAAAPwAAAL8="}
    return {
        "object": "list",
        "data": [one],
        "model": request["model"],
        "usage": {"prompt_tokens": call.input_tokens, "total_tokens": call.input_tokens},
    }


def _floats(request: dict[str, Any]) -> bool:
    return bool(request.get("encoding_format", "float") == "float")


def chat(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /v1/chat/completions`."""
    said = _turn(request, sum(message["role"] == "tool" for message in request["messages"]))
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.tool:
        function = {"name": said.tool, "arguments": json.dumps(script.ARGUMENTS)}
        message["tool_calls"] = [{"id": said.id, "type": "function", "function": function}]
    return {
        "id": call.response_id,
        "object": "chat.completion",
        "created": _CREATED_S,
        "model": _model(request),
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if said.tool else "stop"}
        ],
        "usage": _chat_usage(call),
        "service_tier": "default",
    }


def _chat_usage(call: Call) -> dict[str, Any]:
    return {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": CACHED, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": REASONING, "audio_tokens": 0},
    }


def chat_events(request: dict[str, Any], whole: dict[str, Any]) -> Iterable[str]:
    """Yield a whole answer as the events of a streamed one; the usage comes last, where it is asked for."""
    choice = whole["choices"][0]
    said = {key: value for key, value in choice["message"].items() if value is not None}
    said["tool_calls"] = [{"index": 0, **tool} for tool in said.get("tool_calls", ())] or None
    head = {key: whole[key] for key in ("id", "created", "model", "service_tier")} | {"object": "chat.completion.chunk"}
    for delta, reason in ((said, None), ({}, choice["finish_reason"])):
        yield _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _data({**head, "choices": [], "usage": whole["usage"]})
    yield "data: [DONE]\n\n"


def responses(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /v1/responses`."""
    given = request["input"]
    results = 0 if isinstance(given, str) else sum(item.get("type") == "function_call_output" for item in given)
    said = _turn(request, results)
    item: dict[str, Any] = {"id": "item_" + call.response_id, "status": "completed"}
    if said.tool:
        arguments = json.dumps(script.ARGUMENTS)
        item |= {"type": "function_call", "call_id": said.id, "name": said.tool, "arguments": arguments}
    else:
        text = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        item |= {"type": "message", "role": "assistant", "content": [text]}
    return {
        "id": call.response_id,
        "object": "response",
        "created_at": _CREATED_S,
        "status": "completed",
        "model": _model(request),
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": {
            "input_tokens": call.input_tokens,
            "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": 0},
            "output_tokens": call.output_tokens,
            "output_tokens_details": {"reasoning_tokens": REASONING},
            "total_tokens": call.input_tokens + call.output_tokens,
        },
    }


def responses_events(_request: dict[str, Any], whole: dict[str, Any]) -> Iterable[str]:
    """Yield a whole Response as the events of a streamed one."""
    item = whole["output"][0]
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    at = {"item_id": item["id"], "output_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    if item["type"] == "message":
        text = item["content"][0]
        empty, part = item | {"status": "in_progress", "content": []}, at | {"content_index": 0}
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": empty},
            {"type": "response.content_part.added", **part, "part": text | {"text": ""}},
            {"type": "response.output_text.delta", **part, "delta": text["text"], "logprobs": []},
            {"type": "response.output_text.done", **part, "text": text["text"], "logprobs": []},
            {"type": "response.content_part.done", **part, "part": text},
        ]
    else:
        empty, arguments = item | {"status": "in_progress", "arguments": ""}, item["arguments"]
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": empty},
            {"type": "response.function_call_arguments.delta", **at, "delta": arguments},
            {"type": "response.function_call_arguments.done", **at, "name": item["name"], "arguments": arguments},
        ]
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(events):
        yield f"event: {event['type']}\n" + _data(event | {"sequence_number": number})


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
