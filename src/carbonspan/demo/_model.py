# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback server's stand-in for a model: what it answers, and the tokens it counts.

Both follow from the request, so the agent's growing context shows in the counts as it would in a real bill.
"""

from __future__ import annotations

import bisect
import re
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbonspan.demo._scenario import SEARCH_TOOLS, passage

if TYPE_CHECKING:
    from collections.abc import Sequence

_LENGTH_ASKED = re.compile(r"about (\d{1,4}) words")
_SOURCE = re.compile(r"\[(source-\d+)\]")
_DEFAULT_WORDS = 60
_REMARK_WORDS = 14
_CLAIMS_CHECKED = 4
_SEARCH_ANGLES = ("renewal and contract", "usage and health")

# A token is about four characters of English text. OpenAI, "What are tokens and how to count them?",
# https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
CHARS_PER_TOKEN = 4

# Automatic caching starts at 1,024 tokens and grows in steps of 128. OpenAI, "Prompt caching",
# https://platform.openai.com/docs/guides/prompt-caching
OPENAI_CACHE_MIN_TOKENS = 1024
OPENAI_CACHE_STEP_TOKENS = 128

# A marked prefix shorter than this is not cached: 4,096 tokens for Haiku 4.5, 1,024 for the Sonnets. Anthropic,
# "Prompt caching", https://docs.claude.com/en/docs/build-with-claude/prompt-caching
ANTHROPIC_CACHE_MIN_TOKENS = 1024
ANTHROPIC_HAIKU_4_5_CACHE_MIN_TOKENS = 4096

# Reasoning models bill tokens that nobody sees. How many is not published: these multiples of the visible answer are
# made up, and grow with the effort asked for. OpenAI's counts are observed to move in steps of 64.
REASONING_PER_VISIBLE_TOKEN = {"minimal": 0.0, "low": 0.75, "medium": 1.5, "high": 3.0}
REASONING_STEP_TOKENS = 64

_REMEMBERED_PROMPTS = 128


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the terms of neither API: the last instruction, the tools offered, and what tools returned since."""

    instruction: str
    tools: frozenset[str] = frozenset()
    tools_called: tuple[str, ...] = ()
    tool_results: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, and the tools it wants called: pairs of a name and its arguments."""

    text: str
    calls: tuple[tuple[str, dict[str, str]], ...] = ()


def answer(request: Request) -> Answer:
    """Return the answer to a request; the same request always gets the same one."""
    calls = _wanted_calls(request)
    if calls:
        return Answer(passage(calls[0][0], _REMARK_WORDS), calls)
    length = _LENGTH_ASKED.findall(request.instruction)
    return Answer(passage(request.instruction, int(length[-1]) if length else _DEFAULT_WORDS))


def _wanted_calls(request: Request) -> tuple[tuple[str, dict[str, str]], ...]:
    if "fetch_page" in request.tools:
        if not request.tools_called:
            return tuple((tool, {"query": angle}) for tool in SEARCH_TOOLS for angle in _SEARCH_ANGLES)
        if "fetch_page" not in request.tools_called:
            sources = dict.fromkeys(_SOURCE.findall(request.tool_results))  # in the order found, each once
            return tuple(("fetch_page", {"source": source}) for source in sources)
    if "verify_claim" in request.tools and not request.tools_called:
        return tuple(
            ("verify_claim", {"claim": passage(f"claim {number}", _REMARK_WORDS)})
            for number in range(1, _CLAIMS_CHECKED + 1)
        )
    return ()


def count_tokens(text: str) -> int:
    """Return an estimate of the tokens in `text`."""
    return -(-len(text) // CHARS_PER_TOKEN)


def reasoning_tokens(model: str, effort: str, visible_tokens: int) -> int:
    """Return the hidden tokens behind an answer: none unless the model is one that reasons."""
    if not model.startswith("gpt-5"):
        return 0
    wanted = visible_tokens * REASONING_PER_VISIBLE_TOKEN.get(effort, REASONING_PER_VISIBLE_TOKEN["medium"])
    return -(-int(wanted) // REASONING_STEP_TOKENS) * REASONING_STEP_TOKENS


@dataclass(frozen=True, slots=True)
class Metered:
    """The input side of one call, in tokens. `total` includes the tokens read from and written to the cache."""

    total: int
    cached: int
    written: int = 0


class PrefixCache:
    """Remembers prompts as the providers do, so that a prefix sent again counts as cached. Safe over threads.

    Args:
        caching: Whether it does; without, every prompt is new.
    """

    def __init__(self, *, caching: bool = True) -> None:
        self._caching = caching
        self._prompts: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED_PROMPTS)
        self._marked: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED_PROMPTS)
        self._lock = threading.Lock()

    def automatic(self, model: str, prompt: str) -> Metered:
        """Meter a prompt under OpenAI's rule: the longest prefix sent to this model before, in whole steps."""
        if not self._caching:
            return Metered(count_tokens(prompt), 0)
        with self._lock:
            common = max((_common_prefix(prompt, seen) for by, seen in self._prompts if by == model), default=0)
            self._prompts.append((model, prompt))
        cached = common // CHARS_PER_TOKEN // OPENAI_CACHE_STEP_TOKENS * OPENAI_CACHE_STEP_TOKENS
        return Metered(count_tokens(prompt), cached if cached >= OPENAI_CACHE_MIN_TOKENS else 0)

    def marked(self, model: str, prompt: str, marks: Sequence[int]) -> Metered:
        """Meter a prompt under Anthropic's rule: only prefixes that end at a mark (an offset in characters) count."""
        if not self._caching:
            return Metered(count_tokens(prompt), 0)
        shortest = ANTHROPIC_HAIKU_4_5_CACHE_MIN_TOKENS if "haiku-4-5" in model else ANTHROPIC_CACHE_MIN_TOKENS
        prefixes = [prompt[:mark] for mark in marks if count_tokens(prompt[:mark]) >= shortest]
        with self._lock:
            known = [seen for by, seen in self._marked if by == model and prompt.startswith(seen)]
            self._marked.extend((model, prefix) for prefix in prefixes if prefix not in known)
        read = max((count_tokens(seen) for seen in known), default=0)
        reach = max((count_tokens(prefix) for prefix in prefixes), default=0)
        return Metered(count_tokens(prompt), read, max(0, reach - read))


def _common_prefix(one: str, other: str) -> int:
    """Return how many characters two texts share from the start, by halving: prompts are long."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect.bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])  # noqa: FBT003 - a key
