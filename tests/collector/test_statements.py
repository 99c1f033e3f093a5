# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The groups of statements, in their order."""

from __future__ import annotations

import pytest

from carbonspan.collector import _models as models, _ottl as ottl, _places as places, _statements as statements
from carbonspan.core._options import Settings
from carbonspan.counting import _attribution as attribution
from carbonspan.grid._resolver import Resolver
from tests.collector import cases
from tests.collector.agreement import disagreements


def test_flags_are_those_of_the_processor() -> None:
    settings = Settings.resolve({}, {})
    covered = places.places(settings, Resolver(), ("eu-west-1",), range(0))
    group = statements.groups(settings, models.models(settings), covered)[-1]
    assert all(ottl.escaped(event) in group.condition.replace("\\\\", "\\") for event in attribution.FLAG_EVENTS)
    assert attribution.FLAG_KEY in group.condition
    variants = [f"[{ottl.text(variant)}]" for variant in attribution.FLAG_VARIANTS]
    positions = [group.statements[0].index(variant) for variant in variants]
    assert positions == sorted(positions)  # the first that is there is taken


@pytest.mark.parametrize("level", ["minimal", "standard"])
def test_each_level_has_the_attributes_of_the_processor(level: str) -> None:
    assert disagreements(list(cases.usages())[::9], attributes=level) == {}
