# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboards ask for what the package exports, by the names that Prometheus gives it: no more, and all of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from carbonspan.core._outcome import Outcome
from carbonspan.telemetry._contract import ATTRIBUTES, GRID_METRICS, LABELS, METRICS, TASK
from dashboards.queries import expressions, files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbonspan.telemetry._contract import Metric

# What the OpenTelemetry specification's translation to Prometheus makes of a unit; one that it does not know stays.
UNITS = {"g": "grams", "s": "seconds", "J": "joules", "g/kWh": "grams_per_kWh"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
FROM_THE_RESOURCE = {"service_name", "service_version", "deployment_environment_name"}
OF_PROMETHEUS = {"le"}
FLAG, COHORT = "carbon_flag_model_routing", "user_cohort"

VALUES = {"flag": FLAG, "cohort": COHORT, "by": "service_version"}
PROMQL = [e.expression for path in files() for e in expressions(path, VALUES) if e.language == "promql"]
TRACEQL = [e.expression for path in files() for e in expressions(path, VALUES) if e.language == "traceql"]


def exported(metric: Metric) -> Iterator[str]:
    unit = "" if metric.unit.startswith("{") else UNITS.get(metric.unit, metric.unit)
    base = "_".join(part for part in (metric.name.replace(".", "_"), unit) if part)
    return (base + suffix for suffix in SUFFIXES[metric.kind])


def test_every_metric_that_is_asked_for_is_one_that_is_exported() -> None:
    names = {name for metric in (*METRICS, *GRID_METRICS) for name in exported(metric)}
    asked = {name for expression in PROMQL for name in re.findall(r"(\w+)\{", expression)}
    assert asked <= names


def test_every_metric_that_is_exported_is_on_a_dashboard() -> None:
    text = "\n".join(PROMQL)
    missing = [m.name for m in (*METRICS, *GRID_METRICS) if not any(f"{n}{{" in text for n in exported(m))]
    assert missing == []


def test_every_label_is_one_that_a_metric_has() -> None:
    names = {name for name, _ in LABELS} | {metric.label for metric in METRICS} | {"carbon.agent.name"}
    names |= {label for labels in GRID_METRICS.values() for label in labels}
    known = {name.replace(".", "_") for name in names} | FROM_THE_RESOURCE | OF_PROMETHEUS
    asked = {label for expression in PROMQL for label in re.findall(r"(\w+)=~?\"", expression)}
    grouped = {label for e in PROMQL for labels in re.findall(r"by \(([^)]*)\)", e) for label in labels.split(", ")}
    assert asked | grouped <= known | {FLAG, COHORT}


def test_every_outcome_that_is_asked_for_is_one_that_is_counted() -> None:
    asked = {
        o for e in PROMQL for found in re.findall(r"carbonspan_outcome=~?\"([^\"]+)\"", e) for o in found.split("|")
    }
    assert asked
    assert asked <= {value for name, value in vars(Outcome).items() if name.isupper()}


def test_every_carbon_attribute_that_is_asked_for_is_one_that_is_written() -> None:
    names = {attribute.name for attribute in ATTRIBUTES} | {*TASK, "carbon.role"}
    asked = {name for query in TRACEQL for name in re.findall(r"span\.(carbon\.[\w.]+)", query)}
    assert asked
    assert asked <= names
