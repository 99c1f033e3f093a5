# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Amazon Bedrock's Converse API, whole and as an event stream."""

from __future__ import annotations

import binascii
import json
import struct
from typing import TYPE_CHECKING, Any

from tests.matrix.api import script
from tests.matrix.api.truth import ANTHROPIC_CACHED, CACHE_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.matrix.api.truth import Call


def converse(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /model/{model}/converse`. The input count leaves out the cache; there is no response id."""
    tools = (request.get("toolConfig") or {}).get("tools") or ()
    blocks = [block for message in request["messages"] for block in message["content"]]
    said = script.turn(
        [str(tool["toolSpec"]["name"]) for tool in tools if "toolSpec" in tool],
        sum("toolResult" in block for block in blocks),
    )
    tool = {"toolUse": {"toolUseId": said.id, "name": said.tool, "input": script.ARGUMENTS}}
    fresh = call.input_tokens - ANTHROPIC_CACHED - CACHE_WRITE
    return {
        "output": {"message": {"role": "assistant", "content": [tool if said.tool else {"text": said.text}]}},
        "stopReason": "tool_use" if said.tool else "end_turn",
        "usage": {
            "inputTokens": fresh,
            "outputTokens": call.output_tokens,
            "totalTokens": call.input_tokens + call.output_tokens,
            "cacheReadInputTokens": ANTHROPIC_CACHED,
            "cacheWriteInputTokens": CACHE_WRITE,
        },
        "metrics": {"latencyMs": 100},
    }


def events(whole: dict[str, Any]) -> Iterable[bytes]:
    """Yield a whole text answer as the frames of a streamed one."""
    text = whole["output"]["message"]["content"][0]["text"]
    yield _frame("messageStart", {"role": "assistant"})
    yield _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
    yield _frame("contentBlockStop", {"contentBlockIndex": 0})
    yield _frame("messageStop", {"stopReason": whole["stopReason"]})
    yield _frame("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})


def _frame(kind: str, payload: dict[str, Any]) -> bytes:
    """Return one frame of `application/vnd.amazon.eventstream`.

    Source: Amazon Transcribe, "Event stream encoding",
    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
    """
    body = json.dumps(payload).encode()
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(_header(name, value) for name, value in named.items())
    # Prelude (12 bytes with its checksum), headers, body, checksum of all.
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    start = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + body
    return start + struct.pack("!I", binascii.crc32(start))


def _header(name: str, value: str) -> bytes:
    text = 7  # the type of a header's value
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", text, len(value)) + value.encode()
