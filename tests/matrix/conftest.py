# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Leaves the matrix to `make instrumentations`: its packages are in none of the other environments."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("CARBONSPAN_TEST_ENVIRONMENT") else ["test_*.py"]
