# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The pipelines around the statements, as YAML."""

from __future__ import annotations

import pytest
import yaml

from carbonspan.collector._pipelines import configuration, labelling
from carbonspan.collector._statements import MEASURED, Group
from carbonspan.core._options import Settings
from carbonspan.telemetry._cost import PARTS, stated, usd
from tests.collector.interpreter import Interpreter


def test_names_of_any_letters_are_yaml() -> None:
    cohorts = ["a}b", "${env:HOME}", "null", "123", "x: y", "n\nl", "\u00e9\U0001f916", 'q"\\']
    settings = Settings.resolve({"cohorts": cohorts, "flags": "it's,on"}, {})
    loaded = yaml.safe_load("\n".join(configuration(settings, "a b: #c\nd: e")))
    assert loaded["processors"]["transform/carbonspan"]["trace_statements"] == "${file:a b: #c\nd: e}"
    keys = [one["key"] for one in loaded["connectors"]["signal_to_metrics"]["spans"][0]["attributes"]]
    assert [key.replace("$$", "$") for key in keys[7:]] == ["carbon.flag.it's", "carbon.flag.on", *cohorts]


def cost_by_statements(attributes: dict[str, object]) -> object:
    steps = tuple(one for one in labelling() if one.startswith("set("))
    found = Interpreter([Group("cost", "true", steps)]).run(
        {MEASURED: {"g": 1.0, "cost": None}, **attributes}, "", {}, 0
    )
    return found[MEASURED].get("cost")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: str(part[0]))
def test_a_cost_in_parts_is_the_processors(part: tuple[str, str, str]) -> None:
    of_input, of_output, added = part
    both: dict[str, object] = {of_input: 0.25, of_output: 2}
    spans: list[dict[str, object]] = [both, both | {"llm.cost.total": 1.0}, both | {of_output: -1}, {of_input: 0.25}]
    spans += [both | {added: 0.5}, both | {added: -1}] if added else []
    for span in spans:
        assert cost_by_statements(span) == usd(stated(span))
