# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Names as providers spell them, patterns over them, and what the name of an unknown model states."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._tables import rows
from carbonspan.energy._names import LazyPattern, Size, literal_start, normalise, stated_class, stated_size
from carbonspan.energy._registry import default_registry

with (Path(__file__).parent.parent / "data" / "energy" / "model_names.csv").open(encoding="utf-8", newline="") as file:
    REAL_NAMES = [(row["name"], row["entry"]) for row in csv.DictReader(file)]
PATTERNS = [row["pattern"] for row in rows("energy/coefficients.csv") if row["pattern"]]


@pytest.mark.parametrize(("name", "entry"), REAL_NAMES)
def test_a_real_name_finds_its_entry(name: str, entry: str) -> None:
    found = default_registry().resolve(name)
    assert (found.id, found.known) == (entry, True)


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.meta.llama3-3-70b-instruct-v1:0", "llama-3-3-70b-instruct"),
        ("gpt-4-0613", "gpt-4-0613"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("mistral-large-2411", "mistral-large-2411"),
        ("mistral-large-latest", "mistral-large-latest"),
        ("llama3.1:70b-instruct-q4_K_M", "llama-3.1-70b-instruct-q4-k-m"),
        ("ft:gpt-4o-mini-2024-07-18:org:name:id", "gpt-4o-mini"),
        ("gemini-2.5-flash-preview-05-20", "gemini-2.5-flash-preview"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("  GPT 4o / ", "gpt-4o"),
        ("", ""),
        ("///", ""),
    ],
)
def test_normalises(name: str, normalised: str) -> None:
    assert normalise(name) == normalised


def test_every_rule_is_needed_by_a_real_name() -> None:
    table = files("carbonspan") / "data" / "energy" / "names.csv"
    rules = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    others = (
        "my model_1",
        "accounts/a/models/m#accounts/a/deployments/d",
        "llama2",
        "llama3",
        "llama3.2-vision",
        "llama4",
        "phi3",
        "gemma",
        "qwen2",
        "qwen2.5-coder",
        "devstral",
        "qwq",
        "codellama",
        "tinyllama",
        "llama3.2",
        "llama3.3",
        "mistral",
        "gemma3",
        "gemma2",
        "qwen3",
        "qwen2.5",
        "mixtral",
        "-x",
    )
    names = [name.lower() for name, _ in REAL_NAMES] + list(others)
    used = set()
    for name in names:
        current = name
        for rule in rules:
            changed = re.sub(rule["pattern"], rule["replacement"], current)
            if changed != current:
                used.add(rule["rule"])
            current = changed
    assert used == {rule["rule"] for rule in rules}
    assert all(rule["why"] for rule in rules)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("llama2", "llama-2-13b"),
        ("llama3", "llama-3-8b"),
        ("llama3.1", "llama-3.1-8b"),
        ("llama3.2-vision", "llama-3.2-11b"),
        ("llama4", "llama-4-scout"),
        ("phi3", "phi-3-mini"),
        ("phi3.5", "phi-3-mini"),
        ("gemma", "gemma-7b"),
        ("qwen2", "qwen-2.5-7b"),
        ("qwen2.5-coder", "qwen-2.5-7b"),
        ("devstral", "mistral-small"),
        ("magistral", "mistral-small"),
        ("qwq", "qwen-2.5-32b"),
        ("codellama", "size:7b"),
        ("tinyllama", "size:1.1b"),
        ("llama3.2", "llama-3.2-3b"),
        ("llama3.3", "llama-3.3-70b"),
        ("mistral", "mistral-7b"),
        ("gemma3", "gemma-3-4b"),
        ("gemma2", "gemma-2-9b"),
        ("qwen3", "qwen-3-8b"),
        ("qwen2.5", "qwen-2.5-7b"),
        ("mixtral", "mixtral-8x7b"),
        ("phi4-mini", "phi-3-mini"),
    ],
)
def test_ollama_names_without_a_tag(name: str, entry: str) -> None:
    assert default_registry().resolve(name).id == entry


@pytest.mark.parametrize(
    ("name", "entry", "predecessor"),
    [
        ("claude-opus-6", "claude-opus-newer", "claude-opus-4.5"),
        ("claude-sonnet-6", "claude-sonnet-newer", "claude-sonnet-5"),
        ("anthropic/claude-haiku-6.5", "claude-haiku-newer", "claude-haiku-4"),
        ("gpt-5.7", "gpt-5-newer", "gpt-5.5"),
        ("gpt-5.7-mini", "gpt-mini-newer", "gpt-5.4-mini"),
        ("gpt-6-nano", "gpt-nano-newer", "gpt-5.4-nano"),
        ("gpt-6-pro", "gpt-pro-newer", "gpt-5-pro"),
        ("gpt-7", "gpt-newer", "gpt-6"),
        ("o4", "o-newer", "o3"),
        ("o5-mini", "o-mini-newer", "o-mini"),
        ("o5-pro", "o-pro-newer", "o-pro"),
        ("gemini-4-pro", "gemini-pro-newer", "gemini-3-pro"),
        ("gemini-4-flash", "gemini-flash-newer", "gemini-3.6-flash"),
        ("gemini-4.5-flash-lite", "gemini-flash-lite-newer", "gemini-3-flash-lite"),
        ("grok-5", "grok-newer", "grok"),
        ("grok-5-fast", "grok-fast-newer", "grok-4-fast"),
        ("amazon.nova-3-pro-v1:0", "nova-pro-newer", "nova-pro"),
        ("nova-3-lite", "nova-lite-newer", "nova-lite"),
        ("nova-2-micro", "nova-micro-newer", "nova-micro"),
        ("nova-2-premier", "nova-premier-newer", "nova-premier"),
    ],
)
def test_a_newer_member_of_a_closed_family_is_taken_for_its_predecessor(
    name: str, entry: str, predecessor: str
) -> None:
    found = default_registry().resolve(name)
    assert (found.id, found.known, found.evidence) == (entry, True, "D")
    assert f"values of {predecessor}. Newer than this table" in found.notes
    older = next(one for one in default_registry().entries() if one.id == predecessor)
    for new, old in zip(found.coefficients[:2], older.coefficients[:2], strict=True):
        assert new.central == old.central
        assert new.low == pytest.approx(new.central / 6, rel=0.01)
        assert new.high >= max(old.high, new.central * 7.9)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claude-opus-4-1", "claude-opus-4"),
        ("claude-sonnet-4-6", "claude-sonnet"),
        ("gpt-5.6", "gpt-5.5"),
        ("gpt-6", "gpt-6"),
        ("o4-mini", "o-mini"),
        ("gemini-3.7-flash", "gemini-3.6-flash"),
        ("nova-2-pro", "nova-pro"),
        ("grok-4", "grok"),
    ],
)
def test_a_member_in_the_table_keeps_its_row(name: str, entry: str) -> None:
    assert default_registry().resolve(name).id == entry


def test_a_name_of_any_length_is_cut() -> None:
    assert len(normalise("a" * 10_000)) == 256


@pytest.mark.parametrize(
    ("pattern", "must"),
    [
        ("^gpt-4o-mini", "gpt-4o-mini"),
        (r"^gpt-4\.1", "gpt-4"),
        ("llama-?2-70b", "llama"),
        ("^o1-mini|^o3-mini", ""),
        ("(amazon)?nova", ""),
        ("^a?b", ""),
        ("^", ""),
        ("^gpt-5(-codex)?", "gpt-5"),
    ],
)
def test_what_every_match_must_contain(pattern: str, must: str) -> None:
    assert literal_start(pattern) == must


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_bundled_pattern_finds_the_same_names(pattern: str) -> None:
    lazy, eager = LazyPattern(pattern), re.compile(pattern)
    for name, _ in REAL_NAMES:
        normalised = normalise(name)
        assert lazy.occurs_in(normalised) == bool(eager.search(normalised))


@given(st.sampled_from(PATTERNS), st.text("abcdeghilmnopqrtxz0123456789-.:", max_size=20))
def test_a_lazy_pattern_finds_what_the_pattern_finds(pattern: str, name: str) -> None:
    assert LazyPattern(pattern).occurs_in(name) == bool(re.search(pattern, name))


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
