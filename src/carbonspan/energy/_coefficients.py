# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Joules per token of a model, and of a model in one use of it: what multiplies token counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core.values import Energy, Range, product

if TYPE_CHECKING:
    from carbonspan.core.values import Joules

# Attention costs as much as the weights at about 110,000 tokens of context (a 70B model with grouped queries); it gives
# the 1.8-fold rise per token from 10,000 to 100,000 that Epoch AI finds. How much energy does ChatGPT use?, 2025,
# https://epoch.ai/gradient-updates/how-much-energy-does-chatgpt-use (facility; only the ratio is used).
CONTEXT_TOKENS = 110_000.0
# No span has that many; beyond it a whole number need not fit a float.
_MAX_TOKENS = 10**15


# A cache read avoids the prefill arithmetic; reading the keys and values while decoding remains. No published source
# measures it. From the traffic of a 70B model with grouped queries: 11-18 % of its prefill over 300-500 output tokens,
# about a fifth of that with latent attention (derived; 2 x 80 layers x 8 heads x 128 x 2 bytes a token at 0.21 nJ per
# byte, an H100's 700 W over 3.35 TB/s, https://www.nvidia.com/en-us/data-center/h100/, 2023).
CACHED_SHARE = Range(0.02, 0.10, 0.30)


class Coefficients(NamedTuple):
    """Server-level joules per token, before PUE."""

    j_per_output_token: Range
    j_per_input_token: Range
    j_per_cached_token: Range

    @classmethod
    def generator(cls, j_per_output_token: Range, j_per_input_token: Range) -> Coefficients:
        """Return the coefficients of a model that generates: a cache read costs 0.10 (0.02-0.30) of a fresh one."""
        return cls(j_per_output_token, j_per_input_token, product(j_per_input_token, CACHED_SHARE))

    @classmethod
    def encoder(cls, j_per_input_token: Range) -> Coefficients:
        """Return the coefficients of an embedder or reranker: no output, and no cache to read from."""
        return cls(Range.exactly(0.0), j_per_input_token, j_per_input_token)


class UseCoefficients(NamedTuple):
    """What each token of a model takes in one use of it: spans of one model and operation share it."""

    j_per_token: tuple[float, ...]  # output, fresh input, cached input: low, central and high of each, server level
    encodes: bool
    texts: Energy  # the entry, its evidence and the method; its joules are nothing

    @property
    def flat(self) -> tuple[float, ...]:
        """The joules per token, and by how much of itself each token of context adds to those of fresh input."""
        return (*self.j_per_token, 0.0 if self.encodes else 1.0 / CONTEXT_TOKENS)

    def joules(self, tokens_in: int, tokens_out: int, read: int | None, written: int | None) -> Joules:
        """Return the energy of one inference at the server.

        Cached input the span does not report (None) counts as fresh at the central and high value. All of it may
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


def _clamped(count: int, most: int) -> int:
    return min(max(count, 0), most)
