# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Stands between a user's own energy model and the span: what is impossible there does not get through."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbonspan.core.values import Energy, Usage
    from carbonspan.energy.model import EnergyModel


class CheckedModel:
    """Passes on what an energy model returns, if it can be written on a span."""

    def __init__(self, model: EnergyModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def version(self) -> str:
        """The model's version."""
        return self._model.version

    def estimate(self, usage: Usage) -> Energy:
        """Return the model's energy.

        Raises:
            ValueError: where a figure is not finite, negative or out of order, or a text is none; naming it.
        """
        energy = self._model.estimate(usage)
        low_j, central_j, high_j = energy.it_j
        if not 0.0 <= low_j <= central_j <= high_j < math.inf:
            raise ValueError(
                f"the energy model's it_j is {energy.it_j!r}; allowed: 0 <= low <= central <= high, finite"
            )
        if not 0.0 <= energy.avoided_it_j < math.inf:
            raise ValueError(f"the energy model's avoided_it_j is {energy.avoided_it_j!r}; allowed: 0 or more, finite")
        for name in ("model_id", "tier", "evidence", "method"):
            if not isinstance(getattr(energy, name), str):
                raise ValueError(f"the energy model's {name} is {getattr(energy, name)!r}; allowed: a string")
        return energy
