# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Predicted against published energy: prints the comparison (pytest -s) and holds its aggregate error and its bounds.

Every figure is predicted from its token counts, at its own boundary and its source's own PUE. Families of sources are
weighted equally in the balanced figures, because one of them has two thirds of the rows.
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

from carbonspan.energy import TokenModel, default_registry
from carbonspan.energy.bounds import reaches
from carbonspan.energy.law import CONCURRENCY_EXPONENT, REFERENCE_CONCURRENCY, SERVER_PER_ACCELERATOR
from carbonspan.values import J_PER_WH, Role, Usage

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

    @property
    def ratio(self) -> float:
        return self.predicted_wh / self.published_wh


def published() -> list[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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
            )
        )
    return found


REQUESTS = compared("request")
BATCHES = compared("batch")


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
    balanced_inside = fmean(inside(rows) for rows in by_family(REQUESTS).values())
    mean, factor = balanced_mean(REQUESTS), balanced_factor(REQUESTS)
    balance = f"geometric mean {mean:.2f} | mean factor x{factor:.2f} | {balanced_inside:.0%}"
    lines.append(f"| each family once | {len(REQUESTS)} | {balance} |")
    lines.append(f"| each row once | {len(REQUESTS)} | | | {inside(REQUESTS):.0%} |")
    print("\n" + "\n".join(lines))  # noqa: T201 - the table is what this test is run for
    assert len(REQUESTS) == 61
    assert 0.85 <= mean <= 1.15
    assert 1.75 <= factor <= 2.1
    assert balanced_inside >= 0.90


def test_four_of_five_requests_lie_inside_their_bounds() -> None:
    assert inside(REQUESTS) >= 0.90  # the aim is 0.80: the rest is margin for figures not seen here


@pytest.mark.parametrize("left_out", sorted(by_family(REQUESTS)))
def test_no_one_source_makes_the_result(left_out: str) -> None:
    rest = [row for row in REQUESTS if row.family != left_out]
    assert inside(rest) >= 0.85
    assert 0.75 <= balanced_mean(rest) <= 1.3


@pytest.mark.parametrize("left_out", sorted({row.entry for row in REQUESTS}))
def test_no_one_model_makes_the_result(left_out: str) -> None:
    assert inside(row for row in REQUESTS if row.entry != left_out) >= 0.85


def test_flagships_need_no_wider_bounds_than_a_third_to_four_times() -> None:
    flagships = [row for row in REQUESTS if row.evidence == "D" and row.tier in {"frontier", "ultra"}]
    assert len(flagships) == 19
    assert inside(flagships) == 1.0
    for entry in default_registry().entries():
        if entry.evidence == "D" and entry.tier in {"frontier", "ultra"}:
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
        law = [row.ratio * (row.batch / REFERENCE_CONCURRENCY) ** CONCURRENCY_EXPONENT for row in rows]
        at_batch += law
        shares[name] = inside(rows)
        lines.append(
            f"| {name} | {len(rows)} | {needed[0]:.2f}-{needed[-1]:.2f}, median {median(needed):.2f} "
            f"| {shares[name]:.0%} | median {median(law):.2f}, mean factor x{mean_factor(law):.2f} |"
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
    assert reaches()["B", tier].output_multiply == pytest.approx(needed, rel=0.12)


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
        assert low_batch[key] == (int(row["low_batch"]), int(row["low_batch_inside"])), key


def test_every_figure_is_cited_or_says_why_it_is_left_out() -> None:
    rows = published()
    assert len(rows) == 350
    for row in rows:
        assert row["source"]
        assert (row["use"] == "excluded") == bool(row["why_excluded"])
