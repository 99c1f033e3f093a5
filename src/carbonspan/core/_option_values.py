# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""How the value of an option is read, from Python or from the text of an environment variable.

Each returns the value, and raises `ValueError` for a wrong one: with a message where it can say more than the table of
options, which says what is allowed.
"""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.core.values import Basis, Level


def enum(kind: type[Level | Basis]) -> Callable[[Any], Any]:
    """Return what reads a member of an enumeration by its value, in any case."""

    def parse(value: Any) -> Any:
        try:
            return kind(value.strip().lower() if isinstance(value, str) else value)
        except ValueError:
            raise ValueError from None  # the table says what is allowed

    return parse


def boolean(value: Any) -> bool:
    """Return a truth: true or false, as a text in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise ValueError


def text(value: Any) -> str:
    """Return a text without the space around it."""
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


def texts(value: Any) -> tuple[str, ...]:
    """Return texts: a list, or one text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        raise ValueError
    return tuple(v.strip() for v in value if v.strip())


def cohorts(value: Any) -> tuple[str, ...]:
    """Return names of attributes that may be inherited: none of those that are written here."""
    names = texts(value)
    ours = next((name for name in names if name.startswith("carbon.")), "")
    if ours:
        raise ValueError(f"{ours} is written by carbonspan; allowed: names that do not begin with carbon.")
    return names


def pairs(value: Any) -> dict[str, str]:
    """Return name to name: a mapping, or name=value pairs with commas."""
    if isinstance(value, str):
        items = [item.split("=", 1) for item in value.split(",") if item.strip()]
        if any(len(item) != 2 for item in items):  # noqa: PLR2004 - a name and a value
            raise ValueError
        value = {name.strip(): named.strip() for name, named in items}
    if not hasattr(value, "items") or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ValueError
    return dict(value)


# A facility needs at least the energy of its machines; the worst sites published are below 3 (Uptime Institute,
# "Global Data Center Survey 2025", average 1.54).
PUE_MAX = 3.0


def pue(value: Any) -> float | None:
    """Return a PUE."""
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    if not math.isfinite(number) or not 1.0 <= number <= PUE_MAX:
        raise ValueError
    return number


def models(value: Any) -> dict[str, dict[str, Any]]:
    """Return the user's models: a mapping, JSON, or the path of a JSON file."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json.loads(value)
    elif isinstance(value, (str, Path)):
        value = json.loads(Path(value).read_text(encoding="utf-8")) if str(value) else {}
    if not hasattr(value, "items") or not all(isinstance(k, str) and hasattr(v, "items") for k, v in value.items()):
        raise ValueError
    return {name: dict(spec) for name, spec in value.items()}


def energy(value: Any) -> Any:
    """Return an energy model or the name of one."""
    if isinstance(value, str) and value.strip().lower() in {"carbonspan", "ecologits"}:
        name = value.strip().lower()
        if name == "ecologits" and find_spec("ecologits") is None:
            raise ValueError("the package is not installed: pip install 'carbonspan[ecologits]'")
        return name
    if callable(getattr(value, "estimate", None)):
        return value
    raise ValueError


def grid_cache(value: Any) -> bool | str:
    """Return whether hours are kept in a file, or in which."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and value.strip().lower() not in {"true", "false", ""}:
        return value.strip()
    return boolean(value)
