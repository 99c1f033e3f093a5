# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The default energy model: joules from fresh input, cached input and output tokens.

E = e_in x fresh x (1 + n_in / 110,000) + e_cached x cached + e_out x output, at the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.core._outcome import ENCODING
from carbonspan.core.values import ZERO, Energy, Range
from carbonspan.energy._coefficients import UseCoefficients
from carbonspan.energy._registry import EMBEDDING, Registry, default_registry

if TYPE_CHECKING:
    from carbonspan.core.values import Usage
    from carbonspan.energy._registry import Entry


class TokenModel:
    """Multiplies every token with its model's coefficient; reasoning tokens are output tokens like any other.

    The low bound is the sum of the low components and the high bound that of the high ones: size and serving regime are
    shared, so they move together. Cache writes cost what fresh input costs: the computation is the same.
    """

    name = "carbonspan-tokens"
    version = "1.0"

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or default_registry()
        self._method = f"{self.name}/{self.version}"

    def entry(self, usage: Usage) -> Entry:
        """Return the entry for this usage: the response's model, or the request's where only that is known."""
        embedding = usage.operation in ENCODING
        entry = self.registry.resolve(usage.model, embedding=embedding)
        if not entry.known and usage.request_model and usage.request_model != usage.model:
            requested = self.registry.resolve(usage.request_model, embedding=embedding)
            if requested.known:
                return requested
        return entry

    def coefficients(self, usage: Usage) -> UseCoefficients:
        """Return what each token takes in a usage like this one, whatever its counts."""
        entry = self.entry(usage)
        output, fresh, cached = entry.coefficients
        # The texts of an embedding request do not attend to one another: its total is no context length.
        encodes = entry.tier == EMBEDDING or usage.operation in ENCODING
        texts = Energy(ZERO, 0.0, entry.id, entry.known, entry.tier, entry.evidence, self._method)
        return UseCoefficients((*output, *fresh, *cached), encodes, texts)

    def estimate(self, usage: Usage) -> Energy:
        """Return the energy of one inference in joules at the server."""
        coefficients = self.coefficients(usage)
        low_j, central_j, high_j, saved_j = coefficients.joules(
            usage.input_tokens or 0, usage.output_tokens or 0, usage.cached_input_tokens, usage.cache_write_tokens
        )
        return coefficients.texts._replace(it_j=Range(low_j, central_j, high_j), cache_savings_it_j=saved_j)
