# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The check of a user's own energy model, and what its author may import."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from carbonspan import energy as room
from carbonspan.core._outcome import Role
from carbonspan.energy import Energy, EnergyModel, Range, Usage
from carbonspan.energy.model import CheckedModel

USAGE = Usage(Role.INFERENCE, "chat", "acme", "acme-1", "acme-1", "", 1000, 100)
ENERGY = Energy(
    it_j=Range(1.0, 2.0, 3.0),
    cache_savings_it_j=0.5,
    model_id="acme-1",
    model_known=True,
    tier="small",
    evidence="A",
    method="acme/1",
)


class Own:
    """A user's model, which returns what it is given."""

    name = "acme"
    version = "1"

    def __init__(self, energy: Energy) -> None:
        self.energy = energy
        self.seen: list[Usage] = []

    def estimate(self, usage: Usage) -> Energy:
        self.seen.append(usage)
        return self.energy


def test_what_can_be_written_is_passed_on() -> None:
    own = Own(ENERGY)
    model: EnergyModel = CheckedModel(own)
    assert model.estimate(USAGE) is ENERGY
    assert own.seen == [USAGE]
    assert (model.name, model.version) == ("acme", "1")


@pytest.mark.parametrize("it_j", [(0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (0.0, 1e-9, 1e9)])
def test_bounds_may_meet_and_may_be_zero(it_j: tuple[float, float, float]) -> None:
    energy = ENERGY._replace(it_j=Range(*it_j), cache_savings_it_j=0.0)
    assert CheckedModel(Own(energy)).estimate(USAGE).it_j == it_j


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"it_j": Range(-1.0, 2.0, 3.0)}, r"it_j is Range\(low=-1.0, .*; allowed: 0 <= low <= central <= high, finite"),
        ({"it_j": Range(2.5, 2.0, 3.0)}, r"it_j is .*; allowed: 0 <= low"),
        ({"it_j": Range(1.0, 4.0, 3.0)}, r"it_j is .*; allowed: 0 <= low"),
        ({"it_j": Range(1.0, 2.0, math.inf)}, r"it_j is .*; allowed: 0 <= low"),
        ({"it_j": Range(1.0, math.nan, 3.0)}, r"it_j is .*; allowed: 0 <= low"),
        ({"cache_savings_it_j": -0.1}, r"cache_savings_it_j is -0.1; allowed: 0 or more, finite"),
        ({"cache_savings_it_j": math.inf}, r"cache_savings_it_j is inf; allowed: 0 or more, finite"),
        ({"cache_savings_it_j": math.nan}, r"cache_savings_it_j is nan; allowed: 0 or more, finite"),
        ({"model_id": None}, r"model_id is None; allowed: a string"),
        ({"tier": 3}, r"tier is 3; allowed: a string"),
        ({"evidence": b"A"}, r"evidence is b'A'; allowed: a string"),
        ({"method": ("a",)}, r"method is \('a',\); allowed: a string"),
    ],
)
def test_refuses_what_cannot_be_written(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^the energy model's {message}"):
        CheckedModel(Own(ENERGY._replace(**changed))).estimate(USAGE)


def test_the_page_for_own_models_documents_what_is_public() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "energy-model.md"
    documented = re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(room.__all__)
