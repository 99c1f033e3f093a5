# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""OpenLIT's instrumentation of OpenAI's client."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.matrix.instrumentors import instrument_parts
from tests.matrix.stacks.chatting import SCHEMAS, converse


def run(url: str, parts: tuple[str, ...]) -> None:
    """Run the agent."""
    import openlit

    # Its prices come from the network, unless they are given.
    prices = Path(tempfile.mkdtemp()) / "prices.json"
    prices.write_text(json.dumps({"chat": {}, "embeddings": {}, "images": {}, "audio": {}}), encoding="utf-8")
    openlit.init(disable_metrics=True, disable_events=True, pricing_json=str(prices))
    instrument_parts(parts)
    from openai import OpenAI

    client: Any = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    converse(lambda said: client.chat.completions.create(model="gpt-4o", messages=said, tools=SCHEMAS))
