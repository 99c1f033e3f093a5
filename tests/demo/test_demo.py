# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The demo as a whole, on the real SDKs and their real instrumentations."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from carbonspan import demo
from carbonspan.demo._scenario import ENTERPRISE, FREE, FRONTIER, RIGHT_SIZED
from tests.demo.running import WIDTH, demo_run, model_calls

if TYPE_CHECKING:
    from carbonspan.demo import DemoResult


def test_there_is_one_run_per_variant_and_cohort_with_twelve_model_calls_and_thirty_tools(result: DemoResult) -> None:
    assert [(run.variant, run.cohort) for run in result.runs] == [
        (FRONTIER.name, FREE.name),
        (FRONTIER.name, ENTERPRISE.name),
        (RIGHT_SIZED.name, FREE.name),
        (RIGHT_SIZED.name, ENTERPRISE.name),
    ]
    assert [(run.amounts.model_calls, run.tool_calls) for run in result.runs] == [(12, 30)] * 4
    assert len({run.trace_id for run in result.runs}) == 4


def test_every_model_call_carries_carbon_and_nothing_else_does(result: DemoResult) -> None:
    with_carbon = [span for span in result.spans if "carbon.emissions.grams" in (span.attributes or {})]
    assert with_carbon == model_calls(result)
    assert all(run.amounts.estimated_calls == 12 for run in result.runs)


@pytest.mark.parametrize("cohort", [FREE.name, ENTERPRISE.name])
def test_right_sized_emits_less_for_the_same_work(result: DemoResult, cohort: str) -> None:
    frontier, right_sized = (result.run_of(variant.name, cohort).amounts for variant in (FRONTIER, RIGHT_SIZED))
    assert right_sized.emissions_g.central < 0.8 * frontier.emissions_g.central
    assert right_sized.input_tokens == frontier.input_tokens
    assert right_sized.output_tokens == frontier.output_tokens


def test_it_takes_less_than_twenty_seconds(result: DemoResult) -> None:
    assert result.seconds < 20


def test_a_log_gets_plain_text_within_its_width(result: DemoResult) -> None:
    text = demo_run()[1]
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    for needle in (
        "... right-sized, enterprise",
        "invoke_agent customer-research",
        "chat claude-haiku-4-5",
        "11 execute_tool: 2 crm_search, 2 ticket_search, 2 web_search, 5 fetch_page",
        "low–high",
        "docs/explanation/methodology.md",
        "48 model calls, 120 tool calls, 196 spans",
    ):
        assert needle in text
    assert f"{result.run_of(RIGHT_SIZED.name, ENTERPRISE.name).amounts.input_tokens:,}" in text


def test_a_recording_holds_the_result_and_no_progress() -> None:
    console = Console(file=StringIO(), width=100, force_terminal=True, record=True)
    demo.run(console)
    text = console.export_text(clear=False)
    assert "/168" not in text
    assert "..." not in text
    assert "gpt-5-mini" in console.export_svg(title="carbonspan demo")
