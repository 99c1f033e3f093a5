# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan collector-config`: its errors, the file it writes, when it makes it anew, and whom it tells."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from carbonspan.cli._app import app
from carbonspan.cli._collector_config import pause_s, reload, write
from carbonspan.collector import STATEMENTS
from tests.collector.hours import COVERED, hours_file

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cover", "nowhere"], "unknown region 'nowhere'"),
        (["--cover", "EU"], "--cover 'EU'; allowed: a cloud region"),
        (["--grid", "uk"], "allowed: --cover REGION"),
        (["--pue", "0.5"], "option 'pue' is '0.5'"),
        (["--every", "5"], "need --output"),
        (["--reload-pid", "1"], "need --output"),
        (["--part", "half"], "'half' is not one of"),
    ],
)
def test_errors_name_option_value_and_what_is_allowed(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["collector-config", *arguments])
    assert result.exit_code in {1, 2}
    assert said in result.output


def test_another_energy_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBONSPAN_ENERGY", "ecologits")
    result = CliRunner().invoke(app, ["collector-config"])
    assert "option 'energy' is not 'carbonspan'" in result.output


def test_the_exit_status_says_whether_the_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "pipelines.yaml"
    arguments = ["collector-config", "--part", "pipelines", "--output", str(path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    before = path.stat()
    assert CliRunner().invoke(app, arguments).exit_code == 3
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # reading it moves its atime
    assert CliRunner().invoke(app, [*arguments, "--cohorts", "user.cohort"]).exit_code == 0
    assert "user.cohort" in path.read_text("utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["pipelines.yaml"]


def test_a_file_keeps_its_mode_and_a_failure_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    assert write(path, "one")
    path.chmod(0o640)
    assert write(path, "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write(path, "three")
    assert path.read_text("utf-8") == "two"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


_WAITS_FOR_SIGHUP = """\
import signal, sys
signal.signal(signal.SIGHUP, lambda *_: sys.exit(42))
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP on this system")
def test_a_process_is_told_by_its_id_or_by_a_file_that_holds_it(tmp_path: Path) -> None:
    for by_file in (False, True):
        command = [sys.executable, "-c", _WAITS_FOR_SIGHUP]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - Python
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            named = str(process.pid)
            if by_file:
                (tmp_path / "pid").write_text(f"{named}\n", encoding="ascii")
                named = str(tmp_path / "pid")
            assert reload(named) == process.pid
            assert process.wait(30) == 42


def test_what_is_no_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero").write_text("0\n", encoding="ascii")
    for named in (str(tmp_path / "none"), "0", str(tmp_path / "zero"), ""):
        with pytest.raises(ValueError, match="allowed: a process id, or the path of a file"):
            reload(named)


def test_a_collector_that_is_down_does_not_end_what_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "pipelines.yaml"
    command = [
        sys.executable,
        "-c",
        "from carbonspan.cli import main; main()",
        "collector-config",
        "--part",
        "pipelines",
        "--output",
        str(path),
    ]
    command += ["--every", "60", "--reload-pid", str(tmp_path / "none")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - the command
        assert process.stderr is not None
        assert process.stderr.readline() == f"{path}: written\n"
        assert process.stderr.readline().startswith(f"carbonspan: --reload-pid '{tmp_path}")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()


def test_a_link_stays_one_and_a_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "file"
    link.symlink_to(tmp_path / "real" / "file")
    assert write(link, "one")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file").read_text("utf-8") == "one"
    (tmp_path / "real" / "file").write_bytes(b"\xff")
    assert write(link, "two")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write(tmp_path / "pipe", "one")


@pytest.mark.parametrize(
    ("now_s", "every", "then_s"),
    [(0.0, 60, HOUR_S), (10.0, 60, HOUR_S), (HOUR_S - 1, 15, HOUR_S), (60.0, 25, 1500.0), (3100.0, 25, HOUR_S)],
)
def test_it_is_made_anew_at_each_full_hour(now_s: float, every: int, then_s: float) -> None:
    assert now_s + pause_s(now_s, every) == then_s + 20.0


_COUNTS_SIGHUP = """\
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
print("ready", flush=True)
while True:
    signal.sigwait({signal.SIGHUP})
    print("read again", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP on this system")
def test_it_goes_on_and_tells_the_collector_only_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hours_file(tmp_path, {0: 140.0})
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", f'{{"file": {{"path": "{path}"}}}}')
    monkeypatch.setenv("CARBONSPAN_GRID_CACHE", "false")
    output, rounds = tmp_path / "statements.yaml", []

    command = [sys.executable, "-c", _COUNTS_SIGHUP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as collector:  # noqa: S603 - Python
        lines = collector.stdout
        assert lines is not None
        assert lines.readline() == "ready\n"

        def next_hour(_: float) -> None:
            rounds.append(output.read_text("utf-8"))
            if len(rounds) == 3:
                raise KeyboardInterrupt
            if len(rounds) == 1:  # a second signal before the first is taken would be lost
                assert lines.readline() == "read again\n"
            if len(rounds) == 2:  # as if it had been another one that was written
                output.write_text("", encoding="utf-8")

        monkeypatch.setattr("carbonspan.cli._collector_config.sleep", next_hour)
        arguments = ["--part", STATEMENTS, "--output", str(output), "--grid", "file", "--cover", COVERED[0]]
        arguments += ["--every", "60", "--reload-pid", str(collector.pid)]
        result = CliRunner().invoke(app, ["collector-config", *arguments])
        assert lines.readline() == "read again\n"
        collector.terminate()
        assert lines.read() == ""
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
