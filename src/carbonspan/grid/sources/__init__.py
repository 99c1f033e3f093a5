# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Live sources of hourly carbon intensity: what there is, and how one is made."""

from __future__ import annotations
