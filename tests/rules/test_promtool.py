# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The Prometheus rules under Prometheus' own promtool: valid, unit-tested, and each alert held by a test that fails."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

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
    named = [name for path in UNIT_TESTS for name in firing(path, alert["alert"], tests)]
    assert named, "no unit test"
    done = run(promtool, "test", "rules", *(f"--run=^{re.escape(name)}$" for name in named), *sorted(tests.iterdir()))
    assert done.returncode != 0
    assert f"alertname: {alert['alert']}" in done.stdout + done.stderr


def firing(path: Path, alert: str, to: Path) -> list[str]:
    """Return the names of the cases of a file in which an alert fires, and copy the file if there are any."""
    cases = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    names = [
        case["name"]
        for case in cases
        if any(one["alertname"] == alert and one["exp_alerts"] for one in case.get("alert_rule_test", ()))
    ]
    if names:
        shutil.copy(path, to)
    return names
