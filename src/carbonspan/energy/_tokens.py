# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The default energy model: joules from fresh input, cached input and output tokens.

E = e_in x fresh x (1 + n_in / 110,000) + e_cached x cached + e_out x output, at the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from carbonspan.core.values import ZERO, Energy, Range
from carbonspan.energy._registry import EMBEDDING, Registry, default_registry

if TYPE_CHECKING:
    from carbonspan.core.values import Joules, Usage
    from carbonspan.energy._registry import Entry

# Attention costs as much as the weights at about 110,000 tokens of context (a 70B model with grouped queries); it gives
# the 1.8-fold rise per token from 10,000 to 100,000 that Epoch AI finds. How much energy does ChatGPT use?, 2025,
# https://epoch.ai/gradient-updates/how-much-energy-does-chatgpt-use (facility; only the ratio is used).
CONTEXT_TOKENS = 110_000.0
_ENCODING: Final = frozenset({"embeddings", "rerank"})
# No span has that many; beyond it a whole number need not fit a float.
_MAX_TOKENS = 10**15


class Charge(NamedTuple):
    """What each token of a model costs: spans of one model in one use share it, and each adds its own counts."""

    j_per_token: tuple[float, ...]  # output, fresh input, cached input: low, central and high of each, server level
    encodes: bool
    texts: Energy  # the entry, its evidence and the method; its joules are nothing

    def joules(self, tokens_in: int, tokens_out: int, read: int | None, written: int | None) -> Joules:
        """Return the energy of one inference at the server.

        Cached input the span does not report (None) is charged as fresh at the central and high value. All of it may
        have been read from a cache, so at the low bound a token costs the lesser of a fresh one's low and a cached
        one's central value. Not so for encoders, which have no such cache, nor for tokens written to the cache.
        """
        tokens_cached = read or 0
        if not (0 <= tokens_cached <= tokens_in <= _MAX_TOKENS and 0 <= tokens_out <= _MAX_TOKENS):
            tokens_in, tokens_out = _clamped(tokens_in, _MAX_TOKENS), _clamped(tokens_out, _MAX_TOKENS)
            tokens_cached = _clamped(tokens_cached, tokens_in)
        out_low, out, out_high, fresh_low, fresh, fresh_high, cached_low, cached, cached_high = self.j_per_token
        context = 1.0 if self.encodes else 1.0 + tokens_in / CONTEXT_TOKENS
        weighted = (tokens_in - tokens_cached) * context
        low_in = fresh_low * weighted
        if read is None and not self.encodes:
            kept = _clamped(written or 0, tokens_in)
            low_in = fresh_low * context * kept + min(fresh_low * context, cached) * (tokens_in - kept)
        return (
            low_in + cached_low * tokens_cached + out_low * tokens_out,
            fresh * weighted + cached * tokens_cached + out * tokens_out,
            fresh_high * weighted + cached_high * tokens_cached + out_high * tokens_out,
            max(0.0, fresh * context - cached) * tokens_cached if tokens_cached else 0.0,
        )


class TokenModel:
    """Charges every token its model's coefficient; reasoning tokens are output tokens like any other.

    The low bound is the sum of the low components and the high bound that of the high ones: size and serving regime are
    shared, so they move together. Cache writes cost what fresh input costs: the computation is the same.
    """

    name = "carbonspan-tokens"
    version = "1.0"

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or default_registry()
        self._method = f"{self.name}/{self.version}"

    def entry(self, usage: Usage) -> Entry:
        """Return the entry that prices this usage: the response's model, or the request's where only that is known."""
        embedding = usage.operation in _ENCODING
        entry = self.registry.resolve(usage.model, embedding=embedding)
        if not entry.known and usage.request_model and usage.request_model != usage.model:
            requested = self.registry.resolve(usage.request_model, embedding=embedding)
            if requested.known:
                return requested
        return entry

    def charge(self, usage: Usage) -> Charge:
        """Return what tokens cost in a usage like this one, whatever its counts."""
        entry = self.entry(usage)
        output, fresh, cached = entry.coefficients
        # The texts of an embedding request do not attend to one another: its total is no context length.
        encodes = entry.tier == EMBEDDING or usage.operation in _ENCODING
        texts = Energy(ZERO, 0.0, entry.id, entry.known, entry.tier, entry.evidence, self._method)
        return Charge((*output, *fresh, *cached), encodes, texts)

    def estimate(self, usage: Usage) -> Energy:
        """Return the energy of one inference in joules at the server."""
        charge = self.charge(usage)
        low_j, central_j, high_j, avoided_j = charge.joules(
            usage.input_tokens or 0, usage.output_tokens or 0, usage.cached_input_tokens, usage.cache_write_tokens
        )
        return charge.texts._replace(it_j=Range(low_j, central_j, high_j), avoided_it_j=avoided_j)


def _clamped(count: int, most: int) -> int:
    return min(max(count, 0), most)
