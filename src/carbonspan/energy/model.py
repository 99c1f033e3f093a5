# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an energy model is, and the check of a user's own before its figures reach a span."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carbonspan.core.values import Energy, Usage


class EnergyModel(Protocol):
    """Turns what one inference consumed into energy at the server.

    An implementation has no side effects, is safe to call from several threads, and does not raise on unusual text.
    """

    @property
    def name(self) -> str:
        """The method's name, as written on spans."""
        ...

    @property
    def version(self) -> str:
        """The method's version; it changes whenever the same usage would give another result."""
        ...

    def estimate(self, usage: Usage) -> Energy:
        """Return the energy of one inference in joules at the server, before PUE.

        Called only where `usage.usable`: both token totals are known.
        """
        ...


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
            ValueError: A figure is not finite, negative or out of order, or a text is not a string. The message names
                the field, its value and what is allowed.
        """
        energy = self._model.estimate(usage)
        low_j, central_j, high_j = energy.it_j
        if not 0.0 <= low_j <= central_j <= high_j < math.inf:
            raise ValueError(
                f"the energy model's it_j is {energy.it_j!r}; allowed: 0 <= low <= central <= high, finite"
            )
        if not 0.0 <= energy.cache_savings_it_j < math.inf:
            raise ValueError(
                f"the energy model's cache_savings_it_j is {energy.cache_savings_it_j!r}; allowed: 0 or more, finite"
            )
        for name in ("model_id", "tier", "evidence", "method"):
            if not isinstance(getattr(energy, name), str):
                raise ValueError(f"the energy model's {name} is {getattr(energy, name)!r}; allowed: a string")
        return energy
