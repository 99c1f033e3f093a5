# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the spans add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carbonspan.demo._scenario import ENTERPRISE
from tests.demo.running import model_calls

if TYPE_CHECKING:
    from carbonspan.demo import DemoResult


def test_a_run_sums_to_its_spans(result: DemoResult) -> None:
    for of_variant in result.runs:
        attributes = [
            dict(span.attributes or {})
            for span in model_calls(result)
            if span.context and span.context.trace_id == of_variant.trace_id
        ]
        amounts = of_variant.amounts
        for key, total in (
            ("gen_ai.usage.input_tokens", amounts.input_tokens),
            ("gen_ai.usage.output_tokens", amounts.output_tokens),
            ("carbon.energy.wh", amounts.energy_wh.central),
            ("carbon.energy.low_wh", amounts.energy_wh.low),
            ("carbon.energy.high_wh", amounts.energy_wh.high),
            ("carbon.emissions.grams", amounts.emissions_g.central),
            ("carbon.emissions.low_grams", amounts.emissions_g.low),
            ("carbon.emissions.high_grams", amounts.emissions_g.high),
            ("carbon.emissions.cache_savings_grams", amounts.cache_savings_g),
            ("carbon.water.ml", amounts.water_ml),
        ):
            assert total > 0
            assert total == pytest.approx(sum(float(str(of_span.get(key, 0))) for of_span in attributes))
        assert amounts.emissions_g.low < amounts.emissions_g.central < amounts.emissions_g.high


def test_a_run_that_was_not_made_is_an_error(result: DemoResult) -> None:
    with pytest.raises(KeyError):
        result.run_of("no such variant", ENTERPRISE.name)
