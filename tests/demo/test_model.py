# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for a model: what it answers, and how it counts tokens."""

from __future__ import annotations

from hypothesis import given, strategies as st

from carbonspan.demo._model import Metered, PrefixCache, Request, answer, count_tokens, reasoning_tokens


def test_tools_are_called_in_turn_and_not_where_they_are_forbidden() -> None:
    tools = frozenset({"crm_search", "ticket_search", "web_search", "fetch_page"})
    searches = answer(Request("Go on.", tools)).calls
    assert [name for name, _ in searches] == ["crm_search"] * 2 + ["ticket_search"] * 2 + ["web_search"] * 2
    found = Request("Go on.", tools, tuple(name for name, _ in searches), "[source-2] a\n[source-1] b\n[source-2] c")
    assert answer(found).calls == (("fetch_page", {"source": "source-2"}), ("fetch_page", {"source": "source-1"}))
    assert answer(Request("Go on.", tools, ("crm_search", "fetch_page"))).calls == ()
    assert answer(Request("Go on.")).calls == ()
    assert len(answer(Request("Check.", frozenset({"verify_claim"}))).calls) == 4


def test_openais_cache_begins_at_1024_tokens_in_steps_of_128() -> None:
    cache = PrefixCache()
    assert cache.automatic("a", "x" * 4 * 1300) == Metered(1300, 0)
    assert cache.automatic("a", "x" * 4 * 1300) == Metered(1300, 1280)
    assert cache.automatic("b", "x" * 4 * 1300) == Metered(1300, 0)  # another model has another cache
    assert cache.automatic("a", "x" * 4 * 1024 + "y") == Metered(1025, 1024)
    assert cache.automatic("a", "x" * (4 * 1024 - 1) + "z") == Metered(1024, 0)


def test_anthropics_cache_holds_marked_prefixes_of_sufficient_length() -> None:
    cache = PrefixCache()
    long, longer = "x" * 4 * 2000, "x" * 4 * 2000 + "y" * 4 * 500
    assert cache.marked("claude-sonnet-5", long, [len(long)]) == Metered(2000, 0, 2000)
    assert cache.marked("claude-sonnet-5", longer, [len(long), len(longer)]) == Metered(2500, 2000, 500)
    assert cache.marked("claude-sonnet-5", longer + "z", []) == Metered(2501, 2500, 0)
    assert cache.marked("claude-sonnet-5", "z" * 4000, [4000]) == Metered(1000, 0, 0)  # below 1,024
    assert cache.marked("claude-haiku-4-5", long, [len(long)]) == Metered(2000, 0, 0)  # below 4,096


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 40))
def test_no_part_of_a_prompt_exceeds_the_whole(one: str, other: str, times: int) -> None:
    cache = PrefixCache()
    for prompt in (one * times, one * times + other, other):
        for metered in (cache.automatic("m", prompt), cache.marked("m", prompt, [len(prompt) // 2, len(prompt)])):
            assert metered.total == count_tokens(prompt)
            assert 0 <= metered.cached <= metered.total
            assert metered.cached + metered.written <= metered.total


def test_reasoning_grows_with_the_effort_in_steps_of_64() -> None:
    assert reasoning_tokens("gpt-4.1", "high", 100) == 0
    assert reasoning_tokens("gpt-5", "minimal", 100) == 0
    assert [reasoning_tokens("gpt-5-mini", effort, 100) for effort in ("low", "medium", "high")] == [128, 192, 320]
    assert reasoning_tokens("gpt-5", "unheard of", 100) == 192
