# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Live hours reach the tables, and the command makes them anew and tells the Collector."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from carbonspan.cli._app import app
from carbonspan.collector._configuration import HOURS_AHEAD, Maker
from carbonspan.collector._request import STATEMENTS, Request
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._options import Settings

if TYPE_CHECKING:
    from pathlib import Path

COVERED = ("aws:eu-west-1", "aws:eu-north-1", "aws:us-east-1")


def hours_file(folder: Path, values: dict[int, float], zone: str = "IE") -> Path:
    """Write hours, given by how many lie between them and the present one."""
    this_hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = [f"{zone},{this_hour + timedelta(hours=at):%Y-%m-%dT%H:%M:%SZ},{value}" for at, value in values.items()]
    path = folder / "hours.csv"
    path.write_text("\n".join(["zone,hour,g_per_kwh", *rows]), encoding="utf-8")
    return path


def options_of(path: Path) -> dict[str, Any]:
    return {"grid": "file", "grid_options": {"file": {"path": str(path)}}, "grid_cache": False}


def present() -> int:
    return time.time_ns() // NS_PER_HOUR


def test_hours_of_live_zones_are_in_the_tables_until_they_are_too_old(tmp_path: Path) -> None:
    path = hours_file(tmp_path, {-1: 120.0, 0: 140.0})
    maker = Maker(Settings.resolve(options_of(path), {}), Request(STATEMENTS, covered=COVERED))
    try:
        hour = present()
        made = maker.make()
    finally:
        maker.close()
    if present() != hour:  # pragma: no cover
        pytest.skip("the hour turned while this ran")
    assert sorted(made.problems) == ["file SE-SE3: not_covered", "file US-MIDA-PJM: not_covered"]
    for ahead in range(-1, HOURS_AHEAD):
        assert f'"eu-west-1@{hour + ahead}":' in made.content
    assert '"stale"' in made.content
    assert '"eu-north-1@' not in made.content  # no live hour
    assert '"us-east-1@' not in made.content  # the profile tells its hours


def test_a_source_that_does_not_answer_is_named_and_the_tables_are_written(tmp_path: Path) -> None:
    maker = Maker(Settings.resolve(options_of(tmp_path / "none.csv"), {}), Request(STATEMENTS, covered=COVERED))
    try:
        made = maker.make()
    finally:
        maker.close()
    assert made.problems
    assert '"eu-west-1":{"f"' in made.content


_COUNTS_SIGHUP = """\
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
print("ready", flush=True)
while True:
    signal.sigwait({signal.SIGHUP})
    print("read again", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP on this system")
def test_it_goes_on_and_tells_the_collector_only_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hours_file(tmp_path, {0: 140.0})
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", f'{{"file": {{"path": "{path}"}}}}')
    monkeypatch.setenv("CARBONSPAN_GRID_CACHE", "false")
    output, rounds = tmp_path / "statements.yaml", []

    def next_hour(_: float) -> None:
        rounds.append(output.read_text("utf-8"))
        if len(rounds) == 3:
            raise KeyboardInterrupt
        if len(rounds) == 2:  # as if it had been another one that was written
            output.write_text("", encoding="utf-8")

    monkeypatch.setattr("carbonspan.cli._collector_config.sleep", next_hour)
    command = [sys.executable, "-c", _COUNTS_SIGHUP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as collector:  # noqa: S603 - Python
        assert collector.stdout is not None
        assert collector.stdout.readline() == "ready\n"
        arguments = ["--part", STATEMENTS, "--output", str(output), "--grid", "file", "--cover", COVERED[0]]
        arguments += ["--every", "60", "--reload-pid", str(collector.pid)]
        result = CliRunner().invoke(app, ["collector-config", *arguments])
        assert collector.stdout.readline() == "read again\n"
        assert collector.stdout.readline() == "read again\n"
        collector.terminate()
        assert collector.stdout.read() == ""
    assert result.output.count("written") == 2
    assert result.output.count("unchanged") == 1
    assert '"eu-west-1@' in rounds[0]


def test_a_collector_that_is_not_there_yet_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("carbonspan.cli._collector_config.sleep", stop)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    arguments = ["--part", "pipelines", "--output", str(tmp_path / "file"), "--reload-pid", str(gone.pid)]
    going_on = CliRunner().invoke(app, ["collector-config", *arguments, "--every", "5"])
    assert f"--reload-pid {gone.pid}" in going_on.output
    (tmp_path / "file").unlink()
    once = CliRunner().invoke(app, ["collector-config", *arguments])
    assert once.exit_code == 1
    assert "No such process" in once.output
