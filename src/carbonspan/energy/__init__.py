# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens to joules at the server. Public here: what someone needs who writes an energy model of their own.

Energy is IT level (accelerator, host, idle machines), before the facility's overhead: PUE is applied once, later.
"""

from carbonspan.core.values import Energy, Range, Usage
from carbonspan.energy._tokens import TokenModel
from carbonspan.energy.model import EnergyModel

__all__ = ["Energy", "EnergyModel", "Range", "TokenModel", "Usage"]
