# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The grams of a model call by hand: from the tokens on its span and the figures of docs/explanation/methodology.md.

Nothing of carbonspan is used, so that a figure that moves can be told from one that ought to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Joules at the server per output token and per fresh input token: central values of the coefficient table.
J_PER_TOKEN = {
    "gpt-5": (2.9, 0.367),
    "gpt-5.5": (7.64, 1.16),
    "gpt-5-mini": (0.809, 0.197),
    "claude-sonnet-5": (2.84, 0.357),
    "claude-haiku-4-5": (0.402, 0.0882),
}
CACHED_SHARE = 0.10  # of a fresh token's
CONTEXT_TOKENS = 110_000
PUE = {"openai": 1.17, "anthropic": 1.13}
EMBODIED_G_PER_KWH = 40.0
J_PER_KWH = 3.6e6


def grams(span: Mapping[str, Any], intensity_g_per_kwh: float) -> float:
    """Return the gCO2e of one call: operational and embodied, central."""
    output_j, fresh_j = J_PER_TOKEN[span["gen_ai.request.model"]]
    total, output = span["gen_ai.usage.input_tokens"], span["gen_ai.usage.output_tokens"]
    cached = span.get("gen_ai.usage.cache_read.input_tokens", 0)
    server_j = (
        fresh_j * (total - cached) * (1 + total / CONTEXT_TOKENS) + CACHED_SHARE * fresh_j * cached + output_j * output
    )
    return float(server_j) / J_PER_KWH * (PUE[span["gen_ai.provider.name"]] * intensity_g_per_kwh + EMBODIED_G_PER_KWH)


def mean_grams(spans: Iterable[Mapping[str, Any]], intensity_g_per_kwh: float) -> float:
    """Return the mean gCO2e of the model calls among some spans."""
    calls = [span for span in spans if span.get("gen_ai.operation.name") == "chat"]
    return math.fsum(grams(span, intensity_g_per_kwh) for span in calls) / len(calls)
