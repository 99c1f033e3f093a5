# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A place's entry holds what footprints need of it."""

from __future__ import annotations

from carbonspan.collector import _places as places
from carbonspan.estimate.footprint import rates
from carbonspan.grid._resolver import Resolver
from carbonspan.site import site_of
from carbonspan.site._places import region_place


def test_a_place_holds_what_footprints_need() -> None:
    place = region_place("eu-west-1", "", "")
    assert place is not None
    entry = places.figures(place, Resolver(), 0, None)
    assert entry is not None
    intensity = Resolver().at(place, 0, 0)
    assert intensity is not None
    site = site_of(place)
    expected = (*rates(site, intensity).figures, intensity.intensity_g_per_kwh.central, site.pue.central)
    assert entry["f"] == list(expected)
    assert len(expected) == len(places.FIGURES)
