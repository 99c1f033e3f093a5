# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens to joules at the server: the energy model protocol, the coefficient registry, other models.

Energy is IT level (accelerator, host, idle machines), before the facility's overhead: multiply by PUE once, elsewhere.
"""

from carbonspan.energy import law
from carbonspan.energy.checked import CheckedModel
from carbonspan.energy.coefficients import Coefficients
from carbonspan.energy.ecologits import EcoLogitsModel
from carbonspan.energy.model import EnergyModel
from carbonspan.energy.names import normalise
from carbonspan.energy.registry import Entry, Registry, default_registry
from carbonspan.energy.tokens import Charge, TokenModel

__all__ = [
    "Charge",
    "CheckedModel",
    "Coefficients",
    "EcoLogitsModel",
    "EnergyModel",
    "Entry",
    "Registry",
    "TokenModel",
    "default_registry",
    "law",
    "normalise",
]
