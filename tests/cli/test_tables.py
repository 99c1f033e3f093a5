# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `estimate`, `models` and `regions` show."""

from __future__ import annotations

import pytest

from tests.cli.running import as_json, call

ESTIMATE = ("estimate", "gpt-4o", "--input", "1000", "--output", "1000", "--at", "2026-03-01T12:00Z")


def test_estimate_prints_figures_bounds_units_and_what_they_stand_on() -> None:
    text = call(*ESTIMATE, "--region", "aws:eu-west-1", "--cached", "500").output
    for expected in ("gCO2e", "Wh", "mL", "gpt-4o, grade D", "eu-west-1 (setting)", "IE", "saved by the cache", "–"):
        assert expected in text
    assert "An estimate, not a measurement" in text


def test_estimate_as_json_is_what_the_function_returns() -> None:
    got = as_json(*ESTIMATE, "--region", "aws:eu-west-1")
    assert got["energy_it_j"]["central"] == pytest.approx(4583.9)
    assert got["intensity"]["zone"] == "IE"
    assert got["intensity"]["hour"] == "2026-03-01T12:00:00+00:00"
    assert got["emissions_g"]["low"] < got["emissions_g"]["central"] < got["emissions_g"]["high"]


def test_estimate_of_an_unknown_model_says_so() -> None:
    text = call("estimate", "nobody-knows-me", "--input", "1", "--output", "1").output
    assert "not in the registry" in text


def test_models_lists_the_registry_and_filters() -> None:
    everything = as_json("models")
    assert len(everything) > 130
    assert all(row["source"] and row["evidence"] in "ABCDE" for row in everything)
    claude = as_json("models", "claude")
    assert claude
    assert all("claude" in row["id"] for row in claude)
    assert "gpt-4o-mini" in call("models", "gpt-4o").output


def test_models_shows_what_a_full_name_resolves_to() -> None:
    (row,) = as_json("models", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert row["known"] is True
    text = call("models", "nobody-knows-me").output
    assert "stands in for it" in text


def test_regions_lists_and_filters() -> None:
    assert len(as_json("regions")) == 216
    (row,) = [r for r in as_json("regions", "eu-west-1") if r["region"] == "aws:eu-west-1"]
    assert (row["zone"], row["country"]) == ("IE", "IRL")
    assert row["intensity_g_per_kwh"]["central"] == pytest.approx(301)
    assert "aws:eu-west-1" in call("regions", "dublin").output
    assert " or " in call("regions", "us-west-2").output
    assert "No region matches" in call("regions", "atlantis").output
