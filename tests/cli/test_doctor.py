# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan doctor`: what is in use, where it comes from, and what is missing."""

from __future__ import annotations

import re
from importlib.metadata import requires

import pytest

from carbonspan.cli import _doctor as doctor
from carbonspan.core._options import OPTIONS
from carbonspan.otel._writeback import Path
from tests.cli.running import as_json, call


def test_doctor_says_what_is_in_use_and_from_where() -> None:
    report = as_json("doctor", env={"CARBONSPAN_PUE": "1.3"})
    assert report["writeback"]["path"] in {"rebind_ending", "set_attributes"}
    assert report["problems"] == []
    assert {row["option"] for row in report["options"]} == {option.name for option in OPTIONS}
    (pue,) = [row for row in report["options"] if row["option"] == "pue"]
    assert (pue["value"], pue["from"]) == (1.3, "environment")
    assert "Nothing is missing." in call("doctor").output


def test_doctor_names_a_wrong_variable() -> None:
    report = as_json("doctor", env={"CARBONSPAN_BASIS": "average"}, status=1)
    assert any("CARBONSPAN_BASIS is 'average'" in problem for problem in report["problems"])
    assert "CARBONSPAN_BASIS" in call("doctor", env={"CARBONSPAN_BASIS": "average"}).output


def test_doctor_on_a_disabled_or_older_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(
        "OTEL_SDK_DISABLED" in p for p in as_json("doctor", env={"OTEL_SDK_DISABLED": "true"}, status=1)["problems"]
    )
    monkeypatch.setattr("carbonspan.cli._doctor.path", lambda: Path.REBIND_END)
    assert any("before the exporting processor" in p for p in as_json("doctor", status=1)["problems"])


def test_doctor_misses_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonspan.core._option_values.find_spec", lambda _: None)
    problems = as_json("doctor", env={"CARBONSPAN_ENERGY": "ecologits"}, status=1)["problems"]
    assert any("carbonspan[ecologits]" in problem for problem in problems)


def test_doctor_names_a_misspelt_variable() -> None:
    problems = as_json("doctor", env={"CARBONSPAN_REGOIN": "EU"}, status=1)["problems"]
    assert any(
        "CARBONSPAN_REGOIN is not a known option; did you mean CARBONSPAN_REGION?" in problem for problem in problems
    )


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("BASIS_STRICT", "true", "true"),
        ("FLAGS", "new-agent,model-choice", "new-agent,model-choice"),
        ("PUE", "1.3", "1.3"),
        ("REGIONS", "openai=azure:swedencentral", "openai=azure:swedencentral"),
    ],
)
def test_doctor_spells_values_as_the_environment_does(variable: str, value: str, shown: str) -> None:
    lines = call("doctor", env={f"CARBONSPAN_{variable}": value, "COLUMNS": "200"}).output.splitlines()
    (line,) = [line for line in lines if f"CARBONSPAN_{variable} " in line]
    assert line.split()[1:3] == [shown, "environment"]


def test_doctor_names_the_extras_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of its own: which of the real ones are installed differs between Pythons.
    extras = {"cli": ("click", "rich"), "cost": ("no-such-package",), "demo": ("click", "no-such-package")}
    monkeypatch.setattr(doctor, "EXTRAS", extras)
    monkeypatch.setattr(doctor, "NEEDS_PYTHON", {"cli": (99,), "cost": (99, 1)})
    assert as_json("doctor")["extras"] == {"cli": True, "cost": False, "demo": False}
    assert "cli; not installed: cost (needs Python 99.1), demo\n" in _without_padding(call("doctor").output)
    monkeypatch.setattr(doctor, "NEEDS_PYTHON", {"cost": (3, 10)})
    assert "cli; not installed: cost, demo\n" in _without_padding(call("doctor").output)


def test_doctor_knows_the_extras_and_which_python_they_need() -> None:
    declared = [text for text in requires("carbonspan") or () if "extra ==" in text]
    assert {name for text in declared for name in re.findall(r"extra == ['\"](\w+)", text)} == set(doctor.EXTRAS)
    assert {
        extra: tuple(map(int, python.split(".")))
        for text in declared
        for python, extra in re.findall(r"python_version >= ['\"]([\d.]+)['\"].*extra == ['\"](\w+)", text)
    } == doctor.NEEDS_PYTHON


def _without_padding(output: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines())
