# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The options that sources share: what is allowed, and that no secret is in a message."""

from __future__ import annotations

from typing import Any

import pytest

from carbonspan.live.sources import make
from carbonspan.live.sources._options import timeouts

SECRET = "planted-1f2e3d4c"  # noqa: S105 - searched for


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("uk", {"colour": "red"}, "uk_carbon_intensity: unknown option 'colour'; allowed: region_id, url, timeout_s"),
        ("uk", {"region_id": 99}, "region_id=99 is not allowed; allowed: 1 to 17"),
        ("uk", {"timeout_s": 0}, "timeout_s=0 is not allowed"),
        ("uk", {"timeout_s": "1,2,3,4"}, "timeout_s='1,2,3,4' is not allowed"),
        ("uk", {"timeout_s": "soon"}, "timeout_s='soon' is not allowed"),
        ("uk", {"timeout_s": [None]}, "timeout_s=.* is not allowed"),
        ("uk", {"url": "ftp://x"}, "url is not allowed"),
        ("uk", {"url": "http://x:99999999"}, "url is not allowed"),
        ("uk", {"url": "http://x?y=1"}, "url is not allowed"),
        ("uk", {"url": 5}, "url is not allowed"),
        ("electricity_maps", {}, "token is missing .* ELECTRICITYMAPS_API_TOKEN"),
        ("electricity_maps", {"token": "k", "version": "v2"}, "version='v2' is not allowed; allowed: v4, v3"),
        ("watttime", {"username": "u"}, "password is missing .* WATTTIME_PASSWORD"),
        ("watttime", {"username": "u", "password": "p", "regions": "x"}, "regions='x' is not allowed"),
        ("watttime", {"username": "u", "password": "p", "regions": {"DE": 1}}, "regions=.* is not allowed"),
        ("watttime", {"username": "u", "password": "p", "regions": {"DE": ""}}, "regions=.* is not allowed"),
        ("energy_charts", {"basis": "marginal"}, "basis='marginal' is not allowed; allowed: life-cycle, direct"),
        ("file", {}, "path=None is not allowed"),
    ],
)
def test_options_that_are_not_allowed(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^grid source .*{message}") as caught:
        make(name, options, {})
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("electricity_maps", {"token": f"{SECRET}\nx"}),
        ("electricity_maps", {"token": f"{SECRET}é"}),
        ("uk", {"url": f"http://user:{SECRET}@localhost"}),
        ("watttime", {"username": "u", "password": [SECRET]}),
    ],
)
def test_no_secret_in_an_error(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        make(name, options, {})
    assert SECRET not in str(caught.value)


def test_timeouts() -> None:
    for given, expected in (
        (None, (3.05, 10, 30)),
        (5, (5, 5, 30)),
        ("2,3", (2, 3, 30)),
        ((2, 60), (2, 60, 62)),
        ((1, 2, 3), (1, 2, 3)),
    ):
        assert timeouts(given) == expected
