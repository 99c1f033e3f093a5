# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The registry: every source by name, its options checked, its secrets never told, nothing imported too early."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from carbonspan.core.values import Basis
from carbonspan.grid.source import GridSource
from carbonspan.live.sources import SOURCES, make, spec_of

KEYS = {"ELECTRICITYMAPS_API_TOKEN": "k", "WATTTIME_USERNAME": "u", "WATTTIME_PASSWORD": "p"}
NEEDED: dict[str, dict[str, Any]] = {"file": {"path": "hours.csv"}, "function": {"function": print}}
SECRET = "planted-1f2e3d4c"  # noqa: S105 - searched for


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_can_be_made_and_is_what_it_says(name: str) -> None:
    source = make(name, NEEDED.get(name), KEYS)
    assert isinstance(source, GridSource)
    assert source.name == name
    assert not source.serves("", Basis.MARGINAL)
    spec = SOURCES[name]
    assert spec.environment.keys() <= spec.options.keys()
    assert all((spec.description, spec.zones, spec.basis, spec.licence))
    assert spec_of(f" {name.upper()} ") is spec
    assert spec.shared is (name not in {"file", "function"})
    source.close()


def test_aliases() -> None:
    assert make("uk").name == "uk_carbon_intensity"
    assert make("uk", {"region_id": 13}).name == "uk_carbon_intensity:13"
    assert make("uk", {"region_id": ""}).name == "uk_carbon_intensity"


def test_a_name_that_is_none() -> None:
    for name in ("", "bundled", "electricitymap", None):
        with pytest.raises(ValueError, match=r"no grid source is named .* allowed: .*uk_carbon_intensity"):
            make(name)  # type: ignore[arg-type]


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


def test_a_secret_from_the_environment_and_the_option_first() -> None:
    for source in (
        make("electricity_maps", {}, {"ELECTRICITYMAPS_API_TOKEN": SECRET}),
        make("electricity_maps", {"token": SECRET}, {"ELECTRICITYMAPS_API_TOKEN": "other"}),
        make("electricity_maps", {"token": None}, {"ELECTRICITYMAPS_API_TOKEN": f" {SECRET}\n"}),
    ):
        assert vars(source)["_headers"] == {"auth-token": SECRET}
        assert SECRET not in repr(source)


def test_timeouts() -> None:
    for given, expected in (
        (None, (3.05, 10, 30)),
        (5, (5, 5, 30)),
        ("2,3", (2, 3, 30)),
        ((2, 60), (2, 60, 62)),
        ((1, 2, 3), (1, 2, 3)),
    ):
        assert vars(vars(make("uk", {"timeout_s": given}))["_client"])["_timeouts"] == expected


def test_nothing_is_imported_before_a_source_is_made() -> None:
    code = (
        "import sys, carbonspan, carbonspan.grid, carbonspan.live.sources as sources\n"
        "sources.SOURCES['watttime']\n"
        "late = {'requests', 'urllib3', 'sqlite3', 'platformdirs', 'carbonspan.live.sources._http'}\n"
        "late &= set(sys.modules)\n"
        "assert not late, late\n"
        "sources.make('uk')\n"
        "assert 'requests' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)  # noqa: S603 - our own text
