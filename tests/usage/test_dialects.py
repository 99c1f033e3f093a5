# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dialect tables: that they are sound, and that a span finds its dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from carbonspan import usage
from carbonspan.core._tables import load
from carbonspan.usage import _dialects as dialects, _sets as sets
from carbonspan.usage._names import TokenSet
from carbonspan.usage._operations import OPERATIONS

PACKAGES = Path(__file__).parents[1] / "data" / "spans" / "packages" / "usage.jsonl"
"""What each package writes for the same call, by its source, and the tokens that the provider charged for it."""

PAYLOADS: list[dict[str, Any]] = [json.loads(line) for line in PACKAGES.read_text(encoding="utf-8").splitlines()]
NOTHING = [None] * 5


def test_ids_and_scopes_are_unique_and_sourced() -> None:
    entries = load("usage/dialects.json")["dialects"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    scopes = [scope for entry in entries for scope in entry["scopes"]]
    assert len(set(scopes)) == len(scopes)
    assert all(len(entry["source"]) > 10 for entry in entries)


def test_entries_have_no_field_that_the_engine_does_not_read() -> None:
    table = load("usage/dialects.json")
    known = {"id", "source", "scopes", "like", "default_operation"} | table["defaults"].keys()
    fields = set(TokenSet._fields)
    for entry in table["dialects"]:
        assert entry.keys() <= known
        for rule in entry.get("operation", ()):
            assert rule.keys() <= {"attribute", "values", "ignore", "others"}
        for rule in entry.get("tokens", ()):
            assert rule.keys() <= {
                "from",
                "set",
                "buckets",
                "when",
                "as_provider",
                "input_includes_cache",
                "output_includes_reasoning",
            }
            assert ("as_provider" in rule) is not ("input_includes_cache" in rule)
    for names in table["token_sets"].values():
        assert names.keys() | {"requires"} == fields


def test_every_token_set_is_used() -> None:
    table = load("usage/dialects.json")
    used = {
        rule["set"]
        for entry in (table["defaults"], *table["dialects"])
        for field in ("tokens", "details")
        for rule in entry.get(field, ())
        if "set" in rule
    }
    assert used == table["token_sets"].keys()


def test_no_operation_is_spelled_twice() -> None:
    table = load("usage/operations.json")
    groups = ("inference", "container", "auxiliary")
    spellings = [s for group in groups for names in table[group].values() for s in names]
    assert sorted(spellings) == sorted(OPERATIONS)


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


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: str(payload["case"]))
def test_what_a_package_writes_is_read_as_what_was_charged(payload: dict[str, Any]) -> None:
    read = usage.read(payload["attributes"], payload["scope"])
    if read is None or payload["tokens"] == NOTHING:
        assert payload["tokens"] == NOTHING
        assert read is None or read.problem == "no_usage"
        return
    details = (read.cached_input_tokens, read.cache_write_tokens, read.reasoning_tokens)
    assert [read.input_tokens, read.output_tokens, *details] == payload["tokens"]


def test_every_row_of_the_tables_has_a_payload_of_its_package() -> None:
    assert len({payload["case"] for payload in PAYLOADS}) == len(PAYLOADS)
    assert all(len(payload["source"]) > 10 for payload in PAYLOADS)
    scopes: set[str] = set()
    answered: set[tuple[str, int, str]] = set()  # dialect, which of its sources, provider
    plain: set[tuple[str, int, bool]] = set()  # the same, and whether its details are parts of its counts
    for payload in PAYLOADS:
        attributes, scope = payload["attributes"], payload["scope"]
        dialect = dialects.choose(attributes, scope)
        scopes.update([one for one in dialect.scopes if _matches(scope, one)][:1])
        read = usage.read(attributes, scope)
        for _, source in sets.sets_of(attributes, dialect)[:1]:
            assert read is not None
            at = dialect.sources.index(source)
            answered |= {(dialect.id, at, read.provider), (dialect.id, at, "")}
            plain.add((dialect.id, at, source.reading(read.provider, read.model)[:2] == (True, True)))
    for dialect in dialects.DIALECTS:
        assert set(dialect.scopes) <= scopes, dialect.id
        for at, source in enumerate(dialect.sources if dialect.id not in WITHOUT_USAGE else ()):
            assert {(dialect.id, at, provider) for provider in ("", *source.by_provider)} <= answered
            if source.as_provider:
                assert {(dialect.id, at, True), (dialect.id, at, False)} <= plain


WITHOUT_USAGE = ("autogen",)
"""Dialects of packages that say nothing of tokens."""


def _matches(scope: str, pattern: str) -> bool:
    return scope == pattern or (pattern[-1] == "*" and scope.startswith(pattern[:-1]))


def test_what_a_set_depends_on_decides_how_a_span_is_read() -> None:
    for dialect in dialects.DIALECTS:
        # What makes a container is read by itself, never by a layout.
        deciding = {rule.attribute for rule in dialect.operations}.union(dialect.provider, dialect.container_if)
        assert {name for source in dialect.sources for name, _ in source.when} <= deciding
