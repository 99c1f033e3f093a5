# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The registry: its table, its order, its memory, and what stands in for a model it does not know."""

from __future__ import annotations

import csv
import math
import re
from importlib.resources import files
from pathlib import Path

import pytest

from carbonspan.core.values import Range
from carbonspan.energy import _law as law
from carbonspan.energy._registry import Entry, Registry, default_registry

IDS = Path(__file__).parent.parent / "data" / "energy" / "entry_ids.txt"


def table(name: str) -> list[dict[str, str]]:
    text = (files("carbonspan") / "data" / "energy" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


ROWS = {row["id"]: row for row in table("coefficients.csv")}


def by_id(entry_id: str) -> Entry:
    return next(entry for entry in default_registry().entries() if entry.id == entry_id)


def test_ids_once_known_are_never_forgotten() -> None:
    gone = set(IDS.read_text(encoding="utf-8").split()) - {entry.id for entry in default_registry().entries()}
    assert not gone


def test_ids_are_unique_and_every_entry_says_where_it_comes_from() -> None:
    entries = default_registry().entries()
    assert len({entry.id for entry in entries}) == len(entries) == len(ROWS)
    for entry in entries:
        assert entry.source
        assert entry.year
        assert entry.url.startswith("https://")
        assert entry.notes
        for values in entry.coefficients:
            assert 0.0 <= values.low <= values.central <= values.high < math.inf
        assert entry.coefficients.j_per_input_token.low > 0.0


GRADES = {"mlenergy-v3": "B", "mlenergy-v3-sibling": "C", "law-open-weights": "C", "name-law": "C", "class-law": "E"}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_evidence_follows_from_the_source(row: dict[str, str]) -> None:
    expected = GRADES.get(row["source"], "D")
    if row["source"] == "prefill-law":
        expected = "E" if not row["pattern"] else "D" if "UNDISCLOSED" in row["notes"] else "C"
    assert row["evidence"] == expected
    assert bool(row["pattern"]) != row["id"].startswith("class:")


SIZE_NOTE = re.compile(
    r"A=(?P<low>\d[\d.]*?)(?:-(?P<high>\d[\d.]*?))? T=(?P<total>\d[\d.]*?|dense)(?=[;, ]|\.(?: |$)|$)"
)
# Their output carries the factor 1.2 of long generations.
LONG = {"class:reasoning", "o-mini", "o-pro", "o1", "o3", "gpt-5-pro"}


LAWS = {"law-open-weights", "name-law", "law-ecologits-prior", "law-class-prior", "law-analogy", "class-law"}


def sized_rows() -> list[dict[str, str]]:
    return [
        row for row in ROWS.values() if row["tier"] != "embedding" and row["source"] in LAWS and "T=" in row["notes"]
    ]


@pytest.mark.parametrize("row", sized_rows(), ids=lambda row: row["id"])
def test_central_values_follow_the_law(row: dict[str, str]) -> None:
    match = SIZE_NOTE.search(row["notes"])
    assert match
    active_b = math.sqrt(float(match["low"]) * float(match["high"] or match["low"]))
    total_b = active_b if match["total"] == "dense" else float(match["total"])
    expected = law.open_weights(active_b, total_b).j_per_output_token.central * (1.2 if row["id"] in LONG else 1.0)
    assert float(row["j_per_output_token_central"]) == pytest.approx(expected, rel=0.02)


def test_the_factor_of_long_generations_is_stated_where_it_is_applied() -> None:
    assert {row["id"] for row in ROWS.values() if "output x1.2" in row["notes"].lower()} == LONG
    readme = (files("carbonspan") / "data" / "energy" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{entry_id}`" in readme for entry_id in LONG)


BORROWED = re.compile(r"values of (\S+?)[.,;]?(?: |$)")


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if "values of " in row["notes"]], ids=lambda row: row["id"]
)
def test_borrowed_values_are_those_of_the_row_they_name(row: dict[str, str]) -> None:
    found = BORROWED.search(row["notes"])
    assert found
    lender = ROWS[found[1]]
    assert row["source"] in {"mlenergy-v3-sibling", "law-successor", "law-analogy"}
    assert lender["source"] == "mlenergy-v3" or row["source"] != "mlenergy-v3-sibling"
    assert row["tier"] == lender["tier"]
    for column in ("j_per_output_token_central", "j_per_input_token_central"):
        assert row[column] == lender[column]


# Title of the measurement, as the benchmark names its models.
MEASURED = re.compile(r"^(NVIDIA Nemotron|Llama|Qwen|DeepSeek|GPT OSS|Gemma) ")


def test_only_what_was_measured_has_the_grade_of_a_measurement() -> None:
    assert all(MEASURED.match(row["notes"]) for row in ROWS.values() if row["evidence"] == "B")
    for sibling in (
        "llama-3-70b-instruct",
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "deepseek-v3",
        "deepseek-v3.2",
        "deepseek-chat",
        "deepseek-reasoner",
        "qwen3-vl-8b-instruct",
        "qwen3-vl-32b",
        "qwen3-vl-235b-a22b-thinking",
        "qwen3-coder-30b-a3b",
        "gpt-oss-safeguard-20b",
        "deepseek-r1-0528-qwen3-8b",
    ):
        assert default_registry().resolve(sibling).evidence == "C", sibling
    for measured in ("llama-3.1-70b", "deepseek-v3.1", "deepseek-r1", "qwen3-8b", "qwen3-30b-a3b", "gpt-oss-20b"):
        assert default_registry().resolve(measured).evidence == "B", measured


@pytest.mark.parametrize(
    ("name", "entry_id", "fresh"),
    [
        # 5 mJ x 1.571 x 8 = 62.8 mJ; the row's own value, 4.4 mJ, stays inside the bounds
        ("qwen3-reranker-8b", "rerank:8b", Range(0.0044, 0.06284, 0.6284)),
        ("nv-rerankqa-mistral-4b-v3", "rerank:4b", Range(0.003142, 0.03142, 0.3142)),
        ("qwen3-embedding-4b", "e5-mistral:4b", Range(0.003142, 0.03142, 0.3142)),
        ("gte-qwen2-1.5b-instruct", "e5-mistral:1.5b", Range(0.00117825, 0.0117825, 0.117825)),
        ("acme-rerank-0.02b", "rerank:0.02b", Range(0.00001571, 0.0001571, 0.0044)),
        ("qwen3-reranker-0.6b", "rerank", Range(0.00088, 0.0044, 0.0352)),
        ("e5-mistral-7b-instruct", "e5-mistral", Range(0.0236, 0.0589, 0.177)),
    ],
)
def test_a_stated_size_wins_over_the_one_an_encoders_row_assumes(name: str, entry_id: str, fresh: Range) -> None:
    entry = default_registry().resolve(name)
    assert (entry.id, entry.tier, entry.known, entry.evidence) == (entry_id, "embedding", True, "C")
    assert entry.coefficients.j_per_input_token == pytest.approx(fresh)
    assert entry.coefficients.j_per_cached_token == entry.coefficients.j_per_input_token


@pytest.mark.parametrize(
    ("name", "active_b", "total_b"),
    [
        ("qwen3:0.6b", 0.6, 0.6),
        ("qwen3:1.7b", 1.7, 1.7),
        ("codestral-mamba-2407", 7.3, 7.3),
        ("gemini-1.5-flash-8b-001", 8, 8),
        ("gemma:7b", 8.5, 8.5),
    ],
)
def test_the_first_match_is_of_the_right_size(name: str, active_b: float, total_b: float) -> None:
    expected = law.open_weights(active_b, total_b)
    entry = default_registry().resolve(name)
    assert (entry.known, entry.evidence) == (True, "C")
    for found, wanted in zip(entry.coefficients, expected, strict=True):
        assert found.central == pytest.approx(wanted.central, rel=0.01)


@pytest.mark.parametrize(
    ("entry_id", "output", "fresh"),
    [
        ("gpt-4o", 4.04, 0.539),
        ("llama-3.1-8b", 0.186, 0.0377),
        ("mistral-large", 2.07, 0.58),
        ("class:nano", 0.112, 0.0212),
    ],
)
def test_central_values(entry_id: str, output: float, fresh: float) -> None:
    coefficients = by_id(entry_id).coefficients
    assert coefficients.j_per_output_token.central == output
    assert coefficients.j_per_input_token.central == fresh
    assert coefficients.j_per_cached_token.central == pytest.approx(fresh / 10)


def test_flagships_keep_a_third_to_four_times() -> None:
    assert by_id("gpt-4o").coefficients.j_per_output_token == Range(1.33, 4.04, 16.2)
    assert by_id("claude-sonnet").coefficients.j_per_input_token == Range(0.178, 0.539, 2.16)


def test_the_first_pattern_wins() -> None:
    assert default_registry().resolve("gpt-4o-mini").id == "gpt-4o-mini"
    assert default_registry().resolve("gpt-5.4-pro").id == "gpt-5-pro"


def test_a_resolved_name_is_kept_and_only_so_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.energy._registry._CACHE_SIZE", 3)
    registry = Registry()
    assert registry.resolve("gpt-4o") is registry.resolve("gpt-4o")
    for number in range(20):
        registry.resolve(f"acme-{number}" + "x" * 1000)
        assert registry._cached.cache_info().currsize <= 3


def test_what_a_name_has_beyond_256_characters_is_not_looked_at() -> None:
    assert Registry().resolve("a" * 256) is default_registry().resolve("a" * 256 + "-70b")


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
