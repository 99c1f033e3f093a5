# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Writes OTTL, the Collector's transformation language: literals, look-ups in a table, and the functions it lacks.

What is used of the language is in release 0.161 of its documentation
(https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/v0.161.0/pkg/ottl). A map of literals is made
into a constant when a statement is parsed, so a look-up in one copies nothing but what it finds. What is not in it is
an error of the statement, which then does nothing: what stood in its target before stays.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INFINITE = 1e4
"""Stands for a squared width without end: a lower bound of nothing. OTTL has no infinity."""

_DIGITS = 7  # of a number in a table: three orders finer than what is promised
_SQUARINGS = 4
_TAYLOR = 7
_NEWTON_STEPS = 6
# First guesses of a square root, by what the radicand is below: each serves a span of two to three orders.
_FIRST_GUESS, _GUESSES = 9.0, ((25.0, 1.26), (0.1, 0.1), (1e-3, 0.01))
_NOTHING = 1e-10  # a radicand below: its root moves no bound by more than a thousandth of a per cent


def kept(key: str) -> str:
    """Return the path of a value that is kept while a span is worked on."""
    return f'span.cache["{key}"]'


def attribute(key: str) -> str:
    """Return the path of a span's attribute."""
    return f"span.attributes[{text(key)}]"


_NOT_ASCII = re.compile(r"[^ -~]")
_HALVES, _UNKNOWN = range(0xD800, 0xE000), 0xFFFD  # half of a pair is not a character: Go refuses it
_SHORT = 0xFFFF  # the last that four hexadecimal digits hold


def text(value: str) -> str:
    """Return a text as a literal, in ASCII: Go's, and YAML's in double quotes."""
    return _NOT_ASCII.sub(lambda found: _unicode(ord(found[0])), json.dumps(value, ensure_ascii=False))


def _unicode(letter: int) -> str:
    letter = _UNKNOWN if letter in _HALVES else letter
    return f"\\u{letter:04x}" if letter <= _SHORT else f"\\U{letter:08x}"


def number(value: float) -> str:
    """Return a number that is not negative as a literal, to seven digits."""
    if math.isinf(value):
        value = INFINITE
    written = f"{value:.{_DIGITS}g}"
    mantissa, _, exponent = written.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def literal(value: Any) -> str:
    """Return strings, booleans, numbers, lists and maps of them as one literal."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(key)}:{literal(item)}" for key, item in value.items()) + "}"
    return "[" + ",".join(map(literal, value)) + "]"


def put(target: str, value: str, where: str = "") -> str:
    """Return the statement that sets a target to a value, if a condition holds."""
    return f"set({target}, {value})" + (f" where {where}" if where else "")


def look_up(table: Mapping[str, Any], key: str) -> str:
    """Return the entry of a table under a key, an error where it has none."""
    return f"Coalesce([{literal(dict(table))}])[{key}]"


def first(paths: Iterable[str]) -> str:
    """Return the first of some paths that holds anything, nil where none does."""
    listed = list(paths)
    return listed[0] if len(listed) == 1 else f"Coalesce([{', '.join(listed)}])"


def matches(target: str, pattern: str) -> str:
    """Return whether a pattern (RE2) occurs in a target."""
    return f"IsMatch({target}, {text(pattern)})"


def square_root(target: str, radicand: str) -> list[str]:
    """Return statements that set `target` to the square root of `radicand`, both names of values kept.

    Newton's steps from a first guess. Between 1e-10 and 600 the error is below 2e-4 absolute, and below 1e-6 relative
    from 1e-5 on; below 1e-10 it is taken as zero.
    """
    root, of = kept(target), kept(radicand)
    steps = [put(root, number(_FIRST_GUESS))]
    steps += [put(root, number(guess), f"{of} < {number(below)}") for below, guess in _GUESSES]
    # Two steps in one: with z = y + s / y, twice y becomes z / 4 + s / z.
    twice = f"0.25 * ({root} + {of} / {root}) + {of} / ({root} + {of} / {root})"
    steps += [put(root, twice)] * (_NEWTON_STEPS // 2)
    return [*steps, put(root, "0.0", f"{of} < {number(_NOTHING)}")]


def exponential(target: str, exponent: str) -> list[str]:
    """Return statements that set `target` to e to the power of `exponent`, both names of values kept.

    A Taylor polynomial of a sixteenth, squared four times: the relative error is below 1e-6 from 0 to 8.
    """
    power, of = kept(target), kept(exponent)
    polynomial = "1.0"
    for order in range(_TAYLOR, 0, -1):
        polynomial = f"1.0 + {of} / {number(order * 2.0**_SQUARINGS)} * ({polynomial})"
    return [put(power, polynomial), *[put(power, " * ".join([power] * 4))] * (_SQUARINGS // 2)]


def quoted(statement: str) -> str:
    """Return a statement as a YAML scalar. The Collector reads `$` as the start of a variable, `$$` as itself."""
    return "'" + statement.replace("$", "$$").replace("'", "''") + "'"


def quoted_text(value: str) -> str:
    """Return a text as a YAML scalar, whatever it holds."""
    return text(value).replace("$", "$$")


def any_of(words: Iterable[str]) -> str:
    """Return the pattern (RE2) of a text that is one of some words."""
    return f"^(?:{'|'.join(map(escaped, sorted(set(words))))})$"


def escaped(word: str) -> str:
    """Return the pattern that matches a word itself."""
    return "".join(f"\\{letter}" if letter in r".+*?()|[]{}^$\-" and letter != "-" else letter for letter in word)
