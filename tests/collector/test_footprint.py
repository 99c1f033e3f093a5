# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The constants of the energy model are in the statements, and what the tables hold is in reach of their functions."""

from __future__ import annotations

import math

import pytest

from carbonspan.collector import _footprint as footprints, _ottl as ottl
from carbonspan.core._regions import cloud_regions
from carbonspan.energy._coefficients import CONTEXT_TOKENS
from carbonspan.energy._registry import default_registry
from tests.collector.agreement import TIMES_NS, disagreements
from tests.collector.cases import CHAT, Case


def test_no_bound_that_the_tables_hold_is_out_of_their_reach() -> None:
    # The widest of a model, and 3 for what site and grid add: within 0 to 8.
    widest = 0.0
    for entry in default_registry().entries():
        for low, central, high in entry.coefficients:
            if central > 0.0:
                widest = max(widest, math.log(central / low), math.log(high / central))
    assert math.hypot(widest, 3.0) < 8.0


def test_the_constant_is_that_of_the_energy_model() -> None:
    assert any(ottl.number(CONTEXT_TOKENS) in statement for statement in footprints.joules())


@pytest.mark.parametrize("start_ns", TIMES_NS)
def test_regions_with_a_month_hour_profile_have_the_figures_of_the_processor(start_ns: int) -> None:
    regions = [name for name, region in cloud_regions().items() if region.zone.startswith("US-")]
    assert len(regions) > 10
    assert disagreements([Case(CHAT | {"cloud.region": region}) for region in regions], start_ns=start_ns) == {}
