# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Parses TraceQL by the grammar that Grafana publishes for its editors (npm: @grafana/lezer-traceql), under Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.stack.needed import npm_packages, on_the_path

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


class Grammar:
    """Grafana's grammar, to be asked for trees."""

    def __init__(self) -> None:
        """Install it; skip the test where there is no Node, and fail it in CI."""
        files = [HERE / name for name in ("package.json", "package-lock.json", "parse.mjs")]
        self._command = [on_the_path("node"), str(npm_packages("traceql", files) / "parse.mjs")]

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
