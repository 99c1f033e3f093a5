# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""README and docs: their code runs, what they have from the code is what it says, their links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

import carbonspan
from carbonspan.telemetry._contract import OTHERS
from docs import generate

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = list(find_examples(str(ROOT / "README.md"), str(ROOT / "docs")))
PAGES = generate.pages()
PUBLIC = ("carbonspan", "carbonspan.energy", "carbonspan.grid", "carbonspan.testing")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_code_in_the_docs_runs_and_prints_what_it_says(example: CodeExample, eval_example: EvalExample) -> None:
    if example.prefix_settings().get("run") == "no":  # a fragment that needs the reader's own application
        eval_example.lint_ruff(example)
    else:
        eval_example.run_print_check(example)


def anchors(page: Path) -> set[str]:
    """What a link may name in a page: its headings, as GitHub spells them."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "examples" / "stack" / "README.md"], ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


def linked(page: Path) -> set[Path]:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets if target.endswith(".md")}


def test_every_page_is_in_the_index() -> None:
    first = ROOT / "docs" / "README.md"
    index = {first} | linked(first)
    for folder in [page for page in index if page.name == "README.md"]:
        index |= linked(folder)
    assert set((ROOT / "docs").rglob("*.md")) <= index


def test_examples_import_only_what_is_public() -> None:
    for example in EXAMPLES:
        for module, names in re.findall(r"^from (carbonspan\S*) import (.+)$", example.source, re.MULTILINE):
            assert module in PUBLIC, str(example)
            assert set(names.split(", ")) <= set(importlib.import_module(module).__all__), str(example)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_name_only_what_is_public(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rooms = {path.stem for path in (ROOT / "src" / "carbonspan").iterdir()}
    public = {module.rpartition(".")[2] for module in PUBLIC} | set(carbonspan.__all__)
    assert not set(re.findall(r"\bcarbonspan\.(\w+)", text)) & (rooms - public)
    assert not re.findall(r"\bcarbonspan(?:\.\w+)*\._\w+", text)


def test_the_architecture_has_every_room() -> None:
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "src" / "carbonspan").glob("*/__init__.py")}
    assert rooms - rows == set()
    for row in rows:
        assert importlib.util.find_spec(f"carbonspan.{row}") is not None, row
        assert f'{row}["{row}: ' in text, f"{row} is not in the picture"


def test_the_glossary_has_words_that_are_used_in_order() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    words = re.findall(r"^- \*\*(.+?)\*\*: ", glossary.read_text(encoding="utf-8"), re.MULTILINE)
    assert words == sorted(words, key=str.lower)
    texts = [page.read_text(encoding="utf-8") for page in PAGES if page != glossary]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "carbonspan").rglob("*.py")]
    used = " ".join(" ".join(texts).lower().split())
    assert [word for word in words if word.lower() not in used] == []


def test_what_the_code_says_of_a_page_leads_to_one() -> None:
    for path in (
        p for folder in ("src", "dashboards", "collector-config", "examples") for p in (ROOT / folder).rglob("*")
    ):
        if path.suffix in {".py", ".yaml", ".json"}:
            for name in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
                assert (ROOT / name).exists(), f"{named(path)}: {name}"


def test_every_generated_file_is_what_the_code_makes() -> None:
    for path, text in generate.generated().items():
        assert path.read_text(encoding="utf-8") == text, f"{named(path)}: run make generate"


@pytest.mark.parametrize("name", generate.BLOCKS)
def test_every_generated_block_has_something_in_it(name: str) -> None:
    assert len(generate.BLOCKS[name]().splitlines()) > 2


def test_a_page_has_the_attributes_that_are_not_of_one_inference() -> None:
    # Said once beside the generator, which would agree with itself about a block that it leaves empty.
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name, _, meaning in OTHERS:
        assert re.search(rf"^\| `{re.escape(name)}` \| .* \| {re.escape(meaning)} \|$", text, re.MULTILINE), name


def marked(*lines: str) -> str:
    return "\n".join(["before", *lines, "after", ""])


@pytest.mark.parametrize("old", [(), ("| an older table |",), ("", "")], ids=["empty", "old", "blank"])
def test_a_block_is_filled_whatever_stood_in_it(old: tuple[str, ...]) -> None:
    text, names = generate.regenerated(marked("<!-- generated: labels -->", *old, "<!-- end -->"))
    assert names == ["labels"]
    assert text == marked("<!-- generated: labels -->", generate.labels(), "<!-- end -->")
    assert generate.regenerated(text) == (text, names)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["<!-- generated: lables -->", "<!-- end -->"], r"line 2: 'lables' is not a known block; known: attributes,"),
        (["<!-- generated: labels -->"], r"'labels' has no end"),
        (["<!-- generated: labels -->", "<!-- generated: metrics -->", "<!-- end -->"], r"line 3: .*'labels'.* no end"),
        (["<!-- end -->"], r"line 2: an end without a beginning"),
        (["<!-- generated: labels -->", "<!-- end -->", "<!-- end -->"], r"line 4: an end without a beginning"),
        (["<!-- generated labels -->", "<!-- end -->"], r"line 2: .* is not a marker"),
        (["<!--generated: labels-->", "<!-- end -->"], r"line 2: .* is not a marker"),
        (["  <!-- generated: labels -->", "<!-- end -->"], r"line 2: .* is not a marker"),
        (["<!-- generated: labels -->", "<!-- End -->"], r"line 3: .* is not a marker"),
    ],
)
def test_a_marker_that_leads_nowhere_is_an_error(lines: list[str], message: str) -> None:
    with pytest.raises(generate.MarkerError, match=message):
        generate.regenerated(marked(*lines))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pages, and the generator at work on it alone."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for page in ROOT.glob("*.md"):
        shutil.copy(page, tmp_path / page.name)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "COLLECTOR", tmp_path / "enrich-at-collector.yaml")
    monkeypatch.setattr(generate, "DASHBOARDS_NEED", (99,))
    return tmp_path


def page_with(copy: Path, name: str) -> Path:
    (page,) = (p for p in copy.rglob("*.md") if f"<!-- generated: {name} -->" in p.read_text(encoding="utf-8"))
    return page


def test_the_check_names_what_differs_and_writes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([]) == 0  # the Collector's file was not copied
    assert capsys.readouterr().out == "enrich-at-collector.yaml: written\n"
    assert generate.main(["--check"]) == 0
    page = page_with(copy, "labels")
    right = page.read_text(encoding="utf-8")
    edited = right.replace("who answers", "who knows")
    assert edited != right
    page.write_text(edited, encoding="utf-8")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    assert f"{page.relative_to(copy)} is not what the code makes: run make generate\n" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == edited
    assert generate.main([]) == 0
    assert page.read_text(encoding="utf-8") == right


def test_a_table_that_no_page_has_is_an_error(copy: Path) -> None:
    page = page_with(copy, "other attributes")
    page.write_text(
        page.read_text(encoding="utf-8").replace("generated: other attributes", "generated: labels"), "utf-8"
    )
    with pytest.raises(generate.MarkerError, match="no page has the block 'other attributes'"):
        generate.main(["--check"])


def test_an_error_names_its_page(copy: Path) -> None:
    page = page_with(copy, "labels")
    page.write_text(page.read_text(encoding="utf-8").replace("<!-- end -->", ""), "utf-8")
    with pytest.raises(generate.MarkerError, match=rf"{page.relative_to(copy)}: .*no end"):
        generate.main([])
