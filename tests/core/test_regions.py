# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of places: all 216 cloud regions, and that the tables agree with each other."""

from __future__ import annotations

import subprocess
import sys

from carbonspan.core._regions import cloud_regions, countries, geographies, zones
from carbonspan.core._tables import rows


def test_no_region_is_missing() -> None:
    by_operator: dict[str, int] = {}
    for region in cloud_regions().values():
        by_operator[region.operator] = by_operator.get(region.operator, 0) + 1
    assert by_operator == {
        "aws": 38,
        "azure": 67,
        "gcp": 44,
        "hetzner": 6,
        "ibm": 12,
        "oracle": 31,
        "ovh": 14,
        "scaleway": 4,
    }


READING = """
import collections, pkgutil
read, plain = collections.Counter(), pkgutil.get_data
pkgutil.get_data = lambda package, name: (read.update([name]), plain(package, name))[1]
from carbonspan import site
from carbonspan.grid import Basis, bundled_sources
from carbonspan.grid._resolver import Resolver
site.load()
locator, resolvers = site.Locator(), [Resolver(basis=basis) for basis in Basis]
loaded = read.total()
host = {"server.address": "bedrock-runtime.us-west-2.amazonaws.com"}
calls = [("aws.bedrock", "x", host), ("aws.bedrock", "eu.x.y", {}), ("vllm", "x", {}), ("nobody", "", {})]
for provider, model, attributes in calls:
    for resource in ({}, {"cloud.region": "eu-west-1"}):
        place = locator.locate(attributes, provider=provider, model=model, resource_attributes=resource)
        site.site_of(place)
        assert all(resolver.at(place, 10**18, 10**18) for resolver in resolvers)
site.regions(), bundled_sources()
print(loaded, read.total(), max(read.values()))
"""


def test_each_table_is_read_once_in_a_process_and_none_for_a_span() -> None:
    done = subprocess.run([sys.executable, "-c", READING], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    loaded, read, most = map(int, done.stdout.split())
    assert loaded == read > 10
    assert most == 1


def test_no_row_is_lost_to_one_of_the_same_name() -> None:
    assert len(cloud_regions()) == len(rows("sites/cloud_regions.csv"))
    assert len(countries()) == len(rows("sites/countries.csv"))
    assert len(geographies()) == len(rows("sites/geographies.csv"))
    assert len(zones()) == len(rows("electricity_maps_yearly_odbl/yearly.csv")) == 352


def test_what_a_row_names_is_there() -> None:
    for region in cloud_regions().values():
        assert region.country in countries()
        assert region.zone in zones()
        assert region.confidence in {"high", "medium", "low"}
        assert (region.egrid_subregion != "") == (region.country == "USA"), region
    for country in countries().values():
        assert country.geography in geographies()
        assert country.zone in zones() or not country.zone
    for geography in geographies().values():
        assert geography.country in countries() or not geography.country
        assert all(alias == alias.lower() for alias in geography.aliases)


def test_every_geography_ends_in_the_world_or_stands_alone() -> None:
    table = geographies()
    for code in table:
        seen = [code]
        while table[seen[-1]].parent:
            seen.append(table[seen[-1]].parent)
            assert len(seen) < 5
        assert seen[-1] in {"WORLD", "CHINA"}
