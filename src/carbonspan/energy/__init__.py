# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens to joules at the server: the energy model protocol, the coefficient registry, other models.

Energy is IT level (accelerator, host, idle machines), before the facility's overhead: multiply by PUE once, elsewhere.
"""

from carbonspan.energy import _law as law
from carbonspan.energy._checked import CheckedModel
from carbonspan.energy._coefficients import Coefficients
from carbonspan.energy._ecologits import EcoLogitsModel
from carbonspan.energy._names import normalise
from carbonspan.energy._registry import Entry, Registry, default_registry
from carbonspan.energy._tokens import Charge, TokenModel
from carbonspan.energy.model import EnergyModel

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
