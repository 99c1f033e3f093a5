# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The command as a user calls it, and what it says about wrong input."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import carbonspan
from tests.cli.running import as_json, call

if TYPE_CHECKING:
    import pathlib

ESTIMATE = ("estimate", "gpt-4o", "--input", "1000", "--output", "1000", "--at", "2026-03-01T12:00Z")


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
