# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The command as a user calls it: what it prints, and what it says of wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import carbonspan
from carbonspan.cli._app import app
from carbonspan.core._options import OPTIONS
from carbonspan.otel._writeback import Path

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

ESTIMATE = ("estimate", "gpt-4o", "--input", "1000", "--output", "1000", "--at", "2026-03-01T12:00Z")


def call(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), env=env, catch_exceptions=False)


def as_json(*arguments: str, env: Mapping[str, str] | None = None, status: int = 0) -> Any:
    result = call(*arguments, "--json", env=env)
    assert result.exit_code == status, result.output
    return json.loads(result.output)


def test_estimate_prints_figures_bounds_units_and_what_they_stand_on() -> None:
    text = call(*ESTIMATE, "--region", "aws:eu-west-1", "--cached", "500").output
    for expected in ("gCO2e", "Wh", "mL", "gpt-4o, grade D", "eu-west-1 (setting)", "IE", "avoided by cache", "–"):
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


def test_a_time_without_a_zone_is_utc() -> None:
    got = as_json(*ESTIMATE[:-1], "2026-03-01T12:30")
    assert got["intensity"]["hour"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*ESTIMATE[:-1], "noon"), "an ISO 8601 time"),
        ((*ESTIMATE, "--region", "aws:nowhere-1"), "option 'region' is 'aws:nowhere-1'"),
        ((*ESTIMATE, "--pue", "0.5"), "option 'pue' is 0.5; allowed: a number from 1"),
        ((*ESTIMATE, "--cached", "2000"), "cached_input_tokens is 2000"),
        (("estimate", "gpt-4o", "--input", "-1", "--output", "1"), "--input"),
    ],
)
def test_wrong_input_is_one_clear_line_and_a_status(arguments: tuple[str, ...], says: str) -> None:
    result = call(*arguments)
    assert result.exit_code != 0
    assert says in result.output
    assert "Traceback" not in result.output


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


def test_doctor_says_what_is_in_use_and_from_where() -> None:
    report = as_json("doctor", env={"CARBONSPAN_PUE": "1.3"})
    assert report["writeback"]["path"] in {"rebind_ending", "set_attributes"}
    assert report["problems"] == []
    assert {row["option"] for row in report["options"]} == {option.name for option in OPTIONS}
    (pue,) = [row for row in report["options"] if row["option"] == "pue"]
    assert (pue["value"], pue["from"]) == (1.3, "environment")
    assert "Nothing is missing." in call("doctor").output


def test_doctor_names_a_wrong_variable() -> None:
    report = as_json("doctor", env={"CARBONSPAN_BASIS": "average"}, status=1)
    assert any("CARBONSPAN_BASIS is 'average'" in problem for problem in report["problems"])
    assert "CARBONSPAN_BASIS" in call("doctor", env={"CARBONSPAN_BASIS": "average"}).output


def test_doctor_on_a_disabled_or_older_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(
        "OTEL_SDK_DISABLED" in p for p in as_json("doctor", env={"OTEL_SDK_DISABLED": "true"}, status=1)["problems"]
    )
    monkeypatch.setattr("carbonspan.cli._doctor.path", lambda: Path.REBIND_END)
    assert any("before the exporting processor" in p for p in as_json("doctor", status=1)["problems"])


def test_doctor_misses_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.core._option_values.find_spec", lambda _: None)
    problems = as_json("doctor", env={"CARBONSPAN_ENERGY": "ecologits"}, status=1)["problems"]
    assert any("carbonspan[ecologits]" in problem for problem in problems)


def test_doctor_names_a_misspelt_variable() -> None:
    problems = as_json("doctor", env={"CARBONSPAN_REGOIN": "EU"}, status=1)["problems"]
    assert any("CARBONSPAN_REGOIN is no option; did you mean CARBONSPAN_REGION?" in problem for problem in problems)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("models", "claude"), "claude-sonnet-newer"),
        (("regions", "sweden"), "azure:swedencentral"),
        (("doctor",), "CARBONSPAN_BASIS_STRICT"),
    ],
)
@pytest.mark.parametrize("columns", [80, 100, 200])
def test_names_and_numbers_are_whole_at_any_width(
    command: tuple[str, ...], name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbonspan.cli._app._console", lambda: Console(width=columns))
    text = call(*command).output
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    assert name in text


def test_demo_shows_and_draws(tmp_path: pathlib.Path) -> None:
    picture = tmp_path / "demo.svg"
    assert call("demo", "--svg", str(picture)).exit_code == 0
    assert "right-sized" in picture.read_text(encoding="utf-8")


def test_demo_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    result = call("demo")
    assert result.exit_code == 1
    assert "OTEL_SDK_DISABLED" in result.output


def test_version() -> None:
    assert carbonspan.__version__ in call("--version").output


def test_without_its_libraries_the_command_names_the_extra() -> None:
    code = "import sys; sys.modules['click'] = None; from carbonspan.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr == "the carbonspan command needs click: pip install 'carbonspan[cli]'\n"
