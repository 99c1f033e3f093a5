# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The agent: the calls it makes, and what its spans say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.demo._scenario import ENTERPRISE, FREE, FRONTIER
from tests.demo.running import model_calls

if TYPE_CHECKING:
    from carbonspan.demo import DemoResult


def test_one_call_a_run_is_streamed_and_still_has_its_usage(result: DemoResult) -> None:
    streamed = [
        span.attributes or {} for span in model_calls(result) if (span.attributes or {}).get("gen_ai.request.stream")
    ]
    assert len(streamed) == 4
    assert all(int(str(attributes["gen_ai.usage.output_tokens"])) > 0 for attributes in streamed)


def test_enterprise_asks_for_more_and_the_context_grows(result: DemoResult) -> None:
    free, enterprise = (result.run_of(FRONTIER.name, cohort.name) for cohort in (FREE, ENTERPRISE))
    assert enterprise.amounts.input_tokens > 1.5 * free.amounts.input_tokens
    for phase in (enterprise.phases[1], enterprise.phases[2]):
        tokens = [call.amounts.input_tokens for call in phase.calls]
        assert tokens == sorted(tokens)
        assert len(set(tokens)) == len(tokens)
    assert enterprise.phases[-1].amounts.input_tokens > 10 * enterprise.phases[0].amounts.input_tokens


def test_no_run_finds_its_prompts_cached_by_another(result: DemoResult) -> None:
    first_calls = [(run.phases[0].calls[0], run.phases[2].calls[0]) for run in result.runs]
    assert all(call.amounts.cached_tokens == 0 for pair in first_calls for call in pair)
    assert all(run.amounts.cached_tokens > 0.2 * run.amounts.input_tokens for run in result.runs)


def test_only_reasoning_models_are_billed_for_reasoning(result: DemoResult) -> None:
    for call in (call for run in result.runs for phase in run.phases for call in phase.calls):
        assert call.amounts.reasoning_tokens < call.amounts.output_tokens
        if call.model.startswith("claude"):
            assert call.amounts.reasoning_tokens == 0
    assert all(run.phases[0].amounts.reasoning_tokens > 0 for run in result.runs)


def test_the_root_says_feature_cohort_and_flag_as_the_conventions_do(result: DemoResult) -> None:
    roots = [span for span in result.spans if span.parent is None]
    assert len(roots) == 4
    for root, of_variant in zip(sorted(roots, key=lambda span: span.start_time or 0), result.runs, strict=True):
        attributes = dict(root.attributes or {})
        assert root.name == "invoke_agent customer-research"
        assert attributes["gen_ai.operation.name"] == "invoke_agent"
        assert attributes["gen_ai.agent.name"] == "customer-research"
        assert attributes["app.feature"] == "account-brief"
        assert attributes["user.cohort"] == of_variant.cohort
        assert attributes["feature_flag.result.variant"] == of_variant.variant
        (event,) = root.events
        assert event.name == "feature_flag.evaluation"
        assert (event.attributes or {})["feature_flag.key"] == attributes["feature_flag.key"]
        assert (event.attributes or {})["feature_flag.result.variant"] == of_variant.variant
