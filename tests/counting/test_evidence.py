# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an id is worth, and what of who answered lets two spans be of one call."""

from __future__ import annotations

import random
import string
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.counting._evidence import agree, is_common, is_unguessable, one_holds_the_other, overlap
from tests.figures import figures

if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


@pytest.mark.parametrize(
    "response_id",
    [
        "chatcmpl-AhjeKEjaCp7MqGMuzpxwV7SZ8MvmT",  # OpenAI, chat completions
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",  # OpenAI, responses
        "msg_01XFDUDYJgAACzvnptvVoYEL",  # Anthropic
        "msg_vrtx_01Hj8nKq3vPZ4rTwY6mXbC2d",
        "msg_bdrk_01Hj8nKq3vPZ4rTwY6mXbC2d",
        "mAitaLmkHPPlz7IPvtfUqQ4",  # Gemini
        "Zx-1aQ_mAi7aL-kHPPlz7I4",  # the same, with signs
        "cmpl-5f8c0e2a9b7d4c61",  # 64 bits: vLLM
        "chatcmpl-5f8c0e2a9b7d4c618e3f0a1b2c3d4e5f",
        "0f9a7c1e-5b2d-4e6f-8a3b-1c9d7e5f2b4a",
        "chatcmpl-0f9a7c1e-5b2d-4e6f-8a3b-1c9d7e5f2b4a",
        "gen-1735000000-aB3dE5gH7jK9mN1pQ4sT",  # OpenRouter
    ],
)
def test_ids_that_providers_draw_are_unguessable(response_id: str) -> None:
    assert is_unguessable(response_id)


@pytest.mark.parametrize(
    "response_id",
    [
        *("", "r", "same", "chatcmpl-0", "chatcmpl-998", "chatcmpl-123", "cmpl-1700000000123"),
        *("chatcmpl-00000000000000000000000000017", "resp_" + "0" * 40 + "2f", "20261128145500123456"),
        *("00000000-0000-0000-0000-000000000017", "11111111-2222-1111-2222-111111111111"),
        *("gpt-4o", "gpt-4o-2024-08-06-preview", "meta-llama/Meta-Llama-3.1-70B-Instruct", "Meta-Llama-3-70B-Instruct"),
        *("accounts/fireworks/models/llama-v3p1-70b-instruct", "mistralinstructquantized", "request-2026-11-28-000123"),
        *("test-response-id-number-1", "chatcmpl-20261128T145500000017"),
    ],
)
def test_ids_that_count_and_names_are_not(response_id: str) -> None:
    assert not is_unguessable(response_id)


def test_nearly_every_random_id_is_known_for_one() -> None:
    draw = random.Random(7)
    drawn: dict[str, Callable[[], str]] = {
        "hexadecimal": lambda: f"chatcmpl-{draw.getrandbits(128):032x}",
        "letters and digits": lambda: "chatcmpl-" + "".join(draw.choices(LETTERS_AND_DIGITS, k=24)),
        "UUID": lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "Anthropic": lambda: "msg_01" + "".join(draw.choices(LETTERS_AND_DIGITS, k=22)),
        "64 bits": lambda: f"chatcmpl-{draw.getrandbits(64):016x}",
        "URL-safe": lambda: "".join(draw.choices(LETTERS_AND_DIGITS + "-_", k=22)),
    }
    missed = {name: sum(not is_unguessable(one()) for _ in range(1000)) for name, one in drawn.items()}
    assert missed["hexadecimal"] <= 1
    assert missed["letters and digits"] <= 1
    assert missed["UUID"] <= 1
    assert missed["Anthropic"] <= 1
    assert missed["64 bits"] <= 70
    assert missed["URL-safe"] <= 150


@pytest.mark.parametrize(("response_id", "common"), [("chatcmpl-7", True), ("gpt-4o", True), ("r", False)])
def test_an_id_that_ends_in_a_number_or_names_the_model_is_common(response_id: str, *, common: bool) -> None:
    assert is_common(figures("gpt-4o", response_id=response_id)) is common


@pytest.mark.parametrize(
    ("one", "other", "may_be_one"),
    [
        ({}, {}, True),
        ({}, {"model": "gpt-4o-2024-08-06"}, True),
        ({}, {"model": "gpt-5"}, False),
        ({}, {"model": "our-deployment"}, True),  # can be any
        ({"model": "their-model"}, {"model": "our-deployment"}, True),
        ({}, {"operation": "embeddings"}, False),
        ({}, {"provider": "azure.ai.openai"}, True),
        ({}, {"provider": "anthropic"}, False),
        ({"provider": "anthropic"}, {"provider": "aws.bedrock"}, True),  # who made it, who serves it
        ({"provider": "gcp.vertex_ai"}, {"provider": "aws.bedrock"}, False),
        ({"provider": "gcp.gemini"}, {"provider": "gcp.gen_ai"}, True),
        ({"server": "a.example"}, {"server": "b.example"}, False),
        ({"server": "a.example"}, {"server": "a.example"}, True),
        ({"server": "a.example"}, {}, True),
    ],
)
def test_who_can_have_answered(one: dict[str, str], other: dict[str, str], *, may_be_one: bool) -> None:
    basis: dict[str, Any] = {"model": "gpt-4o", "provider": "openai"}
    first, second = figures(**(basis | one), scope="a"), figures(**(basis | other), scope="b")
    assert agree(first.plan, second.plan) is agree(second.plan, first.plan) is may_be_one


def test_times() -> None:
    first = figures(start_ns=0, end_ns=10)
    assert overlap(first, figures(start_ns=9, end_ns=20))
    assert not overlap(first, figures(start_ns=10, end_ns=20))
    assert overlap(first, figures(start_ns=10, end_ns=20), apart_ns=1)
    assert overlap(figures(start_ns=3, end_ns=3), figures(start_ns=3, end_ns=3))
    assert one_holds_the_other(first, figures(start_ns=2, end_ns=10))
    assert one_holds_the_other(figures(start_ns=2, end_ns=10), first)
    assert not one_holds_the_other(first, figures(start_ns=2, end_ns=11))
