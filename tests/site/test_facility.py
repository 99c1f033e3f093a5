# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""PUE and water: figures, fallbacks, and the rules that the bounds follow."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from carbonspan.core._regions import CloudRegion, cloud_regions, geographies
from carbonspan.core._tables import rows
from carbonspan.core.values import Place, Range, Site
from carbonspan.site import load, parse_region, regions, site_of

FIGURES = rows("sites/pue_wue.csv")
DRIFT = 1.12  # of PUE - 1 in a year, see data/sites/README.md


def own(operator: str, column: str, macro_region: str = "") -> list[float]:
    return [
        float(row[column])
        for row in FIGURES
        if row["operator"] == operator
        and row["region"] in cloud_regions()
        and row["pue_kind"] != "average"
        and (column == "pue" or row["wue_kind"] in {"region", "dated"})
        and macro_region in {"", geographies()[cloud_regions()[row["region"]].geography].macro_region}
    ]


@pytest.mark.parametrize(("region", "site"), regions(), ids=lambda value: getattr(value, "id", ""))
def test_every_region_has_a_facility(region: CloudRegion, site: Site) -> None:
    assert (site.place.operator, site.place.region, site.place.zone) == (region.operator, region.id, region.zone)
    assert 1.0 < site.pue.low <= site.pue.central <= site.pue.high < 2.0
    water = site.wue_onsite_l_per_kwh
    assert 0.0 <= water.low <= water.central <= water.high <= 2.85 * 1.5
    off = site.wue_offsite_l_per_kwh
    assert 0.0 < off.low < off.central < off.high
    assert site.source


def test_the_list_is_ordered_and_whole() -> None:
    listed = [region for region, _ in regions()]
    assert len(listed) == 216
    assert all((a.operator, a.id) < (b.operator, b.id) for a, b in pairwise(listed))
    assert next(region for region in listed if region.id == "us-west-2") == CloudRegion(
        operator="aws",
        id="us-west-2",
        city="Oregon (Umatilla/Morrow area)",
        country="USA",
        zone="US-NW-BPAT",
        zone_alt="US-NW-PACW",
        egrid_subregion="NWPP",
        geography="US",
        confidence="medium",
    )


@pytest.mark.parametrize(
    ("text", "pue", "wue", "source"),
    [
        ("us-east-1", 1.15, 0.06, "aws:us-east-1:region:2025"),
        ("eu-central-1", 1.24, 0.17, "aws:eu-central-1:region:2025"),
        ("ap-northeast-3", 1.46, 0.12, "aws:ap-northeast-3:region:2025"),  # no water figure: the fleet's
        ("eu-central-2", 1.11, 0.05, "aws:eu-central-2:average:2025"),
        ("ap-east-1", 1.14, 0.12, "aws:fleet:2025"),
        ("us-east5", 1.06, 1.15, "gcp:us-east5:region:2025"),
        ("me-west1", 1.09, 1.15, "gcp:fleet:2025"),
        ("northeurope", 1.197, 0.03, "azure:northeurope:dated:2022"),  # Ireland, not Finland
        ("westus2", 1.156, 1.09, "azure:westus2:dated:2022"),  # the sheet for Washington
        ("westus", 1.16, 0.34, "azure:Americas:macro:FY2025"),
        ("indonesiacentral", 1.32, 1.9, "azure:indonesiacentral:dated:2022"),
        ("uksouth", 1.16, 0.03, "azure:EMEA:macro:FY2025"),
        ("japaneast", 1.28, 0.25, "azure:Asia Pacific:macro:FY2025"),
        ("chinaeast2", 1.28, 0.25, "azure:Asia Pacific:macro:FY2025"),
        ("azure:EU", 1.16, 0.03, "azure:EMEA:macro:FY2025"),
        ("azure:WORLD", 1.17, 0.27, "azure:fleet:FY2025"),
        ("aws:US-GOV", 1.14, 0.12, "aws:fleet:2025"),
        ("oracle:us-ashburn-1", 1.34, 0.36, "oracle:us-ashburn-1:dated:2023"),
        ("oracle:eu-paris-1", 1.38, 0.36, "oracle:fleet:2023"),
        ("hetzner:fsn1", 1.54, 0.36, "unknown:2025"),
        ("WORLD", 1.54, 0.36, "unknown:2025"),
    ],
)
def test_which_figure_holds(text: str, pue: float, wue: float, source: str) -> None:
    site = site_of(parse_region(text))
    assert (site.pue.central, site.wue_onsite_l_per_kwh.central, site.source) == (pue, wue, source)


@pytest.mark.parametrize(
    ("operator", "pue", "wue"),
    [
        ("openai", Range(1.06, 1.17, 1.54), Range(0.0, 0.27, 2.85)),
        ("anthropic", Range(1.06, 1.13, 1.54), Range(0.12, 0.37, 1.15)),  # a range in its source
        ("mistral", Range(1.06, 1.16, 1.54), Range(0.0, 0.09, 2.85)),
        ("deepseek", Range(1.06, 1.27, 1.54), Range(0.0, 1.2, 2.85)),
        ("xai", Range(1.06, 1.2, 1.54), Range(0.0, 0.36, 2.85)),
        ("meta", Range(1.06, 1.08, 1.13), Range(0.0, 0.18, 2.85)),
        ("groq", Range(1.1, 1.54, 1.8), Range(0.0, 0.36, 2.85)),
    ],
)
def test_providers_that_disclose_no_region(operator: str, pue: Range, wue: Range) -> None:
    site = site_of(Place(operator, "US", "provider_default", "", "USA", "US"))
    assert (site.pue, site.wue_onsite_l_per_kwh) == (pue, wue)


def test_what_was_read_elsewhere_says_where() -> None:
    for row in FIGURES:
        if row["pue_kind"] in {"region", "average", "dated", "macro"}:
            assert "as listed by https://github.com/Green-Software-Foundation/real-time-cloud" in row["source"]
    # a placeholder has no year
    assert [row["year"] for row in FIGURES if row["operator"] == "xai"] == [""]


def test_a_geography_that_nobody_knows_is_no_error() -> None:
    assert site_of(Place("azure", "x", "unknown")).source == "azure:fleet:FY2025"


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: f"{row['operator']}:{row['region']}")
def test_the_bounds_follow_the_rules(row: dict[str, str]) -> None:
    low, pue, high = (float(row[name]) for name in ("pue_low", "pue", "pue_high"))
    operator = row["operator"]
    region = cloud_regions().get(row["region"])
    macro = geographies()[region.geography].macro_region if region else row["region"]
    if row["pue_kind"] == "region":
        expected = (1 + (pue - 1) / DRIFT, 1 + (pue - 1) * DRIFT)
    elif row["pue_kind"] == "average":
        expected = (min(own(operator, "pue", macro)), max(own(operator, "pue", macro)))
    elif row["pue_kind"] == "dated" and operator == "azure":
        current = next(float(r["pue"]) for r in FIGURES if (r["operator"], r["region"]) == ("azure", macro))
        expected = (1 + (min(pue, current) - 1) / DRIFT, 1 + (max(pue, current) - 1) * DRIFT)
    elif row["pue_kind"] == "dated":
        expected = (1 + (pue - 1) / DRIFT**2, 1 + (pue - 1) * DRIFT**2)
    elif row["pue_kind"] in {"macro", "fleet"} and operator != "meta":
        figures = [*own(operator, "pue", macro), pue]
        expected = (min(figures), max(figures))
    elif row["pue_kind"] == "assumption":
        expected = (min(float(r["pue"]) for r in FIGURES), 1.54)
    else:
        expected = (low, high)
    assert (low, high) == pytest.approx(expected, abs=0.0006)
    water_low, water, water_high = (float(row[f"wue{name}_l_per_kwh"]) for name in ("_low", "", "_high"))
    if row["wue_kind"] == "region":
        assert (water_low, water_high) == pytest.approx((water / 1.5, water * 1.5), rel=1e-3)
    elif row["wue_kind"] in {"fleet", "macro"} and operator in {"aws", "azure"}:
        figures = [*own(operator, "wue_l_per_kwh", macro if row["wue_kind"] == "macro" else ""), water]
        assert (water_low, water_high) == (min(figures), max(figures))
    elif row["wue_kind"] == "unknown":
        assert (water_low, water, water_high) == (0.0, 0.36, 2.85)
    assert water_low <= water <= water_high


@pytest.mark.parametrize(
    ("place", "water"),
    [
        (parse_region("us-east-1"), Range(1.565, 3.13, 6.26)),
        (parse_region("US"), Range(1.565, 3.13, 6.26)),
        (parse_region("eu-north-1"), Range(3.015, 6.03, 12.06)),
        (parse_region("ap-southeast-1"), Range(1.48, 3.91, 18.6)),  # Singapore has no figure: the world's
        (parse_region("EU"), Range(1.48, 3.91, 18.6)),
    ],
)
def test_water_off_site(place: Place, water: Range) -> None:
    assert site_of(place).wue_offsite_l_per_kwh == pytest.approx(water)


def test_a_users_pue_is_certain() -> None:
    place = parse_region("us-east-1")
    site = site_of(place, pue_override=1.3)
    assert site.pue == Range(1.3, 1.3, 1.3)
    assert site.wue_onsite_l_per_kwh == site_of(place).wue_onsite_l_per_kwh
    assert site.source == "pue:setting, wue:aws:us-east-1:region:2025"
    assert site_of(place, pue_override=1).pue.central == 1.0
    assert site_of(place).pue.central == 1.15


@pytest.mark.parametrize("pue", [0.99, 0.0, -1.0, math.nan, math.inf])
def test_what_is_no_pue(pue: float) -> None:
    with pytest.raises(ValueError, match="PUE"):
        site_of(parse_region("us-east-1"), pue_override=pue)


def test_what_is_loaded_is_the_worlds() -> None:
    load()
    assert site_of(Place("", "WORLD", "unknown", geography="WORLD")).source == "unknown:2025"
