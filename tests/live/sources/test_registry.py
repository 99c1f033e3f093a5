# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The registry: every source by name, its options checked, and nothing imported too early."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from carbonspan.core.values import Basis
from carbonspan.grid.source import GridSource
from carbonspan.live.sources import SOURCES, make, spec_of
from tests.live.sources.faults import FaultServer, answer

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


def test_a_secret_from_the_environment_and_the_option_first(server: FaultServer) -> None:
    server.usual = answer({"DE": {"zoneName": "Germany"}})
    for options, environ in (
        ({}, {"ELECTRICITYMAPS_API_TOKEN": SECRET}),
        ({"token": SECRET}, {"ELECTRICITYMAPS_API_TOKEN": "other"}),
        ({"token": None}, {"ELECTRICITYMAPS_API_TOKEN": f" {SECRET}\n"}),
    ):
        source = make("electricity_maps", {**options, "url": server.url}, environ)
        assert source.capabilities().zones == {"DE"}
        assert server.requests.pop().headers["auth-token"] == SECRET
        assert SECRET not in repr(source)
        source.close()
