# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Usage objects that a span carries as text: JSON, or the printed form of a Python dict, whole or cut off.

The SDK cuts text at OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: what is there before the cut is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_TEXT = 8192
"""Characters parsed. A usage object has some 300; longer text is something else and not worth a span's time."""

_MAX_SEARCHED = 262_144
"""Characters searched for an object that is anywhere in a text: an answer with its messages."""

_MAX_DEPTH = 3
"""Levels flattened. Providers nest usage details at most twice (`anthropic.usage.cache_read_input_tokens`)."""

_MAX_OPEN = 16
"""Brackets open at once in what is read of text that was cut off."""

_DECODER = json.JSONDecoder()
_CLOSING = {"{": "}", "[": "]"}
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[][{},]', re.DOTALL)

_PYTHON_TO_JSON = (("'", '"'), ("None", "null"), ("True", "true"), ("False", "false"))


def parse(value: object) -> dict[str, object] | None:
    """Return the object that an attribute holds, nested keys joined with dots; None where it holds none.

    Of one that is cut off it has what is whole: not a number at the very end, whose last digits may be missing.

    Args:
        value: The attribute: text in JSON, text as `str(dict)` gives it, or already a mapping.
    """
    if not isinstance(value, str):
        return _flattened(value) if isinstance(value, Mapping) else None
    if len(value) > _MAX_TEXT or "{" not in value:
        return None
    if value.startswith("{'"):
        # A name of a count holds no quote, so this is exact for usage objects; anything else fails to parse.
        for python, in_json in _PYTHON_TO_JSON:
            value = value.replace(python, in_json)
    found = _loaded(value)
    if found is None:
        found = _loaded(_closed(value))
    return _flattened(found) if isinstance(found, dict) else None


def at(get: Callable[[str], object], address: str) -> dict[str, object] | None:
    """Return the object at an address: the name of an attribute, and within it, after `#*`, a key at any depth."""
    name, _, within = address.partition("#*")
    return find(get(name), within) if within else parse(get(name))


def text_at(get: Callable[[str], object], address: str) -> object:
    """Return the value at an address: an attribute; in the object it holds, after `#`, a key, after `#*` at any depth.

    A text that is itself in JSON (`"gpt-4o"` with its quotes, as MLflow writes attributes) is taken out of it.
    """
    name, _, key = address.partition("#")
    value = get(name)
    if key.startswith("*"):
        found = _text_of(key[1:]).search(value, 0, _MAX_SEARCHED) if isinstance(value, str) else None
        return None if found is None else _loaded(found[1])
    if key:
        inner = parse(value)
        return None if inner is None else inner.get(key)
    if isinstance(value, str) and value[:1] == value[-1:] == '"':
        loaded = _loaded(value[:_MAX_TEXT])
        return loaded if isinstance(loaded, str) else value
    return value


def find(value: object, key: str) -> dict[str, object] | None:
    """Return the first object under a key at any depth of JSON text, as `parse` does; None where there is none."""
    found = _object_of(key).search(value, 0, _MAX_SEARCHED) if isinstance(value, str) else None
    if found is None or not isinstance(value, str):
        return None
    try:
        inner, _ = _DECODER.raw_decode(value, found.end() - 1)
    except (ValueError, RecursionError):
        return parse(value[found.end() - 1 :][:_MAX_TEXT])  # cut off
    return _flattened(inner)


@lru_cache(maxsize=64)
def _object_of(key: str) -> re.Pattern[str]:
    # Quotes within a text have a backslash before them: what a message says is not taken for a key.
    return re.compile(rf'(?<!\\)"{re.escape(key)}"\s*:\s*\{{')


@lru_cache(maxsize=64)
def _text_of(key: str) -> re.Pattern[str]:
    return re.compile(rf'(?<!\\)"{re.escape(key)}"\s*:\s*("(?:[^"\\]|\\.)*")')


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not JSON, a number of thousands of digits, or thousands of brackets
        return None


def _closed(text: str) -> str:
    """Return JSON that was cut off up to its last whole entry, with its brackets closed; "" for anything else."""
    if not text.lstrip().startswith("{"):
        return ""
    opened: list[str] = []
    whole, brackets = 0, ""
    for token in _STRUCTURE.finditer(text):
        mark = token[0]
        if mark == ",":
            whole, brackets = token.start(), "".join(reversed(opened))
        elif mark in _CLOSING:
            opened.append(_CLOSING[mark])
            if len(opened) > _MAX_OPEN:
                break
        elif mark in {"}", "]"}:
            if not opened or opened.pop() != mark or not opened:
                return ""
            whole, brackets = token.end(), "".join(reversed(opened))
    return text[:whole] + brackets


def _flattened(found: Mapping[str, object], depth: int = 1) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            if depth < _MAX_DEPTH:
                flat.update((f"{key}.{inner}", leaf) for inner, leaf in _flattened(value, depth + 1).items())
        else:
            flat[str(key)] = value
    return flat
