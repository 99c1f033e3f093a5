# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo compares: two variants of one feature flag, for two cohorts of customers."""

from __future__ import annotations

from dataclasses import dataclass

AGENT = "customer-research"
FEATURE = "account-brief"
FLAG_KEY = "research-model-routing"
FLAG_PROVIDER = "carbonspan-demo"

GPT_FRONTIER = "gpt-5"
GPT_SMALL = "gpt-5-mini"
CLAUDE_FRONTIER = "claude-sonnet-5"
CLAUDE_SMALL = "claude-haiku-4-5"
MODEL_CALLS_PER_RUN = 12
TOOL_CALLS_PER_RUN = 30


@dataclass(frozen=True, slots=True)
class Variant:
    """One value of the feature flag: which model serves which phase of the agent.

    `plan`, `gather` and `report` go to OpenAI's API, `extract`, `synthesise` and `critique` to Anthropic's.
    """

    name: str
    says: str
    plan: str
    gather: str
    extract: str
    synthesise: str
    critique: str
    report: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """One group of customers: how long what they are served is. Lengths are in words."""

    name: str
    customer: str
    document_words: int
    note_words: int
    report_words: int


FRONTIER = Variant(
    name="frontier-everywhere",
    says="a frontier model for every call",
    plan=GPT_FRONTIER,
    gather=GPT_FRONTIER,
    extract=CLAUDE_FRONTIER,
    synthesise=CLAUDE_FRONTIER,
    critique=CLAUDE_FRONTIER,
    report=GPT_FRONTIER,
)
RIGHT_SIZED = Variant(
    name="right-sized",
    says="small models, but for plan and synthesis",
    plan=GPT_FRONTIER,
    gather=GPT_SMALL,
    extract=CLAUDE_SMALL,
    synthesise=CLAUDE_FRONTIER,
    critique=CLAUDE_SMALL,
    report=GPT_SMALL,
)
VARIANTS = (FRONTIER, RIGHT_SIZED)

# Both customers are made up. Enterprise accounts have longer documents and are sent longer reports.
FREE = Cohort("free", "Quillstone Freight", document_words=480, note_words=70, report_words=260)
ENTERPRISE = Cohort("enterprise", "Tallowmere Insurance", document_words=1500, note_words=110, report_words=620)
COHORTS = (FREE, ENTERPRISE)
