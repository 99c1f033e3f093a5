# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""README and docs: their code runs, their generated tables are what the code says, their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = list(find_examples(str(ROOT / "README.md"), str(ROOT / "docs")))
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_code_in_the_docs_runs_and_prints_what_it_says(example: CodeExample, eval_example: EvalExample) -> None:
    if example.prefix_settings().get("run") == "no":  # a fragment that needs the reader's own application
        eval_example.lint_ruff(example)
    else:
        eval_example.run_print_check(example)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_generated_tables_are_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert _generator().regenerated(text) == text, "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
