# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The whole room against published energy: prints the comparison (pytest -s), and limits its error and its misses.

Every figure is predicted from its token counts, at its own boundary and its source's own PUE. Families of sources are
weighted equally in the balanced figures, because one of them has two thirds of the rows.

Figures of serving in 2023, on V100 and A100, count where the bounds are tested. In the error of the central value they
are given separately: that value is for H100 and B200 with continuous batching, and is not meant for them.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

import pytest

from carbonspan.core._outcome import Role
from carbonspan.core.values import J_PER_WH, Usage
from carbonspan.energy import _law as law
from carbonspan.energy._law import CONCURRENCY_EXPONENT, REFERENCE_CONCURRENCY, SERVER_PER_ACCELERATOR
from carbonspan.energy._registry import default_registry
from carbonspan.energy._tokens import TokenModel

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLISHED = Path(__file__).parent.parent / "data" / "energy" / "published_energy.csv"


class Comparison(NamedTuple):
    """One published figure beside its prediction."""

    family: str
    model: str
    entry: str
    evidence: str
    tier: str
    batch: int  # 0 where the figure is a request's
    predicted_wh: float
    published_wh: float
    inside: bool
    inside_before: bool  # within the bounds as they were before bounds.csv widened them
    year: int

    @property
    def ratio(self) -> float:
        return self.predicted_wh / self.published_wh


def published() -> list[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables() -> dict[str, dict[str, str]]:
    text = (files("carbonspan") / "data" / "energy" / "coefficients.csv").read_text(encoding="utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


def narrow(entry_id: str, bound: str) -> tuple[float, float]:
    """Return joules per output and fresh input token at a bound, before any widening."""
    if entry_id.startswith("size:"):  # only dense ones are in the comparison
        size_b = float(entry_id.removeprefix("size:").removesuffix("b"))
        output, fresh, _ = law.open_weights(size_b, size_b)
        return getattr(output, bound), getattr(fresh, bound)
    row = ROWS[entry_id]
    return float(row[f"j_per_output_token_{bound}"]), float(row[f"j_per_input_token_{bound}"])


ROWS = tables()


def narrow_j(entry_id: str, usage: Usage, bound: str) -> float:
    output_j, fresh_j = narrow(entry_id, bound)
    tokens_in, tokens_out = usage.input_tokens or 0, usage.output_tokens or 0
    return output_j * tokens_out + fresh_j * tokens_in * (1 + tokens_in / 110_000)


def compared(use: str) -> list[Comparison]:
    model = TokenModel()
    found = []
    for row in published():
        if row["use"] != use:
            continue
        usage = Usage(
            role=Role.INFERENCE,
            operation="chat",
            provider="",
            model=row["model_name"],
            request_model="",
            dialect="",
            input_tokens=int(row["input_tokens"]),
            output_tokens=int(row["output_tokens"]),
            cached_input_tokens=0,
        )
        energy = model.estimate(usage)
        boundary = 1 / SERVER_PER_ACCELERATOR if row["boundary"] == "accelerator" else float(row["pue"])
        predicted = energy.it_j.scaled(boundary / J_PER_WH)
        batch = re.search(r"; batch (\d+);", row["notes"])
        wh = float(row["wh_per_request"])
        found.append(
            Comparison(
                row["family"],
                row["model"],
                energy.model_id,
                energy.evidence,
                energy.tier,
                int(batch[1]) if batch else 0,
                predicted.central,
                wh,
                predicted.low <= wh <= predicted.high,
                narrow_j(energy.model_id, usage, "low") * boundary / J_PER_WH
                <= wh
                <= narrow_j(energy.model_id, usage, "high") * boundary / J_PER_WH,
                int(row["year"]),
            )
        )
    return found


REQUESTS = compared("request")
BATCHES = compared("batch")
# H100, B200 and their like, with continuous batching: what the central values are of.
RECENT = [row for row in REQUESTS if row.year >= 2024]


def by_family(rows: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    families = defaultdict(list)
    for row in rows:
        families[row.family].append(row)
    return families


def inside(rows: Iterable[Comparison]) -> float:
    return fmean(row.inside for row in rows)


def mean_factor(ratios: Iterable[float]) -> float:
    return math.exp(fmean(abs(math.log(ratio)) for ratio in ratios))


def balanced_mean(rows: Iterable[Comparison]) -> float:
    return math.exp(fmean(fmean(math.log(row.ratio) for row in group) for group in by_family(rows).values()))


def balanced_factor(rows: Iterable[Comparison]) -> float:
    return math.exp(fmean(math.log(mean_factor(row.ratio for row in group)) for group in by_family(rows).values()))


def test_requests_by_source_family() -> None:
    lines = ["| source family | n | median predicted/published | range | inside bounds |", "|---|---|---|---|---|"]
    for family, rows in sorted(by_family(REQUESTS).items(), key=lambda item: -len(item[1])):
        ratios = sorted(row.ratio for row in rows)
        lines.append(
            f"| {family} | {len(rows)} | {median(ratios):.2f} | {ratios[0]:.2f}-{ratios[-1]:.2f} | {inside(rows):.0%} |"
        )
    for name, rows in (("each family once, serving since 2024", RECENT), ("each family once", REQUESTS)):
        balanced = fmean(inside(group) for group in by_family(rows).values())
        lines.append(
            f"| {name} | {len(rows)} | geometric mean {balanced_mean(rows):.2f} "
            f"| mean factor x{balanced_factor(rows):.2f} | {balanced:.0%} |"
        )
        assert balanced >= 0.90
    lines.append(f"| each row once | {len(REQUESTS)} | | | {inside(REQUESTS):.0%} |")
    print("\n" + "\n".join(lines))  # noqa: T201 - the table is what this test is run for
    assert (len(REQUESTS), len(RECENT)) == (63, 61)
    assert 0.85 <= balanced_mean(RECENT) <= 1.15
    assert 1.75 <= balanced_factor(RECENT) <= 2.1
    assert 0.65 <= balanced_mean(REQUESTS) <= 1.15
    assert 1.75 <= balanced_factor(REQUESTS) <= 2.4


def test_nine_of_ten_requests_lie_inside_their_bounds() -> None:
    assert inside(REQUESTS) >= 0.90


def test_what_the_widest_bounds_are_worth() -> None:
    """How many would be inside without the reach of small closed models, and of the smallest open ones."""
    closed = {("D", "nano"), ("D", "small"), ("D", "medium"), ("D", "large")}
    nano = {("B", "nano"), ("C", "nano")}
    shares = []
    for name, reverted in (
        ("all bounds", set()),
        ("small closed models as before", closed),
        ("open models below 3B as before too", closed | nano),
        ("every bound as before", {(row.evidence, row.tier) for row in REQUESTS}),
    ):
        number = sum(row.inside_before if (row.evidence, row.tier) in reverted else row.inside for row in REQUESTS)
        shares.append(number)
        print(f"| {name} | {number} of {len(REQUESTS)} | {number / len(REQUESTS):.0%} |")  # noqa: T201
    assert shares == [60, 55, 52, 40]


def test_what_the_bounds_of_small_closed_models_rest_on() -> None:
    needed: dict[str, list[float]] = defaultdict(list)
    for row in REQUESTS:
        if row.evidence == "D" and row.tier in {"nano", "small", "medium", "large"}:
            needed[row.entry].append(1 / row.ratio)
    said = {
        "claude-3.5-haiku": "Claude 3.5 Haiku {:.0f}-{:.0f} x",
        "gpt-4.1-nano": "GPT-4.1 nano {:.1f}-{:.1f} x",
        "gpt-4.1-mini": "GPT-4.1 mini {:.1f}-{:.1f} x",
        "gpt-3.5": "GPT-3.5 of 2023 {:.1f} x",
    }
    assert needed.keys() == said.keys()
    text = (files("carbonspan") / "data" / "energy" / "bounds.csv").read_text(encoding="utf-8")
    for reach in csv.DictReader(text.splitlines()):
        if reach["evidence"] == "D":
            for entry, sentence in said.items():
                assert sentence.format(min(needed[entry]), max(needed[entry])) in reach["why"]


@pytest.mark.parametrize("left_out", sorted(by_family(REQUESTS)))
def test_no_one_source_makes_the_result(left_out: str) -> None:
    assert inside(row for row in REQUESTS if row.family != left_out) >= 0.85
    assert 0.75 <= balanced_mean(row for row in RECENT if row.family != left_out) <= 1.3


@pytest.mark.parametrize("left_out", sorted({row.entry for row in REQUESTS}))
def test_no_one_model_makes_the_result(left_out: str) -> None:
    assert inside(row for row in REQUESTS if row.entry != left_out) >= 0.85


def test_flagships_need_no_wider_bounds_than_a_third_to_four_times() -> None:
    flagships = [row for row in REQUESTS if row.evidence == "D" and row.tier in {"frontier", "ultra"}]
    assert len(flagships) == 19
    assert inside(flagships) == 1.0
    for entry in default_registry().entries():
        if entry.evidence == "D" and entry.tier in {"frontier", "ultra"} and not entry.id.endswith("-newer"):
            output = entry.coefficients.j_per_output_token
            assert output.central / output.low == pytest.approx(3, rel=0.03)
            assert output.high / output.central == pytest.approx(4, rel=0.03)


def test_measured_models_by_batch() -> None:
    lines = [
        "| concurrent requests | n | measured/central | inside bounds | law at that concurrency |",
        "|---|---|---|---|---|",
    ]
    shares, at_batch = {}, []
    for name, lowest, highest in (("8", 8, 8), ("59-64", 59, 64), ("226-256", 226, 256)):
        rows = [row for row in BATCHES if lowest <= row.batch <= highest]
        needed = sorted(1 / row.ratio for row in rows)
        by_law = [row.ratio * (row.batch / REFERENCE_CONCURRENCY) ** CONCURRENCY_EXPONENT for row in rows]
        at_batch += by_law
        shares[name] = inside(rows)
        lines.append(
            f"| {name} | {len(rows)} | {needed[0]:.2f}-{needed[-1]:.2f}, median {median(needed):.2f} "
            f"| {shares[name]:.0%} | median {median(by_law):.2f}, mean factor x{mean_factor(by_law):.2f} |"
        )
    within_two = fmean(0.5 <= ratio <= 2 for ratio in at_batch)
    lines.append(
        f"| all | {len(at_batch)} | | {inside(BATCHES):.0%} | median {median(at_batch):.2f}, "
        f"mean factor x{mean_factor(at_batch):.2f}, {within_two:.0%} within x2 |"
    )
    print("\n" + "\n".join(lines))  # noqa: T201
    assert len(at_batch) == len(BATCHES) == 172
    assert min(shares.values()) >= 0.95
    assert 0.9 <= median(at_batch) <= 1.05
    assert mean_factor(at_batch) <= 1.35
    assert within_two >= 0.90


@pytest.mark.parametrize("tier", ["small", "medium", "large", "frontier", "reasoning"])
def test_the_reach_of_open_weights_is_measured_and_owes_nothing_to_the_requests(tier: str) -> None:
    # The highest value measured at 8 requests, times the largest published host share over the one used (2.0/1.571).
    needed = max(1 / row.ratio for row in BATCHES if row.batch == 8 and row.tier == tier) * 2.0 / SERVER_PER_ACCELERATOR
    assert law.reaches()["B", tier].output_multiply == pytest.approx(needed, rel=0.12)


def counted(rows: Iterable[Comparison]) -> dict[tuple[str, str], tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        key = "BC" if row.evidence in "BC" else row.evidence, row.tier
        number, number_inside = found[key]
        found[key] = number + 1, number_inside + row.inside
    return found


def test_the_counts_in_the_table_of_bounds_are_true() -> None:
    requests, low_batch = counted(REQUESTS), counted(row for row in BATCHES if row.batch == 8)
    text = (files("carbonspan") / "data" / "energy" / "bounds.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        key = row["evidence"], row["tier"]
        assert requests[key] == (int(row["requests"]), int(row["requests_inside"])), key
        before = sum(one.inside_before for one in REQUESTS if one.evidence in key[0] and one.tier == key[1])
        assert before == int(row["requests_inside_before"]), key
        assert low_batch[key] == (int(row["low_batch"]), int(row["low_batch_inside"])), key


def test_every_figure_is_cited_or_says_why_it_is_left_out() -> None:
    rows = published()
    assert len(rows) == 350
    for row in rows:
        assert row["source"]
        assert (row["use"] == "excluded") == bool(row["why_excluded"])
