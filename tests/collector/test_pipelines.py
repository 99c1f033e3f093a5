# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The pipelines around the statements, as YAML."""

from __future__ import annotations

import yaml

from carbonspan.collector._pipelines import configuration
from carbonspan.core._options import Settings


def test_names_of_any_letters_are_yaml() -> None:
    cohorts = ["a}b", "${env:HOME}", "null", "123", "x: y", "n\nl", "\u00e9\U0001f916", 'q"\\']
    settings = Settings.resolve({"cohorts": cohorts, "flags": "it's,on"}, {})
    loaded = yaml.safe_load("\n".join(configuration(settings, "a b: #c\nd: e")))
    assert loaded["processors"]["transform/carbonspan"]["trace_statements"] == "${file:a b: #c\nd: e}"
    keys = [one["key"] for one in loaded["connectors"]["signal_to_metrics"]["spans"][0]["attributes"]]
    assert [key.replace("$$", "$") for key in keys[7:]] == ["carbon.flag.it's", "carbon.flag.on", *cohorts]
