# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The queries of the docs: every fenced block of a query language, and where it stands."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.stack.running import REPOSITORY

PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))


class Query(NamedTuple):
    """One query, and where it stands."""

    where: str
    text: str

    def __str__(self) -> str:
        """Return where it stands, as the name of a test."""
        return self.where


def fenced(language: str) -> list[Query]:
    """Return the blocks of a language in the docs, `promql` or `traceql`."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, block.start()) + 1
            found.append(Query(f"{page.name}:{line}", " ".join(block[1].split())))
    return found
