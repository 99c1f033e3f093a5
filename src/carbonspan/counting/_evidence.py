# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What two spans say that shows whether they are of one call: who answered, when, and what their ids are worth.

Ids of answers are of two sorts. Most providers draw them at random (`chatcmpl-` and 29 letters and digits, `msg_01...`,
`resp_` and 48 hexadecimal digits, UUIDs): the same one twice is the same answer. Some servers count, or draw a small
number, and begin anew when they restart: Ollama's are `chatcmpl-0` to `chatcmpl-998`
(https://github.com/ollama/ollama/blob/main/middleware/openai.go, 2025), and stubs give all their answers one. Such an
id shows that two spans differ, never that they are the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures, Plan

CLOSE_NS = 60_000_000_000
"""How far apart two reports of one answer with an unguessable id may lie: the clocks of client and server differ."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_RUN = re.compile(r"[0-9A-Za-z]{16,}")
# Gemini's are 16 random bytes in URL-safe base 64, with "-" and "_" among them.
_URL_SAFE = re.compile(r"[0-9A-Za-z_-]{22,24}")
_CHANGE = re.compile(r"[0-9][A-Za-z]|[A-Za-z](?=[0-9])|[a-z](?=[A-Z])")
_LEAST_DISTINCT, _LEAST_LETTERS, _LEAST_CHANGES = 8, 3, 6

# Azure serves OpenAI's models, and is called "openai" by whoever only sees the client.
_FAMILIES = {"azure": "openai"}
# These serve the models of others, who are named as the provider by whoever only sees the client.
_CLOUDS = frozenset({"aws", "azure", "gcp"})


def is_unguessable(response_id: str) -> bool:
    """Return whether an id is long and random, so that no two answers have the same.

    A random id that does not look it (1 in 20 of the shortest in use) is taken for one that may come again.
    """
    found = _UUID.search(response_id)
    if found:
        return _is_varied(found[0].replace("-", ""))
    for run in _RUN.findall(response_id):
        letters = sum(map(str.isalpha, run))
        if letters >= _LEAST_LETTERS and (letters < len(run) or not run.islower()) and _is_varied(run):
            return True
    return _URL_SAFE.fullmatch(response_id) is not None and len(_CHANGE.findall(response_id)) >= _LEAST_CHANGES


def _is_varied(run: str) -> bool:
    """Return whether a run is no number filled up with zeros."""
    return len(set(run)) >= _LEAST_DISTINCT


def is_common(figures: Figures) -> bool:
    """Return whether an id that can be guessed is one that many calls have: it ends in a number, or names the model."""
    response_id, usage = figures.response_id, figures.plan.usage
    return response_id[-1:].isdigit() or response_id in {usage.model, usage.request_model}


Tokens: TypeAlias = "tuple[int | None, int | None, int | None, bool]"
"""Input, output, the total where only that is reported, and whether it encodes."""


def tokens(figures: Figures) -> Tokens:
    """Return what spans of one call agree in: input and output tokens, and whether it encodes."""
    return figures[4], figures[5], figures[-2], figures[0].encodes


def tokens_agree(one: Tokens, other: Tokens) -> bool:
    """Return whether two spans can be of one call by their tokens: what both report is the same, and is something."""
    if one == other:
        return True
    if one[3] != other[3]:
        return False
    if one[2] is not None or other[2] is not None:
        sums = [_sum(*each[:3]) for each in (one, other)]
        return sums[0] is not None and sums[0] == sums[1]
    common = [(a, b) for a, b in zip(one[:2], other[:2], strict=True) if a is not None and b is not None]
    return bool(common) and all(a == b for a, b in common)


def _sum(tokens_in: int | None, tokens_out: int | None, total: int | None) -> int | None:
    if total is not None:
        return total
    return None if tokens_in is None or tokens_out is None else tokens_in + tokens_out


def agree(one: Plan, other: Plan) -> bool:
    """Return whether two spans can be of one call by who answered: server, provider and model, where both say so."""
    if one is other:
        return True
    if one.server and other.server and one.server != other.server:
        return False
    return are_of_one_model(one, other) and _may_be_one(one.usage.provider, other.usage.provider)


def are_of_one_model(one: Plan, other: Plan) -> bool:
    """Return whether two spans can be of one model: a name that is not known (a deployment's) can be any."""
    own, others = one.energy, other.energy
    if one.encodes is not other.encodes:
        return False
    return own.model_id == others.model_id or not (own.model_known and others.model_known)


def _may_be_one(provider: str, other: str) -> bool:
    if not (provider and other):
        return True
    own, others = provider.partition(".")[0], other.partition(".")[0]
    if _FAMILIES.get(own, own) == _FAMILIES.get(others, others):
        return True
    return (own in _CLOUDS) is not (others in _CLOUDS)


def overlap(one: Figures, other: Figures, apart_ns: int = 0) -> bool:
    """Return whether two spans were open at one time, or at most so far apart."""
    start, end, others_start, others_end = one[1], one[2], other[1], other[2]
    return (start < others_end + apart_ns and others_start < end + apart_ns) or start == others_start


def one_holds_the_other(one: Figures, other: Figures) -> bool:
    """Return whether one of two spans was open as long as the other."""
    start, end, others_start, others_end = one[1], one[2], other[1], other[2]
    return (start <= others_start and others_end <= end) or (others_start <= start and end <= others_end)


def distance(one: Figures, other: Figures) -> int:
    """Return by how much the times of two spans differ, nanoseconds: of several candidates the nearest is the one."""
    return abs(one[1] - other[1]) + abs(one[2] - other[2])
