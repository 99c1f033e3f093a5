# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A second energy model: EcoLogits, through its installed package.

EcoLogits counts only output tokens, and knows neither hour nor cache nor input; its range is that of the sizes it
assumes. Method: Rincé and Banse, EcoLogits, Journal of Open Source Software, 2025,
https://doi.org/10.21105/joss.07471 (facility level; its PUE is divided out here, so that the result is at the server
like every other).
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from carbonspan.core.values import J_PER_KWH, Energy, Range
from carbonspan.energy._names import MAX_NAME, normalise
from carbonspan.energy._tokens import TokenModel

if TYPE_CHECKING:
    from carbonspan.core.values import Usage

# OpenTelemetry's provider names to EcoLogits' own; others are searched in the order of its table.
_PROVIDERS: Final = {
    "anthropic": "anthropic",
    "azure.ai.openai": "openai",
    "cohere": "cohere",
    "gcp.gemini": "google_genai",
    "gcp.gen_ai": "google_genai",
    "gcp.vertex_ai": "google_genai",
    "mistral_ai": "mistralai",
    "openai": "openai",
}
_CACHE_SIZE = 4096
"""Names, and energies by name and token count, kept: EcoLogits takes up to a millisecond for one energy."""

_MAX_TOKENS = 10**15


class EcoLogitsModel:
    """EcoLogits, or the token model where EcoLogits does not know the model or nothing was generated.

    A result of the token model says so: its `method` is the token model's, and `model_known` is False. Latency is never
    passed on: a span's includes network and queue, and EcoLogits estimates its own.

    Raises:
        ImportError: The package is not installed; the message names the extra.
    """

    name = "ecologits"

    def __init__(self, fallback: TokenModel | None = None) -> None:
        try:
            package = import_module("ecologits")
            self._utils: Any = import_module("ecologits.tracers.utils")
            self._models: Any = import_module("ecologits.model_repository").models
        except ImportError as error:
            raise ImportError(
                "The EcoLogits energy model needs the package ecologits: pip install 'carbonspan[ecologits]'"
            ) from error
        self.version = str(package.__version__)
        self._fallback = fallback or TokenModel()
        self._find = lru_cache(maxsize=_CACHE_SIZE)(self._search)
        self._energy = lru_cache(maxsize=_CACHE_SIZE)(self._compute)

    def estimate(self, usage: Usage) -> Energy:
        """Return the energy of one inference in joules at the server, before PUE."""
        tokens = min(max(usage.output_tokens or 0, 0), _MAX_TOKENS)
        provider = usage.provider[:MAX_NAME]
        found = self._find(provider, usage.model[:MAX_NAME]) or self._find(provider, usage.request_model[:MAX_NAME])
        if found is None or not tokens:
            return self._fallback.estimate(usage)._replace(model_known=False)
        return self._energy(*found, tokens)

    def _search(self, provider: str, model: str) -> tuple[str, str] | None:
        """Return EcoLogits' own provider and name for a model, None where it does not know it."""
        configured = list(self._utils.PROVIDER_CONFIG_MAP)
        configured.sort(key=lambda name: name != _PROVIDERS.get(provider))  # stable: the span's own provider first
        for name in (model, model.rpartition("/")[2], normalise(model)):
            for own in configured:
                if name and self._models.find_model(provider=own, model_name=name) is not None:
                    return own, name
        return None

    def _compute(self, provider: str, model: str, tokens: int) -> Energy:
        impacts = self._utils.llm_impacts(provider, model, tokens, math.inf)
        kwh_low, kwh_high = _ends(impacts.energy.value)
        # The package multiplies like ends: the range of the facility over the range of its PUE gives the server's back.
        pue_low, pue_high = _ends(self._utils.PROVIDER_CONFIG_MAP[provider].datacenter_pue)
        low_j, high_j = kwh_low / pue_low * J_PER_KWH, kwh_high / pue_high * J_PER_KWH
        undisclosed = any(warning.code == "model-arch-not-released" for warning in impacts.warnings or ())
        return Energy(
            it_j=Range(low_j, (low_j + high_j) / 2.0, high_j),
            cache_savings_it_j=0.0,
            model_id=model,
            model_known=True,
            tier=self._fallback.registry.resolve(model).tier,
            evidence="D" if undisclosed else "C",
            method=f"{self.name}/{self.version}",
        )


def _ends(value: Any) -> tuple[float, float]:
    return float(getattr(value, "min", value)), float(getattr(value, "max", value))
