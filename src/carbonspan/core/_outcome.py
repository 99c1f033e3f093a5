# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The one vocabulary of what a span stands for in the count, and of what became of it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Role(str, Enum):
    """What a span stands for in the count. Only `INFERENCE` is counted."""

    INFERENCE = "inference"
    CONTAINER = "container"
    DUPLICATE = "duplicate"
    CACHED = "cached"


class Outcome:
    """What became of an LLM span: each has exactly one. Texts, not an Enum: they are counted on every span."""

    ENRICHED: Final = "enriched"
    UNKNOWN_MODEL: Final = "unknown_model"  # enriched, with a class default in place of the model
    PARTIAL_USAGE: Final = "partial_usage"  # enriched, from one side of the counts or their total only
    NO_USAGE: Final = "no_usage"  # an LLM call that does not say what it consumed
    INVALID_USAGE: Final = "invalid_usage"  # ... or says something impossible
    CONTAINER: Final = "container"  # repeats or will repeat what its children say: not counted
    CACHED: Final = "cached"  # answered from a response cache: no inference took place
    CONTAINER_USAGE: Final = "container_usage"  # a container that is counted: nothing below it said what it consumed
    DUPLICATE: Final = "duplicate"  # another span of the same call is counted
    NO_INTENSITY: Final = "no_intensity"  # `basis_strict`, and no figure of that basis
    ALREADY: Final = "already_enriched"
    ERROR: Final = "error"


ATTRIBUTE_LIMIT: Final = "attribute_limit"
"""Counted beside the outcome of a span that lacked room for some attributes."""

EVICTED: Final = "evicted"
"""Counted for each call or span that was forgotten for want of room, before its time."""

ENCODING: Final = frozenset({"embeddings", "rerank"})
"""Operations that encode their input and generate nothing."""
