# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an inference took that reports one side, or only the total, of its tokens: never nothing, and with wide bounds.

Central: the other side is what is usual. Lower bound: there was no more than is reported. Upper bound: as much of the
other side as nineteen of twenty calls have, in quadrature with the energy model's own bound.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING

from carbonspan.core.values import NO_LOGARITHM, Range
from carbonspan.estimate._plan import NO_INPUT, NO_OUTPUT

if TYPE_CHECKING:
    from carbonspan.core.values import Energy, Usage
    from carbonspan.energy.model import EnergyModel
    from carbonspan.estimate._plan import Figures

EVIDENCE = "F"
"""The grade of evidence of such an estimate, whatever the model's."""

# Sums of output over sums of input: 0.014 and 0.18 (Azure, code and conversation: Azure LLM inference trace 2023,
# 28,185 calls, CC-BY, https://github.com/Azure/AzurePublicDataset); 0.028 (Kimi: Mooncake's conversation trace, 12,031
# calls, 2025, https://github.com/kvcache-ai/Mooncake); 0.08, 0.09 and 0.12 (Qwen, large to small: ServeGen, 2025,
# https://github.com/alibaba/ServeGen). Their geometric mean is 0.06; the median call of the first three traces has
# 0.05. Reasoning has more: 1.0 (DeepSeek R1, ServeGen), which the upper bound allows for.
OUTPUT_PER_INPUT = 0.06

# Of the first three traces, as many calls of each, nineteen of twenty have at most 700 tokens of output, or 0.6 of the
# input, and at most 40,000 of input, or 490 times the output; DeepSeek R1's mean output is 1,200. Output hardly depends
# on input: the wider of each two holds, up to the context window that most models in use have (Claude's: Anthropic,
# Context windows, 2025, https://docs.anthropic.com/en/docs/build-with-claude/context-windows).
MOST_OUTPUT_PER_INPUT = 0.6
MOST_OUTPUT_TOKENS = 2_000
MOST_INPUT_PER_OUTPUT = 500
MOST_INPUT_TOKENS = 40_000
CONTEXT_WINDOW = 200_000


def energy(usage: Usage, model: EnergyModel) -> Energy:
    """Return the energy of one inference with a partial usage, joules at the server.

    Args:
        usage: Of which one side or the total is known.
        model: Works out each of three whole usages: the least, the usual and the most.
    """
    least, usual, most = (model.estimate(one) for one in completed(usage))
    central_j = usual.it_j.central
    low_j = min(least.it_j.low, usual.it_j.low)
    if central_j > NO_LOGARITHM and most.it_j.central > central_j:
        widths = log(usual.it_j.high / central_j) ** 2 + log(most.it_j.central / central_j) ** 2
        high_j = central_j * exp(sqrt(widths))
    else:
        high_j = max(usual.it_j.high, most.it_j.high)
    return usual._replace(it_j=Range(low_j, central_j, high_j), evidence=EVIDENCE)


def completed(usage: Usage) -> tuple[Usage, Usage, Usage]:
    """Return the least, the usual and the most that a partial usage may have been, each with both sides.

    Details of a side that is not reported are part of it: it is no less than they are.
    """
    tokens_in, tokens_out, total = usage.input_tokens, usage.output_tokens, usage.total_tokens
    cache, reasoning = (usage.cached_input_tokens or 0) + (usage.cache_write_tokens or 0), usage.reasoning_tokens or 0
    sides: tuple[tuple[int, int], ...]
    if tokens_in is not None:
        usual, most = OUTPUT_PER_INPUT * tokens_in, max(MOST_OUTPUT_PER_INPUT * tokens_in, MOST_OUTPUT_TOKENS)
        sides = tuple((tokens_in, reasoning + int(one + 0.5)) for one in (0, usual, most))
    elif tokens_out is not None:
        usual = tokens_out / OUTPUT_PER_INPUT
        most = max(min(MOST_INPUT_PER_OUTPUT * tokens_out, CONTEXT_WINDOW), MOST_INPUT_TOKENS)
        sides = tuple((max(cache, int(one + 0.5)), tokens_out) for one in (0, usual, most))
    else:
        total = max(total or 0, cache + reasoning)
        usual = total * OUTPUT_PER_INPUT / (1 + OUTPUT_PER_INPUT)
        most = max(total * MOST_OUTPUT_PER_INPUT / (1 + MOST_OUTPUT_PER_INPUT), MOST_OUTPUT_TOKENS)
        outputs = (min(reasoning + int(one + 0.5), total - cache) for one in (0, usual, most))
        sides = tuple((total - output, output) for output in outputs)
    least, middle, high = (
        usage._replace(input_tokens=of_input, output_tokens=of_output, total_tokens=None, problem="")
        for of_input, of_output in sides
    )
    return least, middle, high


def as_reported(figures: Figures, usage: Usage) -> Figures:
    """Return figures with the counts of a partial usage, and no others: what was estimated is not reported."""
    missing_in = NO_INPUT if usage.input_tokens is None else 0
    missing_out = NO_OUTPUT if usage.output_tokens is None else 0
    return figures._replace(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        unknown=figures.unknown + missing_in + missing_out,
    )
