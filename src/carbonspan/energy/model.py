# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an energy model is: something with a name and a version that turns usage into energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carbonspan.core.values import Energy, Usage


class EnergyModel(Protocol):
    """Turns what one inference consumed into server-level energy: pure, thread-safe, and silent on odd content."""

    @property
    def name(self) -> str:
        """The method's name, as written on spans."""
        ...

    @property
    def version(self) -> str:
        """The method's version; it changes whenever the same usage would give another result."""
        ...

    def estimate(self, usage: Usage) -> Energy:
        """Return the energy of one inference in joules at the server. Called with `usage.usable` only."""
        ...
