# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The model of spans that name none."""

from __future__ import annotations

import pytest

from carbonspan.usage import SpanModels

MODELS = SpanModels({"vLLM-chat": "llama-3.1-70b", "vllm-*": "qwen3-32b", "codex*": "gpt-5.1-codex", "a.b": "x"})


@pytest.mark.parametrize(
    ("service", "scope", "expected"),
    [
        ("vllm-chat", "vllm.llm_engine", "llama-3.1-70b"),
        (" VLLM-Chat ", "", ""),  # names are as they are, but for their case
        ("VLLM-CODE", "", "qwen3-32b"),
        ("vllm-", "", "qwen3-32b"),
        ("vllm", "", ""),
        ("my", "codex_cli_rs", "gpt-5.1-codex"),
        ("vllm-chat", "codex_cli_rs", "llama-3.1-70b"),  # the service goes before the scope
        ("", "codex_exec", "gpt-5.1-codex"),
        ("axb", "a.b.c", ""),
        ("", "", ""),
        (7, "a.b", "x"),
        (None, "my.codex", ""),
    ],
)
def test_a_service_or_a_scope_names_the_model(service: object, scope: str, expected: str) -> None:
    assert MODELS.of(scope, {} if service is None else {"service.name": service}) == expected


def test_the_resource_goes_before_the_settings() -> None:
    resource = {"service.name": "vllm-chat", "gen_ai.request.model": "mistral-small"}
    assert MODELS.of("", resource) == "mistral-small"
    assert MODELS.of("", resource | {"gen_ai.response.model": "mistral-small-3"}) == "mistral-small-3"
    for nothing in ("", "  ", 7, None):
        assert MODELS.of("", resource | {"gen_ai.request.model": nothing}) == "llama-3.1-70b"


def test_nothing_else_of_a_resource_is_a_model() -> None:
    assert SpanModels({}).of("vllm", {"service.name": "llama-3.1-70b", "model": "gpt-4o"}) == ""


def test_any_name_is_matched_as_it_stands() -> None:
    assert SpanModels({"*": "m"}).of("anything", {}) == "m"
    assert SpanModels({"a+(b": "m"}).of("a+(b", {}) == "m"
    assert SpanModels({"a.*": "m"}).of("axb", {}) == ""
