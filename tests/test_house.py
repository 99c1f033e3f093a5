# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for the code base as a whole: which room imports which, what is public, how long a module is."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_examples import find_examples

from docs.generate import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "carbonspan"
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
FACADE = "carbonspan"

API = ast.parse((ROOT / "tests" / "typing" / "api.py").read_text(encoding="utf-8"))

# Rooms in order: each imports only rooms of the rows before it, never one of its own row.
ORDER = (
    {"version"},
    {"core"},
    {"usage", "energy", "site", "grid"},
    {"estimate"},
    {"counting"},
    {"telemetry"},
    {"live"},
    {"runtime"},
    {"otel"},
    {"decide", "report", "measure"},
    {"collector"},
    {"demo"},
    {"cli"},
)
NARROWER = {"live": {"version", "core", "grid"}}
EDGES = {"otel", "cli", "testing"}  # nothing imports them, but for the command, which says how spans are written on
USERS = {"demo", "cli", "testing"}  # they use the façade, as applications do
# What reaches the network, files or other processes, and the rooms that may import it.
IO = {
    **dict.fromkeys(("requests", "urllib3", "http", "socket", "ssl"), frozenset({"live", "demo"})),
    **dict.fromkeys(("sqlite3", "platformdirs", "fcntl"), frozenset({"live"})),
    **dict.fromkeys(("subprocess", "multiprocessing", "asyncio", "httpx"), frozenset[str]()),
    "threading": {"grid", "counting", "telemetry", "live", "runtime", "otel", "demo", "cli"},  # in grid a lock
    "opentelemetry": {"counting", "telemetry", "live", "runtime", "otel", "demo", "testing"},
}
MAX_LINES = 400
MAX_MODULES = 146


def imports(tree: ast.AST) -> Iterator[str]:
    """Give the whole name of every module that is imported, under `TYPE_CHECKING` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def imports_of(name: str) -> set[str]:
    return set(imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))))


def room(module: str) -> str:
    """Return the room that a module lies in; the façade's is its own name."""
    return FACADE if module == FACADE else module.split(".")[1]


def may_import(importer: str) -> set[str]:
    rows = [row for row in ORDER if importer in row]
    before = set().union(*(ORDER[: ORDER.index(rows[0])] if rows else ORDER))
    allowed = NARROWER.get(importer, before if importer == "cli" else before - EDGES) | {importer}
    return allowed | {FACADE} if importer in USERS else allowed


def test_a_room_imports_only_rooms_before_it() -> None:
    assert {room(name) for name in MODULES} <= set().union({FACADE, "testing"}, *ORDER)
    wrong = [
        f"{name} imports {module}"
        for name in MODULES.keys() - {FACADE}
        for module in imports_of(name)
        if module.split(".")[0] == FACADE and room(module) not in may_import(room(name))
    ]
    assert sorted(wrong) == []


def test_only_the_edges_do_io() -> None:
    wrong = [
        f"{name} imports {module}"
        for name in MODULES
        for module in imports_of(name)
        if room(name) not in IO.get(module.split(".")[0], {room(name)})
    ]
    assert sorted(wrong) == []


def test_a_file_without_an_underscore_defines_something_public() -> None:
    exporting = {module for name in PUBLIC for module in imports_of(name)}
    public = {name for name, path in MODULES.items() if path.name != "__init__.py" and "._" not in name}
    assert public - exporting - set(PUBLIC) == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    for exported in module.__all__:
        value = getattr(module, exported)
        assert not callable(value) or (value.__doc__ or "").strip(), f"{name}.{exported} has no docstring"


def in_the_pages() -> set[tuple[str, str]]:
    """Return what the pages import from carbonspan, or call by its whole name: module and name."""
    found: set[tuple[str, str]] = set()
    for example in find_examples(str(ROOT / "README.md"), str(ROOT / "docs")):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == FACADE:
                found |= {(str(node.module), alias.name) for alias in node.names}
    # Names of metrics, labels and attributes, the Collector's too.
    written = {m for path in MODULES.values() for m in re.findall(r'"(carbonspan\.[\w.]+)"', path.read_text("utf-8"))}
    for page in PAGES:
        wholes = re.findall(r"(?<![\w./-])carbonspan(?:\.\w+)+", page.read_text(encoding="utf-8"))
        found |= {(whole.rpartition(".")[0], whole.rpartition(".")[2]) for whole in wholes if whole not in written}
    return found


def test_the_pages_name_public_things_only() -> None:
    public = {(name, exported) for name in PUBLIC for exported in importlib.import_module(name).__all__}
    assert sorted(in_the_pages() - public - {tuple(name.rsplit(".", 1)) for name in PUBLIC}) == []


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_stands_in_the_reference_and_is_used_as_users_do(name: str) -> None:
    reference = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    used = {node.id for node in ast.walk(API) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(API) if isinstance(node, ast.Attribute)}
    for exported in importlib.import_module(name).__all__:
        assert f"| `{name}` | `{exported}` |" in reference, exported
        assert exported in used, f"tests/typing/api.py does not use {exported}"


# Why a test may be skipped outside tests/stack and tests/matrix: for what the system is, never for what is installed.
SKIPS = {
    "not hasattr(os, 'fork')",
    "not hasattr(signal, 'SIGHUP')",
    "sys.version_info < (3, 11)",  # the SDK that the dashboards are built with, and the prices, need it
    "not Path('/proc/self').exists()",
    "'no file system can be mounted here'",  # takes root
}


def test_no_test_is_skipped_by_chance() -> None:
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path.relative_to(ROOT / "tests").parts[0] not in {"stack", "matrix"}:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
                if called in {"skip", "skipif", "importorskip", "xfail"}:
                    found |= {ast.unparse(argument) for argument in node.args}  # type: ignore[attr-defined]
    assert sorted(found - SKIPS) == []


def test_modules_are_few_and_short() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
    assert len(lines) <= MAX_MODULES
