# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The Prometheus rules under Prometheus' own promtool: valid, unit-tested, and each alert held by a test that fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards" / "rules"
RULE_FILES = sorted(RULES.glob("*.yaml"))
UNIT_TESTS = sorted(Path(__file__).parent.glob("*.test.yaml"))
ALERTS = [
    rule
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def run(promtool: Path, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own arguments
        [promtool, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_rules_are_valid(promtool: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda p: p.name)
def test_the_rules_do_what_they_say(promtool: Path, path: Path) -> None:
    done = run(promtool, "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_that_never_fires_fails_its_test(promtool: Path, alert: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "dashboards" / "rules")
    broken = tmp_path / "dashboards" / "rules" / "alerts.yaml"
    rules = yaml.safe_load(broken.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule["alert"] == alert["alert"]:
                rule["expr"] = "vector(0) > 1"
    broken.write_text(yaml.safe_dump(rules), encoding="utf-8")
    tests = tmp_path / "tests" / "rules"
    tests.mkdir(parents=True)
    named = [path for path in UNIT_TESTS if f"alertname: {alert['alert']}\n" in path.read_text(encoding="utf-8")]
    assert named, "no unit test"
    for path in named:
        shutil.copy(path, tests)
    done = run(promtool, "test", "rules", *sorted(tests.iterdir()))
    assert done.returncode != 0
    assert f"alertname: {alert['alert']}" in done.stdout + done.stderr
