# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dialect tables: that they are sound, and that a span finds its dialect."""

from __future__ import annotations

import pytest

from carbonspan.core._tables import load
from carbonspan.usage import _dialects as dialects


def test_ids_and_scopes_are_unique_and_sourced() -> None:
    entries = load("usage/dialects.json")["dialects"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    scopes = [scope for entry in entries for scope in entry["scopes"]]
    assert len(set(scopes)) == len(scopes)
    assert all(len(entry["source"]) > 10 for entry in entries)


def test_entries_have_no_field_that_the_engine_does_not_read() -> None:
    table = load("usage/dialects.json")
    known = {"id", "source", "scopes", "default_operation"} | table["defaults"].keys()
    fields = set(dialects.TokenSet._fields)
    for entry in table["dialects"]:
        assert entry.keys() <= known
        for rule in entry.get("operation", ()):
            assert rule.keys() <= {"attribute", "values", "ignore"}
        for rule in entry.get("tokens", ()):
            assert rule.keys() <= {"from", "set", "input_includes_cache", "output_includes_reasoning"}
    for names in table["token_sets"].values():
        assert names.keys() | {"requires"} == fields


def test_every_token_set_is_used() -> None:
    table = load("usage/dialects.json")
    used = {
        rule["set"]
        for entry in (table["defaults"], *table["dialects"])
        for field in ("tokens", "details")
        for rule in entry.get(field, ())
    }
    assert used == table["token_sets"].keys()


def test_no_operation_is_spelled_twice() -> None:
    table = load("usage/operations.json")
    groups = ("inference", "container", "auxiliary")
    spellings = [s for group in groups for names in table[group].values() for s in names]
    assert sorted(spellings) == sorted(dialects.OPERATIONS)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("opentelemetry.instrumentation.openai_v2", "openai-v2"),
        ("opentelemetry.instrumentation.openai.v1", "traceloop"),
        ("opentelemetry.instrumentation.openai_agents", "traceloop"),
        ("opentelemetry.instrumentation.anthropic", "traceloop"),
        ("opentelemetry.instrumentation.genai.anthropic", "genai"),
        ("opentelemetry.instrumentation.google_genai", "google-genai"),
        ("opentelemetry.instrumentation.google_generativeai", "traceloop-google"),
        ("opentelemetry.instrumentation.bedrock", "traceloop-bedrock"),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "botocore"),
        ("ai", "vercel"),
        ("openinference.instrumentation.smolagents", "openinference"),
        ("logfire.openai", "logfire"),
        ("air", None),
        ("opentelemetry.instrumentation.requests", None),
        ("", None),
        ("s" * 10_000, None),
    ],
)
def test_scope(scope: str, expected: str | None) -> None:
    found = dialects.by_scope(scope)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("openinference.span.kind", "openinference"),
        ("ai.operationId", "vercel"),
        ("langsmith.span.kind", "langsmith"),
        ("langfuse.observation.type", "langfuse"),
        ("traceloop.span.kind", "traceloop"),
        ("gen_ai.usage.input_tokens.cached", "sentry"),
        ("gen_ai.operation.name", "gen_ai"),
        ("nothing", "gen_ai"),
    ],
)
def test_a_span_of_another_scope_is_known_by_what_it_carries(marker: str, expected: str) -> None:
    for scope in ("", "my.app"):
        assert dialects.choose({marker: "x", "gen_ai.system": "y"}, scope).id == expected


def test_the_scope_decides_before_the_markers() -> None:
    assert dialects.choose({"llm.request.type": "completion"}, "litellm").id == "litellm"


def test_only_so_many_scopes_are_kept() -> None:
    for i in range(3000):
        dialects.by_scope(f"scope-{i}")
    info = dialects.by_scope.cache_info()
    assert info.maxsize is not None
    assert info.currsize <= info.maxsize
