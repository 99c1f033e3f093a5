# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback server's stand-in for a model: decides from a request which tools to call or how much to write."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from carbonspan.demo._material import passage

_LENGTH_ASKED = re.compile(r"about (\d{1,4}) words")
_SOURCE = re.compile(r"\[(source-\d+)\]")
_DEFAULT_WORDS = 60
_REMARK_WORDS = 14
_CLAIMS_CHECKED = 4

SEARCHES = ("crm_search", "ticket_search", "web_search")
SEARCH_ANGLES = ("renewal and contract", "usage and health")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the terms of no API: the last instruction, the tools on offer, and what tools answered since."""

    instruction: str
    tools: frozenset[str] = frozenset()
    tools_called: tuple[str, ...] = ()
    tool_results: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, and the tools it wants called: pairs of a name and its arguments."""

    text: str
    calls: tuple[tuple[str, dict[str, str]], ...] = field(default=())


def answer(asked: Asked) -> Answer:
    """Return the answer to a request; the same request always gets the same one."""
    calls = _wanted_calls(asked)
    if calls:
        return Answer(passage(calls[0][0], _REMARK_WORDS), calls)
    length = _LENGTH_ASKED.findall(asked.instruction)
    return Answer(passage(asked.instruction, int(length[-1]) if length else _DEFAULT_WORDS))


def _wanted_calls(asked: Asked) -> tuple[tuple[str, dict[str, str]], ...]:
    if "fetch_page" in asked.tools:
        if not asked.tools_called:
            return tuple((tool, {"query": angle}) for tool in SEARCHES for angle in SEARCH_ANGLES)
        if "fetch_page" not in asked.tools_called:
            sources = dict.fromkeys(_SOURCE.findall(asked.tool_results))  # in the order found, each once
            return tuple(("fetch_page", {"source": source}) for source in sources)
    if "verify_claim" in asked.tools and not asked.tools_called:
        return tuple(
            ("verify_claim", {"claim": passage(f"claim {number}", _REMARK_WORDS)})
            for number in range(1, _CLAIMS_CHECKED + 1)
        )
    return ()
