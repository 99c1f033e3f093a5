# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Parses TraceQL by the grammar that Grafana publishes for its editors (npm: @grafana/lezer-traceql), under Node."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from examples.stack.native import programs_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent


class Node(NamedTuple):
    """One node of a parse tree. What the grammar leaves unnamed (brackets, commas) has no node, only text."""

    name: str
    text: str
    error: bool
    children: tuple[Node, ...]

    @property
    def only(self) -> Node:
        """The one child."""
        (child,) = self.children
        return child

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


class NotTraceQLError(ValueError):
    """The grammar does not know an expression; the message shows where."""


def installed(npm: str) -> Path:
    """Return the folder of the grammar, installed into the cache once for each state of the lock file."""
    lock = (HERE / "package-lock.json").read_bytes() + (HERE / "parse.mjs").read_bytes()
    folder = programs_folder().parent / f"traceql-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "node_modules" / "@grafana" / "lezer-traceql").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "parse.mjs"):
            shutil.copy(HERE / name, folder)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - npm
    return folder


class Grammar:
    """Grafana's grammar, to be asked for trees."""

    def __init__(self, node: str, npm: str) -> None:
        self._command = [node, str(installed(npm) / "parse.mjs")]

    @classmethod
    def of_this_machine(cls) -> Grammar:
        """Return it; skip the test where there is no Node, and fail it in CI."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            reason = "node and npm are not installed: TraceQL cannot be checked against Grafana's grammar"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        return cls(node, npm)

    def parse(self, expressions: Sequence[str]) -> list[Node]:
        """Return the tree of each expression.

        Raises:
            NotTraceQLError: the grammar could only make sense of one by leaving out or adding something.
        """
        done = subprocess.run(  # noqa: S603 - node, on our script
            self._command, input=json.dumps(list(expressions)), capture_output=True, text=True, check=True
        )
        trees = [_node(raw) for raw in json.loads(done.stdout)]
        for expression, tree in zip(expressions, trees, strict=True):
            if wrong := [node.text or "something missing" for node in tree.walk() if node.error]:
                raise NotTraceQLError(f"{expression}: {', '.join(map(repr, wrong))}")
        return trees

    def parse_one(self, expression: str) -> Node:
        """Return the tree of one expression; see `parse`."""
        return self.parse([expression])[0]


def _node(raw: dict[str, Any]) -> Node:
    return Node(raw["name"], raw["text"], raw["error"], tuple(map(_node, raw["children"])))
