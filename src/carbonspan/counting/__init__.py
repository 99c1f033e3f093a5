# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What has been counted: which of several spans of one call counts, whose it was, and what adds up to what."""

from __future__ import annotations

from carbonspan.counting._ancestry import node_of, started
from carbonspan.counting._arrivals import Arrivals
from carbonspan.counting._attribution import Attribution, Attributor
from carbonspan.counting._book import Ledger
from carbonspan.counting._deduplication import CACHED, COUNTED, DUPLICATE
from carbonspan.counting._handled import handled

__all__ = [
    "CACHED",
    "COUNTED",
    "DUPLICATE",
    "Arrivals",
    "Attribution",
    "Attributor",
    "Ledger",
    "handled",
    "node_of",
    "started",
]
