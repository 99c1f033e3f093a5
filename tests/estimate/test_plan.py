# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A lane changes nothing but the time: every span comes to what it would come to the long way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._options import Settings
from carbonspan.estimate import _plan as lanes
from carbonspan.estimate._estimator import Road
from carbonspan.testing import llm_attributes

SPANS = [
    (json.loads(line)["scope"], json.loads(line)["attributes"])
    for file in sorted((Path(__file__).parents[1] / "data" / "spans").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
# 2026-03-01T12:00:00Z
NOON_NS = 1_772_366_400_000_000_000
CHAT = llm_attributes(extra={"server.address": "api.openai.com"})


def road(**options: Any) -> Road:
    return Road.of(Settings.resolve(options, {}))


def the_long_way(span: dict[str, Any], scope: str, start_ns: int, end_ns: int, resource: dict[str, Any]) -> str:
    return repr(road(self_hosted="vllm").enrich(span, scope, start_ns, end_ns, resource))


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(),
    st.sampled_from(["chat", "invoke_agent", "vllm", "gpt-4o", "eu-west-1", "LLM", "", " ", "true", "{'input': 5}"]),
    st.lists(st.text(max_size=3), max_size=2),
)
changes = st.lists(st.tuples(st.integers(0, 40), values), max_size=3)
times = st.tuples(st.integers(-1, 2), st.sampled_from([-1, 0, 1, NS_PER_HOUR - 1, NS_PER_HOUR, 3 * NS_PER_HOUR]))
resources = st.sampled_from([{}, {"cloud.region": "eu-west-1"}, {"cloud.region": "us-east-1"}])


@given(st.sampled_from(SPANS), st.lists(st.tuples(changes, times, resources), min_size=1, max_size=5))
def test_any_spans_of_a_known_kind_come_to_the_same(
    span: tuple[str, dict[str, Any]], later: list[tuple[list[tuple[int, Any]], tuple[int, int], dict[str, Any]]]
) -> None:
    scope, recorded = span
    warm = road(self_hosted="vllm")
    for altered, (hour, duration_ns), resource in [([], (0, 1), {}), *later, *later]:
        attributes = dict(recorded)
        names = list(attributes)
        for at, value in altered:
            attributes[names[at % len(names)]] = value
        start_ns = NOON_NS + hour * NS_PER_HOUR
        got = warm.enrich(attributes, scope, start_ns, start_ns + duration_ns, resource)
        assert repr(got) == the_long_way(attributes, scope, start_ns, start_ns + duration_ns, resource)


def test_the_second_span_of_a_kind_takes_a_lane() -> None:
    one = road()
    assert one.known(CHAT, "s", NOON_NS, NOON_NS + 1, {}) is None
    one.enrich(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    found = one.known(CHAT | {"gen_ai.usage.output_tokens": 301}, "s", NOON_NS, NOON_NS + 1, {})
    assert found is not None
    kind, footprint = found
    assert (kind.outcome, footprint.output_tokens) == ("enriched", 301)


@pytest.mark.parametrize(
    ("altered", "start_ns", "resource"),
    [
        ({}, NOON_NS + NS_PER_HOUR, {}),
        ({}, NOON_NS, {"cloud.region": "eu-west-1"}),
        ({"gen_ai.request.model": "gpt-4o-mini"}, NOON_NS, {}),
        ({"server.address": "example.openai.azure.com"}, NOON_NS, {}),
        ({"server.address": ["a"]}, NOON_NS, {}),
        ({"gen_ai.usage.output_tokens": None}, NOON_NS, {}),
        ({"gen_ai.usage.output_tokens": -1}, NOON_NS, {}),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, NOON_NS, {}),
    ],
    ids=str,
)
def test_what_is_another_kind_does_not(altered: dict[str, Any], start_ns: int, resource: dict[str, Any]) -> None:
    one = road()
    one.enrich(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    assert one.known(CHAT | altered, "s", start_ns, start_ns + 1, resource) is None


def test_a_flood_of_shapes_of_models_and_of_texts_is_bounded() -> None:
    one = road()
    for i in range(lanes.MAX_LANES + 10):
        assert one.enrich(CHAT | {f"request.{i}": 1}, "s", NOON_NS, NOON_NS + 1, {}) is not None
    assert len(one._lanes._lanes) <= lanes.MAX_LANES
    one = road()
    for i in range(lanes.MAX_KINDS + 10):
        assert one.enrich(CHAT | {"gen_ai.request.model": f"m{i}"}, "s", NOON_NS, NOON_NS + 1, {}) is not None
    (lane,) = one._lanes._lanes.values()
    assert len(lane.kinds) <= lanes.MAX_KINDS
    one = road()
    one.enrich(CHAT | {"server.address": "x" * 1000}, "s", NOON_NS, NOON_NS + 1, {})
    assert all(not lane.kinds for lane in one._lanes._lanes.values())


def test_a_lane_ends_when_the_grid_knows_better() -> None:
    from datetime import datetime, timezone  # noqa: PLC0415

    from carbonspan.core.values import Basis, Quality  # noqa: PLC0415
    from carbonspan.energy._tokens import TokenModel  # noqa: PLC0415
    from carbonspan.grid import HourValue  # noqa: PLC0415
    from carbonspan.grid._resolver import Resolver  # noqa: PLC0415
    from carbonspan.grid._store import HourStore  # noqa: PLC0415
    from carbonspan.site import Locator  # noqa: PLC0415

    store = HourStore()
    one = Road(TokenModel(), Locator(overrides={"openai": "zone:GB"}), Resolver(store))
    before = one.enrich(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    noon = datetime.fromtimestamp(NOON_NS / 1e9, timezone.utc)
    store.put([HourValue("GB", noon, 50.0, Basis.LIFE_CYCLE, Quality.MEASURED, "consumption", "test", noon)])
    after = one.enrich(CHAT, "s", NOON_NS, NOON_NS + 1, {})
    assert before is not None
    assert after is not None
    assert before.footprint is not None
    assert after.footprint is not None
    assert before.footprint.intensity.quality is Quality.ANNUAL
    assert after.footprint.intensity.intensity_g_per_kwh.central == 50.0
