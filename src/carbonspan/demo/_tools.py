# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The research agent's tools: made-up systems that answer at once, and the schemas the models see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbonspan.demo._author import SEARCHES
from carbonspan.demo._material import passage

if TYPE_CHECKING:
    from carbonspan.demo._variants import Cohort

SOURCES = tuple(f"source-{number}" for number in range(1, 6))

_SNIPPET_WORDS = 30
_SECTION_WORDS = 60
_PARAMETER = {**dict.fromkeys(SEARCHES, "query"), "fetch_page": "source", "verify_claim": "claim"}


def call(name: str, arguments: dict[str, str], cohort: Cohort) -> str:
    """Return what a tool answers: prose whose length follows from the tool and the cohort."""
    topic = f"{cohort.customer} {name} {' '.join(arguments.values())}"
    if name in SEARCHES:
        return "\n".join(f"[{source}] {passage(topic + source, _SNIPPET_WORDS)}" for source in SOURCES)
    if name == "fetch_page":
        return f"# {arguments['source']}\n{passage(topic, cohort.document_words)}"
    return passage(topic, _SECTION_WORDS)


def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments."""
    parameter = _PARAMETER[name]
    return {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}


def description(name: str) -> str:
    """Return what the models are told a tool does."""
    return f"{name.replace('_', ' ').capitalize()}: answers with text from the customer's files."
