# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Dialect, role and provider come out as the processor reads them."""

from __future__ import annotations

from tests.collector import cases
from tests.collector.agreement import disagreements
from tests.collector.cases import CHAT, Case


def test_spans_that_lack_something_or_follow_other_conventions_are_read_as_the_processor_does() -> None:
    assert disagreements(cases.partial()) == {}


def test_what_instrumentations_were_recorded_to_write_is_read_as_the_processor_does() -> None:
    assert disagreements(cases.recorded()) == {}


def test_calls_that_are_counted_elsewhere_are_left_to_whoever_counts_them() -> None:
    hosts = ("eu.gateway.example.org", "gateway.example.org", "api.openai.com")
    calls = [Case(CHAT | {"server.address": host}) for host in hosts]
    calls.append(Case(CHAT | {"gen_ai.provider.name": "anthropic"}))
    assert disagreements(calls, counted_elsewhere="anthropic,*.gateway.example.org") == {}
