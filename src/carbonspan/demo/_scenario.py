# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's scenario: two variants of one feature flag, two cohorts of customers, and the made-up text they read.

The same on every run, so that two runs of the demo differ in nothing but their times.
"""

from __future__ import annotations

import zlib
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

SEARCH_TOOLS = ("crm_search", "ticket_search", "web_search")


@dataclass(frozen=True, slots=True)
class Variant:
    """One value of the feature flag: which model serves which phase of the agent.

    `plan`, `gather` and `report` go to OpenAI's API, `extract`, `synthesise` and `critique` to Anthropic's.
    """

    name: str
    description: str
    plan: str
    gather: str
    extract: str
    synthesise: str
    critique: str
    report: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """A group of customers, and how long the documents and answers for them are, in words."""

    name: str
    customer: str
    document_words: int
    note_words: int
    report_words: int


FRONTIER = Variant(
    name="frontier-everywhere",
    description="a frontier model for every call",
    plan=GPT_FRONTIER,
    gather=GPT_FRONTIER,
    extract=CLAUDE_FRONTIER,
    synthesise=CLAUDE_FRONTIER,
    critique=CLAUDE_FRONTIER,
    report=GPT_FRONTIER,
)
RIGHT_SIZED = Variant(
    name="right-sized",
    description="small models except for planning and synthesis",
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

# Sentences in the tone of a customer file. They name nobody and state nothing about a real company.
_SENTENCES = (
    "The account renewed early and asked for a second workspace in the spring.",
    "Support volume fell by a third once the import of old records was finished.",
    "Two of the five integrations are used every day, the others hardly at all.",
    "The finance team wants invoices per cost centre before the next quarter ends.",
    "Latency complaints cluster on Monday mornings and follow the weekly export.",
    "A pilot in the logistics unit covers forty seats and is paid for until June.",
    "Usage of the reporting module doubled after the training in the northern office.",
    "The security questionnaire is complete but for the section on key rotation.",
    "Procurement compares three vendors and weighs data residency above price.",
    "Most open tickets ask for the same thing: a filter that remembers its state.",
    "The health score rests on logins alone and hides how little is exported.",
    "A price rise was announced in the last review and was met without objection.",
    "The sponsor moved to another unit, and the new one has not been met yet.",
    "Sustainability reporting is due next year and needs figures per service.",
    "Churn risk is moderate: the contract ends in autumn and renewal is unsigned.",
    "Their data grows by a tenth each month, faster than the plan allows for.",
)


def passage(topic: str, words: int) -> str:
    """Return about `words` words of prose, never fewer, cut at the end of a sentence; `topic` picks where it begins."""
    at = zlib.crc32(topic.encode())
    sentences: list[str] = []
    count = 0
    while count < words:
        sentence = _SENTENCES[at % len(_SENTENCES)]
        sentences.append(sentence)
        count += sentence.count(" ") + 1
        at += 7  # coprime to the number of sentences: all are used before one comes again
    return " ".join(sentences)


def system_prompt(customer: str, run_number: int) -> str:
    """Return the agent's standing orders: some 1,300 tokens, since providers cache only long prompts."""
    return (
        f"Case {run_number}. You prepare account briefs about {customer}, a made-up company. Use the tools, cite "
        f"sources by their id, and keep facts apart from judgement. House rules follow. {passage('house rules', 860)}"
    )
