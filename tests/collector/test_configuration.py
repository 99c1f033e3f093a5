# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What settings and live hours do to a configuration."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from carbonspan.collector import PIPELINES, STATEMENTS, Request
from carbonspan.collector._configuration import HOURS_AHEAD, Maker
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._options import Settings
from tests.collector.hours import COVERED, hours_file

REPOSITORY = Path(__file__).resolve().parents[2]
MAX_BYTES = 800_000  # a ConfigMap of Kubernetes holds 1 MiB


def options_of(path: Path) -> dict[str, Any]:
    return {"grid": "file", "grid_options": {"file": {"path": str(path)}}, "grid_cache": False}


def present() -> int:
    return time.time_ns() // NS_PER_HOUR


def made(request: Request, now_s: float = 0.0, **options: object) -> str:
    return Maker(Settings.resolve(options, {}), request).make(now_s).content


def test_the_committed_pipelines_are_what_is_made() -> None:
    committed = REPOSITORY / "collector-config" / "enrich-at-collector.yaml"
    assert committed.read_text("utf-8") == made(Request(PIPELINES)), "run: make generate"


def test_statements_with_every_region_have_room_in_a_config_map() -> None:
    assert len(made(Request(STATEMENTS))) < MAX_BYTES


def test_the_clock_does_not_change_what_the_tables_say() -> None:
    assert made(Request(STATEMENTS), 0.0) == made(Request(STATEMENTS), 1_790_000_000.0)


def test_fewer_regions_make_a_smaller_file() -> None:
    few = made(Request(STATEMENTS, covered=("aws:eu-west-1", "us-east-1")))
    assert len(few) < len(made(Request(STATEMENTS))) - 40_000
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


def test_hours_of_live_zones_are_in_the_tables_until_they_are_too_old(tmp_path: Path) -> None:
    while True:
        hour = present()
        path = hours_file(tmp_path, {-1: 120.0, 0: 140.0})
        maker = Maker(Settings.resolve(options_of(path), {}), Request(STATEMENTS, covered=COVERED))
        try:
            made = maker.make()
        finally:
            maker.close()
        if present() == hour:  # else the hour turned while this ran
            break
    assert sorted(made.problems) == [
        f"file {zone}: not_covered: the file has only IE" for zone in ("SE-SE3", "US-MIDA-PJM")
    ]
    for ahead in range(-1, HOURS_AHEAD):
        assert f'"eu-west-1@{hour + ahead}":' in made.content
    assert '"stale"' in made.content
    assert '"eu-north-1@' not in made.content  # no live hour
    assert '"us-east-1@' not in made.content  # the profile tells its hours


def test_a_source_that_does_not_answer_is_named_and_the_tables_are_written(tmp_path: Path) -> None:
    maker = Maker(Settings.resolve(options_of(tmp_path / "none.csv"), {}), Request(STATEMENTS, covered=COVERED))
    try:
        made = maker.make()
    finally:
        maker.close()
    assert made.problems
    assert '"eu-west-1":{"f"' in made.content
