# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the Prometheus rules say of themselves: where an alert is explained, which labels a sum keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards" / "rules"
RULE_FILES = sorted(RULES.glob("*.yaml"))
ALERTS = [
    rule
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do_and_where_it_is_explained(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "docs"}
    page, _, anchor = annotations["docs"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_an_alert_is_tested_where_it_fires_and_where_it_does_not(alert: str) -> None:
    expected = [
        bool(one["exp_alerts"])
        for path in Path(__file__).parent.glob("*.test.yaml")
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for one in case.get("alert_rule_test", ())
        if one["alertname"] == alert
    ]
    assert {True, False} <= set(expected)


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
