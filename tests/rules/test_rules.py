# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The Prometheus rules under Prometheus' own promtool: valid, unit-tested, and each alert held by a test that fails."""

from __future__ import annotations

import os
import re
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


@pytest.fixture(scope="session")
def promtool() -> Path:
    """promtool, from where the stack's programs are; else on the path."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    programs = Path(os.environ.get("CARBONSPAN_STACK_PROGRAMS") or caches / "carbonspan" / "stack")
    found = programs / "bin" / "promtool"
    if not found.exists():
        on_path = shutil.which("promtool")
        if on_path is None:
            pytest.skip(f"promtool is neither in {programs / 'bin'} nor on the path: `make stack` builds it")
        found = Path(on_path)
    return found


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


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do_and_where_it_is_explained(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "docs"}
    page, _, anchor = annotations["docs"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


def test_no_rule_adds_figures_of_two_bases() -> None:
    # Whatever sums grams, energy or cost keeps the basis as a label; counts of spans and states of the grid have none.
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                for labels, rest in re.findall(r"\bby \(([^)]*)\)\s*(.{0,80})", rule["expr"], re.DOTALL):
                    if re.search(r"carbon_(request|emissions|energy|water)", rest) and "carbon_release" not in str(
                        rule.get("record")
                    ):
                        assert "carbon_intensity_basis" in labels, (path.name, rule)
