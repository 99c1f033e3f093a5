# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo's agent reads and its models write: made-up business prose, the same on every run."""

from __future__ import annotations

import zlib

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


def system_prompt(customer: str, case: int) -> str:
    """Return the agent's standing orders: some 1,300 tokens, as long prompts are where prompt caching begins."""
    return (
        f"Case {case}. You prepare account briefs about {customer}, a made-up company. Use the tools, cite sources by "
        f"their id, and keep facts apart from judgement. House rules follow. {passage('house rules', 860)}"
    )
