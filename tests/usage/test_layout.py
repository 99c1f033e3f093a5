# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A layout says where the reader finds what it looks for, and there is none where that depends on values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from carbonspan.core._outcome import Role
from carbonspan.usage import OUTPUT_OPTIONAL, consistent, layout_of, read

SPANS = [
    (json.loads(line)["scope"], json.loads(line)["attributes"])
    for file in sorted((Path(__file__).parent.parent / "data" / "spans").rglob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
    if '"attributes"' in line and '"scope"' in line
]
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "c1",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
}


def test_there_are_spans_with_and_without_a_layout() -> None:
    found = [layout_of(attributes, scope) is not None for scope, attributes in SPANS]
    assert found.count(True) > 100
    assert found.count(False) > 10


@pytest.mark.parametrize(("scope", "attributes"), SPANS)
def test_counts_read_by_the_layout_are_the_readers(scope: str, attributes: dict[str, Any]) -> None:
    layout, usage = layout_of(attributes, scope), read(attributes, scope)
    if layout is None or usage is None or usage.role is not Role.INFERENCE or usage.problem:
        return
    raw = tuple(attributes.get(name) for name in layout.names[:6])
    if raw[0] is None or raw[1] is None:
        return
    counts = consistent(raw, layout.source.reading(usage.provider, usage.model), usage.operation in OUTPUT_OPTIONAL)  # type: ignore[arg-type]
    assert counts == (*usage[6:11], "")
    assert usage.response_id == (attributes.get(layout.names[6]) or "")


@pytest.mark.parametrize(
    "more",
    [
        {"langfuse.observation.usage_details": "{}"},
        {"gen_ai.response.id": 1, "openai.response.id": "x"},
    ],
    ids=str,
)
def test_names_alone_decide(more: dict[str, Any]) -> None:
    assert (layout_of(CHAT | more, "s") is None) == (layout_of({**CHAT, **dict.fromkeys(more, "other")}, "s") is None)


def test_without_counts_there_is_no_layout() -> None:
    assert layout_of({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}, "s") is None
