# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The agent that every stack plays: two tools, one after the other, then an answer. It stands in the requests alone."""

from __future__ import annotations

from typing import NamedTuple

ANSWER = "It is eleven degrees in Oslo."
ARGUMENTS = {"city": "Oslo"}
TOOLS = ("find_station", "read_thermometer")


class Turn(NamedTuple):
    """What the model says: a tool to call, or, with none, the answer."""

    tool: str = ""
    id: str = ""  # of the tool call

    @property
    def text(self) -> str:
        """The text of the turn."""
        return "" if self.tool else ANSWER


def turn(offered: list[str], results: int) -> Turn:
    """Return the next turn: the tools are called in order, one for each result that is missing.

    Args:
        offered: The names of the tools in the request, frameworks' own among them.
        results: How many results of tools the conversation holds.
    """
    wanted = [name for tool in TOOLS for name in offered if tool in name]
    return Turn(wanted[results], f"call_{results}") if results < len(wanted) else Turn()
