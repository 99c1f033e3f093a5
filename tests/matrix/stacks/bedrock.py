# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""boto3's Bedrock client: converse and converse_stream, and an agent's loop of three calls."""

from __future__ import annotations

from typing import Any

import boto3

from tests.matrix.api.script import TOOLS
from tests.matrix.instrumentors import instrument

_MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


def run(url: str, parts: tuple[str, ...]) -> None:
    """Make five calls."""
    for whose in parts:
        instrument("bedrock", whose)
    client: Any = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106 - the server asks for none
    )
    said: list[Any] = [{"role": "user", "content": [{"text": "How warm is it in Oslo?"}]}]
    client.converse(modelId=_MODEL, messages=said)
    for _ in client.converse_stream(modelId=_MODEL, messages=said)["stream"]:
        pass
    schema = {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}
    tools = {"tools": [{"toolSpec": {"name": name, "description": name, "inputSchema": schema}} for name in TOOLS]}
    while True:
        reply = client.converse(modelId=_MODEL, messages=said, toolConfig=tools)
        said.append(reply["output"]["message"])
        used = [block["toolUse"] for block in said[-1]["content"] if "toolUse" in block]
        if not used:
            return
        results = [{"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "11"}]}} for use in used]
        said.append({"role": "user", "content": results})
