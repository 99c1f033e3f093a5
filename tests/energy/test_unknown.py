# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in for a model nobody has heard of."""

from __future__ import annotations

import pytest

from carbonspan.energy import _law as law, default_registry
from carbonspan.energy._unknown import Size, stated_class, stated_size


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("acme-70b", Size(70, 70)),
        ("acme-1.5b-instruct", Size(1.5, 1.5)),
        ("acme-235b-a22b-2507", Size(22, 235)),
        ("acme-30ba3b", Size(3, 30)),
        ("acme-8x22b", Size(39.6, 142.56)),
        ("acme-1x7b", Size(5.67, 5.67)),
        ("acme-270m", Size(0.27, 0.27)),
        ("acme-1t-a32b", Size(32, 1000)),
        ("acme-128k-13b", Size(13, 13)),
        ("acme-4bit", None),
        ("acme-fp8-w4a16", None),
        ("acme-0b", None),
        ("acme-99999b", None),
        ("acme-7b-a9b", None),
        ("acme", None),
        ("", None),
    ],
)
def test_the_size_a_name_states(name: str, size: Size | None) -> None:
    assert stated_size(name) == (size if size is None else pytest.approx(size))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("acme-nano", "class:nano"),
        ("acme-mini-thinking", "class:small"),
        ("acme-flash-lite", "class:small"),
        ("acme-flash", "class:medium"),
        ("acme-opus-9", "class:ultra"),
        ("acme-reasoner", "class:reasoning"),
        ("acme-embed", "class:embedding"),
        ("solar-embedding-1-large", "class:embedding"),
        ("doubao-embedding-large-text", "class:embedding"),
        ("text-embedding-large", "class:embedding"),
        ("acme-small-reranker", "class:embedding"),
        ("minicpm", None),
        ("", None),
    ],
)
def test_the_class_a_word_stands_for(name: str, entry: str | None) -> None:
    assert stated_class(name) == entry


@pytest.mark.parametrize(
    ("name", "embedding", "entry", "tier"),
    [
        ("", False, "class:frontier", "frontier"),
        ("x" * 10_000, False, "class:frontier", "frontier"),
        ("my-deployment", False, "class:frontier", "frontier"),
        ("", True, "class:embedding", "embedding"),
        ("x" * 10_000, True, "class:embedding", "embedding"),
        ("my-deployment", True, "class:embedding", "embedding"),
        ("acme-mini", True, "class:embedding", "embedding"),
        ("acme-embed-4b", False, "size:4b", "embedding"),
        ("acme-mini", False, "class:small", "small"),
        ("acme-mini-70b", False, "size:70b", "large"),
        ("acme/Model-235B-A22B", False, "size:235b-a22b", "large"),
    ],
)
def test_the_entry_that_stands_in(name: str, entry: str, tier: str, *, embedding: bool) -> None:
    found = default_registry().resolve(name, embedding=embedding)
    assert (found.id, found.tier, found.known, found.evidence) == (entry, tier, False, "E")
    assert found.coefficients.j_per_input_token.low > 0
    assert found.source
    assert found.url


def test_a_stated_size_gives_the_law_with_bounds_wider_than_a_class() -> None:
    found = default_registry().resolve("acme-70b").coefficients.j_per_output_token
    assert found.central == pytest.approx(law.open_weights(70, 70).j_per_output_token.central)
    assert found.low < found.central / 3
    assert found.high > found.central * 4
