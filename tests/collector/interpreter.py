# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Runs statements on spans without a Collector: what they use of OTTL reads as Python, and is compiled as such.

It knows what OTTL does where Python does otherwise: a statement that fails does nothing, a comparison with another type
or with nil is false, whole numbers divide to whole numbers. tests/stack has the real Collector run the same statements
on the same spans; where the two differ, this is wrong.
"""

from __future__ import annotations

import ast
import copy
import json
import math
import operator
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CodeType

    from carbonspan.collector._statements import Group

_ERRORS = (TypeError, KeyError, IndexError, ValueError, AttributeError, ZeroDivisionError, OverflowError)
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Missing(dict[str, Any]):
    def __missing__(self, key: str) -> None:
        return None


class Span:
    """A span as statements see it."""

    def __init__(self, attributes: Mapping[str, Any], start_ns: int) -> None:
        self.attributes = _Missing(
            {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()}
        )
        self.cache = _Missing()
        self.start_time_unix_nano = start_ns
        self.start_time = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=start_ns // 1000)


class _Named(NamedTuple):
    """The scope or the resource."""

    name: str
    attributes: _Missing


def _compared(name: str, left: Any, right: Any) -> bool:
    apart = {type(left), type(right)}
    alike = len(apart) == 1 or apart == {int, float}
    if name in {"Eq", "NotEq"}:
        return bool(_COMPARISONS[getattr(ast, name)](left, right)) if alike else name == "NotEq"
    return bool(alike and left is not None and _COMPARISONS[getattr(ast, name)](left, right))


def _divided(left: Any, right: Any) -> Any:
    return left // right if type(left) is int and type(right) is int else left / right


def _like_text(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def _pattern(written: str) -> re.Pattern[str]:
    return re.compile(written.replace("^(?i)", "(?i)^"))  # where Python wants it


def _matches(value: Any, written: str) -> bool:
    shown = _like_text(value)
    return shown is not None and _pattern(written).search(shown) is not None


def _extracted(value: str, written: str) -> dict[str, str]:
    match = _pattern(written).search(value)
    return match.groupdict() if match else {}


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(value)
    return float(value)


def _set(holder: Any, key: Any, value: Any) -> None:
    holder[key] = value


def _replaced(holder: Any, key: str, written: str, replacement: str) -> None:
    if isinstance(holder[key], str):
        holder[key] = re.sub(written, re.sub(r"\$\{?(\d)\}?", r"\\g<\1>", replacement), holder[key])


def _kept(holder: dict[str, Any], keys: Iterable[str]) -> None:
    for key in holder.keys() - set(keys):
        del holder[key]


_NAMES: dict[str, Any] = {
    "nil": None,
    "true": True,
    "false": False,
    "_compared": _compared,
    "_divided": _divided,
    "set": _set,
    "replace_pattern": _replaced,
    "delete_key": lambda holder, key: holder.pop(key, None),
    "keep_keys": _kept,
    "Coalesce": lambda values: next((value for value in values if value is not None), None),
    "Concat": lambda values, between: between.join(map(str, values)),
    "Double": _number,
    "Duration": lambda written: {"1h": timedelta(hours=1)}[written],
    "ExtractPatterns": _extracted,
    "FormatTime": lambda moment, written: moment.strftime(written),
    "HasPrefix": lambda value, start: value.startswith(start),
    "HasSuffix": lambda value, end: value.endswith(end),
    "Hour": lambda moment: moment.hour,
    "Int": lambda value: int(_number(value)),
    "IsDouble": lambda value: isinstance(value, float),
    "IsInt": lambda value: type(value) is int,
    "IsMatch": _matches,
    "IsString": lambda value: isinstance(value, str),
    "Log": math.log,
    "Month": lambda moment: moment.month,
    "ParseJSON": json.loads,
    "String": _like_text,
    "ToLowerCase": lambda value: value.lower(),
    "Trim": lambda value: value.strip(),
    "TruncateTime": lambda moment, by: moment - (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) % by,
}


class _Compiler(ast.NodeTransformer):
    """Makes Python of what OTTL means; tables are made once, and what is found in one is a copy."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] = {"_copied": copy.deepcopy}

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        arguments = [ast.Constant(type(node.ops[0]).__name__), node.left, node.comparators[0]]
        return ast.Call(ast.Name("_compared", ast.Load()), arguments, [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return ast.Call(ast.Name("_divided", ast.Load()), [node.left, node.right], [])
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node.value:
            case ast.Call(func=ast.Name(id="Coalesce"), args=[ast.List(elts=[ast.Dict() as table])]):
                key = f"_table_{len(self.tables)}"
                self.tables[key] = eval(ast.unparse(table), dict(_NAMES))  # noqa: S307 - a literal
                node.value = ast.Name(key, ast.Load())
                self.generic_visit(node)
                return ast.Call(ast.Name("_copied", ast.Load()), [node], [])
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        target = node.args[0] if node.args else None
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in {"set", "replace_pattern"}:
            assert isinstance(target, ast.Subscript)
            node.args[:1] = [target.value, target.slice]
        return node

    def compiled(self, expression: str) -> CodeType:
        tree = self.visit(ast.parse(expression, mode="eval"))
        return compile(ast.fix_missing_locations(tree), expression[:60], "eval")


class _Statement(NamedTuple):
    action: CodeType
    condition: CodeType | None


class Interpreter:
    """The groups of statements of spans, ready to be run."""

    def __init__(self, groups: Iterable[Group]) -> None:
        compiler = _Compiler()
        seen: dict[tuple[str, ...], list[_Statement]] = {}
        self._groups = []
        for group in groups:
            if group.context == "span":
                if group.statements not in seen:
                    split = [statement.partition(" where ") for statement in group.statements]
                    seen[group.statements] = [
                        _Statement(compiler.compiled(what), compiler.compiled(where) if where else None)
                        for what, _, where in split
                    ]
                self._groups.append((compiler.compiled(group.condition), seen[group.statements]))
        self._names = _NAMES | compiler.tables

    def run(
        self, attributes: Mapping[str, Any], scope: str, resource: Mapping[str, Any], start_ns: int
    ) -> dict[str, Any]:
        """Return the attributes of a span when all groups have run."""
        span = Span(attributes, start_ns)
        names = self._names | {
            "span": span,
            "scope": _Named(scope, _Missing()),
            "resource": _Named("", _Missing(resource)),
        }
        for condition, statements in self._groups:
            span.cache = _Missing()
            if self._value(condition, names) is True:
                for statement in statements:
                    if statement.condition is None or self._value(statement.condition, names) is True:
                        self._value(statement.action, names)
        return {key: value for key, value in span.attributes.items() if value is not None}

    def _value(self, code: CodeType, names: dict[str, Any]) -> Any:
        try:
            return eval(code, names)  # noqa: S307 - the statements that are tested
        except _ERRORS:
            return None
