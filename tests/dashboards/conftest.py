# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboards are built beside the package, not inside of it: the root of the repository has them."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)
