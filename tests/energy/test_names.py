# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Names as providers spell them."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from pathlib import Path

import pytest

from carbonspan.energy import default_registry, normalise

NAMES = Path(__file__).parent.parent / "data" / "energy" / "model_names.csv"


def real_names() -> list[tuple[str, str]]:
    with NAMES.open(encoding="utf-8", newline="") as file:
        return [(row["name"], row["entry"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("name", "entry"), real_names())
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
    names = [name.lower() for name, _ in real_names()] + list(others)
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
