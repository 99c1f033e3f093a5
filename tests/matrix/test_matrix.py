# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""One assertion for every stack: each call that was answered is counted on one span, with the tokens it was charged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.matrix import recordings
from tests.matrix.api.server import Server
from tests.matrix.matrix import CASES, EACH, SUM

if TYPE_CHECKING:
    from tests.matrix.matrix import Case

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 240
GRAMS = "carbon.emissions.grams"
COUNTED = ("enriched", "unknown_model", "container_usage")
# The environment this runs in, as run.sh names it.
HERE = os.environ.get("CARBONSPAN_TEST_ENVIRONMENT", "")

# Telemetry of their own, switched off; keys that nothing checks; figures that would be fetched.
QUIET = {
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TESTING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "GRPC_ENABLE_FORK_SUPPORT": "false",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "GOOGLE_API_KEY": "none",
    "OPENAI_API_KEY": "none",
    "PYDANTIC_DISABLE_PLUGINS": "true",
    "TRACELOOP_TELEMETRY": "false",
}


def child(case: Case, url: str, report: Path) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "CARBONSPAN_"))}
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository
        [sys.executable, "-m", "tests.matrix.child", case.stack, "+".join(case.parts), url, str(report)],
        cwd=ROOT,
        env=kept | QUIET | {"HOME": str(report.parent), "XDG_DATA_HOME": str(report.parent)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found | {"said": done.stderr}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.environment == HERE], ids=lambda c: f"{c.stack}-{c.name}"
)
def test_every_call_is_counted_once(case: Case, tmp_path: Path) -> None:
    with Server(alike=case.alike) as server:
        found = child(case, server.url, tmp_path / "report.json")
        calls = server.calls
    assert not server.refused
    assert not found["outside"]
    assert len(calls) == case.calls
    recordings.keep(case, found, calls)

    counted = [span["attributes"] for span in found["spans"] if GRAMS in span["attributes"]]
    got = sorted((a["carbon.usage.input_tokens"], a["carbon.usage.output_tokens"]) for a in counted)
    truth = sorted((call.input_tokens, call.output_tokens) for call in calls)
    if case.tells == EACH:
        assert got == truth
    elif case.tells == SUM:
        assert got == [tuple(map(sum, zip(*truth, strict=True)))]
    else:
        assert len(got) < len(truth), "the instrumentation has learnt to tell every call"
        assert not Counter(got) - Counter(truth)
    outcomes = found["outcomes"]
    assert sum(outcomes.get(outcome, 0) for outcome in COUNTED) == len(got)
    assert "error" not in outcomes
