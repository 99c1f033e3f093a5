# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps what a stack emitted in tests/data/spans/stacks, for tests that replay it without the packages."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.matrix.api.truth import Call
    from tests.matrix.matrix import Case

FOLDER = Path(__file__).resolve().parents[1] / "data" / "spans" / "stacks"

# Contents of messages, and what says more of the machine than of the call.
_LEFT_OUT = re.compile(
    r"carbon\.|code\.|logfire\.(msg|json_schema|scrubbed)|.*(message|prompt\.|prompts|content|instruction|definition"
    r"|argument|\.value$|schema|tools|request_data|response_data|invocation_parameters|llm_request|llm_response"
    r"|functions|backstory|goal|\.result|description|entity\.(in|out)put|observation\.(in|out)put|exception|all_messages"
    r"|choices|completion\.|raw_in|raw_out|crew_|task_|metadata\.(?!usage)|thread)"
)
_KEPT = re.compile(r".*(usage|token|finish_reason|response\.id|operation|session\.id|feature_flag).*")
_LONGEST = 300


def keep(case: Case, found: dict[str, Any], calls: tuple[Call, ...]) -> None:
    """Replace the lines of one case, if `RECORD` is set: `RECORD=1 make instrumentations`."""
    if not os.environ.get("RECORD"):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{case.stack}.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    others = [line for line in lines if json.loads(line)["case"] != case.name]
    truth = [[call.input_tokens, call.output_tokens] for call in calls]
    head = {"case": case.name, "truth": truth, "tells": case.tells, "packages": _packages(found["packages"])}
    spans = [{"case": case.name, **span} for span in _numbered(found["spans"])]
    mine = [json.dumps(line, ensure_ascii=False, default=str) for line in (head, *spans)]
    file.write_text("\n".join([*others, *mine]) + "\n", encoding="utf-8")


def _packages(installed: list[str]) -> list[str]:
    told = ("openinference", "opentelemetry-", "openai", "anthropic", "google-genai", "boto3", "google-adk", "litellm")
    more = (
        "pydantic-ai",
        "langchain",
        "langgraph",
        "strands",
        "logfire",
        "langfuse",
        "openlit",
        "crewai",
        "agent-framework",
    )
    return [name for name in installed if name.startswith((*told, *more)) and "exporter" not in name]


def _numbered(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return spans in the order of their ends, traces and spans named by the order of their beginning."""
    by_start = sorted(spans, key=lambda span: span["started"])
    ids = {span["span_id"]: f"{number:016x}" for number, span in enumerate(by_start, 1)}
    traces: dict[str, str] = {}
    begun_ns = min((span["start_ns"] for span in spans), default=0)
    for span in by_start:
        traces.setdefault(span["trace_id"], f"{len(traces) + 1:032x}")
    return [
        span
        | {
            "trace_id": traces[span["trace_id"]],
            "span_id": ids[span["span_id"]],
            "parent_id": ids.get(span["parent_id"]),
            "start_ns": span["start_ns"] - begun_ns,
            "end_ns": span["end_ns"] - begun_ns,
            "attributes": {name: value for name, value in span["attributes"].items() if _tells(name, value)},
        }
        for span in sorted(spans, key=lambda span: span["ended"])
    ]


def _tells(name: str, value: object) -> bool:
    if name.startswith("carbon.") or len(str(value)) > _LONGEST:
        return False
    return bool(_KEPT.fullmatch(name)) or not _LEFT_OUT.match(name)
