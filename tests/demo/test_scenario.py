# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The made-up text."""

from __future__ import annotations

from hypothesis import given, strategies as st

from carbonspan.demo._model import count_tokens
from carbonspan.demo._scenario import passage, system_prompt


@given(st.text(max_size=40), st.integers(0, 2000))
def test_a_passage_is_as_long_as_asked_and_the_same_each_time(topic: str, words: int) -> None:
    text = passage(topic, words)
    assert words <= len(text.split()) < words + 20
    assert text == passage(topic, words)


def test_the_system_prompt_is_long_enough_to_be_cached() -> None:
    assert count_tokens(system_prompt("A customer", 1)) > 1024
