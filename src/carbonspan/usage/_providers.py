# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Who answers: every dialect's spelling of a provider turned into OpenTelemetry's, or inferred where it is missing.

The spellings, hosts and model prefixes are `data/usage/providers.json`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from carbonspan.core._tables import load

_TABLE = load("usage/providers.json")
_CANONICAL: dict[str, str] = {
    spelling: canonical for canonical, spellings in _TABLE["aliases"].items() for spelling in spellings
} | dict.fromkeys(_TABLE["not_providers"]["values"], "")
_SUFFIXES = frozenset(_TABLE["endpoint_suffixes"])
_HOSTS: tuple[tuple[str, str], ...] = tuple(_TABLE["hosts"]["suffixes"].items())
_MODELS: tuple[tuple[str, str], ...] = tuple((prefix, provider) for prefix, provider in _TABLE["models"]["prefixes"])


class OwnCounts(NamedTuple):
    """What the counts of the API of some providers include; the source is in the table."""

    providers: frozenset[str]
    models: str  # regular expression, lower case, that a model must match as well; "" for any
    input_includes_cache: bool
    output_includes_reasoning: bool


OWN_COUNTS: tuple[OwnCounts, ...] = tuple(
    OwnCounts(
        frozenset(rule["providers"]),
        rule.get("models", ""),
        rule["input_includes_cache"],
        rule["output_includes_reasoning"],
    )
    for rule in _TABLE["own_counts"]["rules"]
)
"""The first that fits holds; where none does, the details are parts of the counts."""

_TOTALS = _TABLE["total_includes_thoughts"]

TOTAL_INCLUDES_THOUGHTS: frozenset[str] = frozenset(_TOTALS["providers"])
"""Providers whose total count includes the thoughts even where the output count does not; source in the table."""

THOUGHTS_MODELS: str = _TOTALS["models"]
"""Regular expression of the models, in lower case, of whom that holds whoever is said to answer."""

TOTAL_INCLUDES_TOOLS: frozenset[str] = frozenset(_TOTALS["tools"]["providers"])
"""Those whose total count includes prompts of built-in tools as well, which neither side does."""

TOOLS_MODELS: str = _TOTALS["tools"]["models"]
"""Regular expression of the models, in lower case, of whom that holds whoever is said to answer."""

MAX_THOUGHTS: int = _TOTALS["thoughts_at_most"]
"""Tokens; what a total holds beyond that, with no reasoning reported, are prompts of tools."""

_THOUGHTS_MODELS, _TOOLS_MODELS = re.compile(THOUGHTS_MODELS), re.compile(TOOLS_MODELS)

_MAX_NAME = 64
"""Characters kept of a provider in no list: it becomes a metric label, and spans hold text of any length."""

_CACHE_SIZE = 1024
"""Results kept per function. An application uses a handful of providers and some tens of models."""


@lru_cache(maxsize=_CACHE_SIZE)
def canonical(raw: str) -> str:
    """Return the provider in OpenTelemetry's spelling.

    Args:
        raw: The provider as the span spells it, at most a few hundred characters (callers cut it).

    Returns:
        The conventions' name where the spelling is known; "" where the value is a framework or a placeholder; else
        the value itself in lower case.
    """
    name = raw.strip().lower()
    known = _CANONICAL.get(name)
    # "openai.chat", "google.vertex.chat": the Vercel AI SDK adds the endpoint to the provider.
    stem = name
    while known is None and "." in stem:
        stem, _, suffix = stem.rpartition(".")
        if suffix not in _SUFFIXES:
            break
        known = _CANONICAL.get(stem)
    return name[:_MAX_NAME].rstrip() if known is None else known


@lru_cache(maxsize=_CACHE_SIZE)
def own_counts(provider: str, model: str) -> tuple[bool, bool]:
    """Return whether the provider's own API counts the cache in the input, and the reasoning in the output.

    Args:
        provider: Who answers, in OpenTelemetry's spelling.
        model: A model id, in any spelling; may be empty.
    """
    name = model.strip().lower()
    for one in OWN_COUNTS:
        if provider in one.providers and (not one.models or re.search(one.models, name)):
            return one.input_includes_cache, one.output_includes_reasoning
    return True, True


@lru_cache(maxsize=_CACHE_SIZE)
def totals(provider: str, model: str) -> tuple[bool, bool]:
    """Return whether the total count includes thoughts, and prompts of tools, that are on neither side.

    Args:
        provider: Who answers, in OpenTelemetry's spelling.
        model: A model id, in any spelling; may be empty.
    """
    name = model.strip().lower()
    return (
        provider in TOTAL_INCLUDES_THOUGHTS or _THOUGHTS_MODELS.search(name) is not None,
        provider in TOTAL_INCLUDES_TOOLS or _TOOLS_MODELS.search(name) is not None,
    )


@lru_cache(maxsize=_CACHE_SIZE)
def inferred(host: str, model: str) -> str:
    """Return who answers, by the host and then by the model id; "" where neither shows it.

    The host comes first: `gpt-4o` behind `*.openai.azure.com` is Azure's. Model ids of open weights, which anyone may
    serve, show nothing.

    Args:
        host: A host name or the URL of an endpoint; may be empty.
        model: A model id, maybe with a provider in front (`openai/gpt-4o`); may be empty.
    """
    if host:
        name = host.lower().partition("://")[2] or host.lower()
        name = name.partition("/")[0].partition(":")[0]
        for suffix, provider in _HOSTS:
            if name.endswith(suffix) or (suffix[0] == "*" and suffix[1:] in name):
                return provider
    name = model.lower()
    for prefix, provider in _MODELS:
        if name.startswith(prefix):
            return provider
    return ""
