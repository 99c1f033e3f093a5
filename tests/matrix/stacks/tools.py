# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The two tools of every agent, and what it is asked."""

from __future__ import annotations

QUESTION = "How warm is it in Oslo?"
INSTRUCTIONS = "Find the station of the city, read its thermometer, then answer."


def find_station(city: str) -> str:
    """Return the weather station of a city.

    Args:
        city: The name of the city.
    """
    return f"Station 1 of {city}"


def read_thermometer(city: str) -> str:
    """Return the temperature at a city's station.

    Args:
        city: The name of the city.
    """
    return f"11 degrees in {city}"
