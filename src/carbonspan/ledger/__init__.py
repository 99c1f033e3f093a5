# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What has been counted: which of several spans of one call counts, whose it was, and what adds up to what."""

from __future__ import annotations

from carbonspan.ledger.arrivals import Arrivals
from carbonspan.ledger.attribution import Attribution, Attributor
from carbonspan.ledger.book import Ledger
from carbonspan.ledger.calls import CACHED, COUNTED, DUPLICATE
from carbonspan.ledger.handled import handled
from carbonspan.ledger.lineage import node_of, started

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
