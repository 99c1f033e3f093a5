# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Anthropic's API: messages, whole and streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.matrix.api import script
from tests.matrix.api.truth import ANTHROPIC_CACHED, CACHE_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.matrix.api.truth import Call


def messages(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /v1/messages`. The input count leaves out what the cache took part in."""
    blocks = [block for message in request["messages"] for block in _blocks(message["content"])]
    said = script.turn(
        [str(tool["name"]) for tool in request.get("tools") or ()],
        sum(block["type"] == "tool_result" for block in blocks),
    )
    tool = {"type": "tool_use", "id": said.id, "name": said.tool, "input": script.ARGUMENTS}
    return {
        "id": call.response_id,
        "type": "message",
        "role": "assistant",
        "model": f"{request['model']}-20250929",
        "content": [tool if said.tool else {"type": "text", "text": said.text}],
        "stop_reason": "tool_use" if said.tool else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": call.input_tokens - ANTHROPIC_CACHED - CACHE_WRITE,
            "cache_read_input_tokens": ANTHROPIC_CACHED,
            "cache_creation_input_tokens": CACHE_WRITE,
            "cache_creation": {"ephemeral_5m_input_tokens": CACHE_WRITE, "ephemeral_1h_input_tokens": 0},
            "output_tokens": call.output_tokens,
            "service_tier": "standard",
        },
    }


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def events(_request: dict[str, Any], whole: dict[str, Any]) -> Iterable[str]:
    """Yield a whole message as the events of a streamed one: input counts come first, the output's last."""
    block = whole["content"][0]
    if block["type"] == "text":
        empty, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        empty, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    stop = {key: whole[key] for key in ("stop_reason", "stop_sequence")}
    begun = whole | {"content": [], "stop_reason": None, "usage": whole["usage"] | {"output_tokens": 1}}
    stream: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": whole["usage"]["output_tokens"]}},
        {"type": "message_stop"},
    ]
    for event in stream:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
