# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Any set of true calls, reported by one to three instrumentations in any order: each is counted once, none is free."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from carbonspan.core._outcome import Role
from carbonspan.counting._deduplicator import Deduplicator
from tests.figures import figures

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures

SCOPES = "abc"
SERVERS = ["", "one.example", "two.example"]
MODELS = ["gpt-4o", "gpt-4o-mini", "llama-3.1-70b", "our-deployment"]
BEHAVIOURS = ["random", "counts", "few", "constant", "named", "none"]
APART_NS, JITTER_NS = 1000, 100


def id_of(behaviour: str, n: int, model: str, draw: random.Random) -> str:
    """Return the id that a server gives its n-th answer."""
    return {
        "random": f"chatcmpl-{draw.getrandbits(128):032x}",
        "counts": f"chatcmpl-{n}",  # each server by itself
        "few": f"chatcmpl-{draw.randrange(3)}",
        "constant": "chatcmpl-123",
        "named": model,
        "none": "",
    }[behaviour]


@dataclass(frozen=True)
class Server:
    host: str
    behaviour: str


@st.composite
def reports(draw: st.DrawFn, *, own_tokens: bool) -> list[tuple[int, Figures]]:
    """Draw calls, and what the instrumentations report of each: the call's number, and the span's figures.

    Args:
        draw: Draws.
        own_tokens: Whether each call has its own tokens, is reported by any instrumentations, and its spans end in any
            order. Else tokens are equal by chance, all calls are reported by the same instrumentations, and spans come
            as they end: of those that come before the span that is nearest to them nothing says so.
    """
    chance = random.Random(draw(st.integers(0, 2**32)))
    servers = [Server(host, draw(st.sampled_from(BEHAVIOURS))) for host in SERVERS]
    # What an instrumentation writes; one always writes the id where the server gives any.
    writes_id = {scope: scope == "a" or draw(st.booleans()) for scope in SCOPES}
    writes_host = {scope: draw(st.booleans()) for scope in SCOPES} if own_tokens else dict.fromkeys(SCOPES, True)
    everywhere = draw(st.sampled_from(["a", "ab", "abc", "bc"]))
    answered: Counter[Server] = Counter()
    found = []
    for at in range(draw(st.integers(1, 12))):
        # What is not known can be any: of equal calls it leaves open which span belongs to which.
        server = draw(st.sampled_from(servers if own_tokens else servers[1:]))
        model = draw(st.sampled_from(MODELS if own_tokens else MODELS[:-1]))
        response_id = id_of(server.behaviour, answered[server], model, chance)
        answered[server] += 1
        # One side is equal by chance.
        tokens = (250, 2 + at) if own_tokens else (250, draw(st.sampled_from([2, 3])))
        start_ns = APART_NS * at
        end_ns = start_ns + APART_NS * draw(st.integers(1, 20))
        for scope in draw(st.sampled_from(["a", "b", "c", "ab", "bc", "abc"])) if own_tokens else everywhere:
            one = figures(
                model,
                "openai",
                tokens=(*tokens, 0),
                response_id=response_id if writes_id[scope] else "",
                start_ns=start_ns + chance.randrange(JITTER_NS),
                end_ns=end_ns - chance.randrange(JITTER_NS),
                scope=scope,
                server=server.host if writes_host[scope] else "",
            )
            found.append((at, one))
    if own_tokens:
        return draw(st.permutations(found))
    return sorted(found, key=lambda report: report[1].end_ns)


def judged(spans: list[tuple[int, Figures]]) -> dict[int, list[Role]]:
    deduplicator = Deduplicator()
    roles: dict[int, list[Role]] = {}
    for call, one in spans:
        roles.setdefault(call, []).append(deduplicator.judge(one))
    return roles


@settings(max_examples=300, deadline=None)
@given(reports(own_tokens=True))
def test_calls_with_tokens_of_their_own_are_each_counted_once(spans: list[tuple[int, Figures]]) -> None:
    for roles in judged(spans).values():
        assert sorted(roles) == sorted([Role.INFERENCE, *[Role.DUPLICATE] * (len(roles) - 1)])


@settings(max_examples=300, deadline=None)
@given(reports(own_tokens=False))
def test_calls_with_equal_tokens_that_the_same_instrumentations_report_are_as_many_as_there_were(
    spans: list[tuple[int, Figures]],
) -> None:
    found = judged(spans)
    roles = Counter(role for one in found.values() for role in one)
    assert roles[Role.CACHED] == 0
    assert roles[Role.INFERENCE] == len(found)


@pytest.mark.parametrize("concurrent", [1, 4, 50])
@pytest.mark.parametrize("behaviour", [*BEHAVIOURS, "request"])
def test_of_1500_calls_of_one_instrumentation_none_is_free(behaviour: str, concurrent: int) -> None:
    draw, calls = random.Random(5), Deduplicator()
    for n in range(1500):
        # A request's id comes again where the request is tried again, with an answer of another length.
        retried = f"0f9a7c1e-5b2d-4e6f-8a3b-{n // 2:012x}"
        one = figures(
            "llama-3.1-70b",
            "openai",
            tokens=(250, 2 + n % 2, 0) if behaviour == "request" else (250, draw.choice([2, 3]), 0),
            response_id=retried if behaviour == "request" else id_of(behaviour, n, "llama-3.1-70b", draw),
            start_ns=n * 1000,
            end_ns=n * 1000 + 900 * concurrent,
            server=draw.choice(SERVERS),
        )
        assert calls.judge(one) is Role.INFERENCE
