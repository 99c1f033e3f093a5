# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The three prices of a model: joules per output, fresh input and cached input token."""

from __future__ import annotations

from typing import NamedTuple

from carbonspan.core.values import Range, product

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
