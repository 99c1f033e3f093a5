# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Places are found in the processor's order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.collector import cases
from tests.collector.agreement import disagreements


def test_every_region_host_and_provider_of_the_tables_leads_to_the_same_place() -> None:
    assert disagreements(cases.places()) == {}


_IN_IRELAND = (("cloud.region", "eu-west-1"), ("cloud.provider", "aws"))


@pytest.mark.parametrize(
    "options",
    [
        {"region": "aws:eu-west-1"},
        {"region": "DEU"},
        {"regions": "openai=azure:swedencentral,llama-*=EU,aws.bedrock=GBR"},
        {"regions": "*=aws:us-east-1"},
        {"self_hosted": "openai,*.example.org"},
    ],
    ids=str,
)
def test_settings_lead_to_the_same_place(options: dict[str, Any]) -> None:
    some = list(cases.places())[::5]
    some += [case._replace(resource=_IN_IRELAND) for case in some if "cloud.region" not in case.attributes]
    assert disagreements(some, **options) == {}
