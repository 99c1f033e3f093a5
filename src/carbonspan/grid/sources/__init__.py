# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Live sources of hourly carbon intensity: what there is, and how one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.grid.source import GridSource

NAMES = (
    "electricity_maps",
    "uk_carbon_intensity",
    "uk",
    "energy_charts",
    "eco2mix",
    "energinet",
    "watttime",
    "file",
    "function",
)


def make(name: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> GridSource:  # noqa: ARG001
    """Return a source.

    Raises:
        ValueError: naming the option, its value and what is allowed.
    """
    raise ValueError(f"no source is made here yet: {name}")
