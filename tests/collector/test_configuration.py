# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `carbonspan collector-config` makes: the committed files, its errors, and when it makes them anew."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from carbonspan.cli._app import app
from carbonspan.cli._collector_config import STATEMENTS_FILE, pause_s
from carbonspan.collector import _writing as writing
from carbonspan.collector._configuration import Maker
from carbonspan.collector._request import PIPELINES, STATEMENTS, Request
from carbonspan.core._options import Settings

FOLDER = Path(__file__).resolve().parents[2] / "collector-config"
WIDEST_BYTES = 500_000
HOUR_S = 3600.0


def made(request: Request, now_s: float = 0.0, **options: object) -> str:
    return Maker(Settings.resolve(options, {}), request).make(now_s).content


def test_the_committed_files_are_what_the_command_writes() -> None:
    statements = made(Request(STATEMENTS))
    assert (FOLDER / "enrichment" / "statements.yaml").read_text("utf-8") == statements
    assert (FOLDER / "enrich-at-collector.yaml").read_text("utf-8") == made(Request(PIPELINES, STATEMENTS_FILE))
    assert len(statements) < WIDEST_BYTES


def test_the_clock_does_not_change_what_the_tables_say() -> None:
    assert made(Request(STATEMENTS), 0.0) == made(Request(STATEMENTS), 1_790_000_000.0)


def test_fewer_regions_make_a_smaller_file() -> None:
    few = made(Request(STATEMENTS, covered=("aws:eu-west-1", "us-east-1")))
    assert len(few) < 0.9 * len(made(Request(STATEMENTS)))
    assert '"eu-north-1":{"f"' not in few
    assert '"eu-west-1":{"f"' in few


def test_settings_reach_the_tables() -> None:
    assert made(Request(STATEMENTS), pue=1.05) != made(Request(STATEMENTS))
    own = made(Request(STATEMENTS), models={"my-llama-*": {"active_b": 8, "total_b": 8}})
    assert '"my-llama-*"' in own
    assert '"setting_default"' in made(Request(STATEMENTS), region="aws:eu-west-1")
    assert '"setting"' in made(Request(STATEMENTS), regions="openai=azure:swedencentral,claude-*=EU,*=GBR")


def test_without_metrics_nothing_is_kept_for_them() -> None:
    whole = made(Request(), metrics=False)
    assert "carbonspan.measured" not in whole
    assert "signal_to_metrics" not in whole


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
    assert path.stat() == before
    assert CliRunner().invoke(app, [*arguments, "--cohorts", "user.cohort"]).exit_code == 0
    assert "user.cohort" in path.read_text("utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["pipelines.yaml"]


def test_a_file_keeps_its_mode_and_a_failure_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    assert writing.write(path, "one")
    path.chmod(0o640)
    assert writing.write(path, "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        writing.write(path, "three")
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
            assert writing.reload(named) == process.pid
            assert process.wait(30) == 42


def test_what_is_no_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero").write_text("0\n", encoding="ascii")
    for named in (str(tmp_path / "none"), "0", str(tmp_path / "zero"), ""):
        with pytest.raises(ValueError, match="allowed: a process id, or the path of a file"):
            writing.reload(named)


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
    assert writing.write(link, "one")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file").read_text("utf-8") == "one"
    (tmp_path / "real" / "file").write_bytes(b"\xff")
    assert writing.write(link, "two")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        writing.write(tmp_path / "pipe", "one")


def test_names_of_any_letters_are_yaml() -> None:
    cohorts = ["a}b", "${env:HOME}", "null", "123", "x: y", "n\nl", "\u00e9\U0001f916", 'q"\\']
    loaded = yaml.safe_load(made(Request(PIPELINES, "a b: #c\nd: e"), cohorts=cohorts, flags="it's,on"))
    assert loaded["processors"]["transform/carbonspan"]["trace_statements"] == "${file:a b: #c\nd: e}"
    keys = [one["key"] for one in loaded["connectors"]["signal_to_metrics"]["spans"][0]["attributes"]]
    assert [key.replace("$$", "$") for key in keys[7:]] == ["carbon.flag.it's", "carbon.flag.on", *cohorts]


@pytest.mark.parametrize(
    ("now_s", "every", "then_s"),
    [(0.0, 60, HOUR_S), (10.0, 60, HOUR_S), (HOUR_S - 1, 15, HOUR_S), (60.0, 25, 1500.0), (3100.0, 25, HOUR_S)],
)
def test_it_is_made_anew_at_each_full_hour(now_s: float, every: int, then_s: float) -> None:
    assert now_s + pause_s(now_s, every) == then_s + 20.0
