# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands share: how wide their output is, and warnings that become part of it."""

from __future__ import annotations

import logging

import pytest
from rich.console import Console

from carbonspan.cli._output import collected_warnings, console
from carbonspan.core._options import warn_once
from tests.cli.running import call


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("models", "claude"), "claude-sonnet-newer"),
        (("regions", "sweden"), "azure:swedencentral"),
        (("regions", "us-west"), "gcp:us-west3"),
        (("doctor",), "CARBONSPAN_BASIS_STRICT"),
    ],
)
@pytest.mark.parametrize("columns", [80, 100, 132, 200])
def test_names_and_numbers_are_whole_at_any_width(
    command: tuple[str, ...], name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbonspan.cli._output.console", lambda: Console(width=columns))
    text = call(*command).output
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    assert name in text


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("200", 200), ("", 132), ("wide", 132)])
def test_a_pipe_is_wide_enough_for_the_tables_unless_columns_says_otherwise(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert console().width == width


def test_warnings_are_collected_and_not_logged_even_those_given_before(caplog: pytest.LogCaptureFixture) -> None:
    warn_once("something is wrong")
    caplog.clear()
    with collected_warnings() as messages:
        warn_once("something is wrong")
        logging.getLogger("carbonspan.somewhere").info("nothing of note")
    assert messages == ["something is wrong"]
    assert caplog.messages == []
    warn_once("something else")
    assert caplog.messages == ["something else"]
