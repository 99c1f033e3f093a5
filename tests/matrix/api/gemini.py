# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Google's Gemini API: generateContent, whole and streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.matrix.api import script
from tests.matrix.api.truth import CACHED, REASONING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.matrix.api.truth import Call


def generate_content(request: dict[str, Any], call: Call) -> dict[str, Any]:
    """Answer `POST /v1beta/models/{model}:generateContent`. The candidates' count leaves out the thoughts."""
    tools = [function for tool in request.get("tools") or () for function in tool.get("functionDeclarations") or ()]
    parts = [part for content in request["contents"] for part in content["parts"]]
    said = script.turn([str(tool["name"]) for tool in tools], sum("functionResponse" in part for part in parts))
    call_part = {"functionCall": {"name": said.tool, "args": script.ARGUMENTS}}
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": [call_part if said.tool else {"text": said.text}]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": call.input_tokens,
            "cachedContentTokenCount": CACHED,
            "candidatesTokenCount": call.output_tokens - REASONING,
            "thoughtsTokenCount": REASONING,
            "totalTokenCount": call.input_tokens + call.output_tokens,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": call.response_id,
    }


def events(_request: dict[str, Any], whole: dict[str, Any]) -> Iterable[str]:
    """Yield a whole answer as the events of a streamed one. Each repeats what was used so far; the last is right."""
    first = whole["usageMetadata"] | {"candidatesTokenCount": 1, "totalTokenCount": 0}
    yield _data(whole | {"usageMetadata": first, "candidates": [whole["candidates"][0] | {"finishReason": None}]})
    end = {"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}
    yield _data(whole | {"candidates": [end]})


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\r\n\r\n"
