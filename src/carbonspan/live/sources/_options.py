# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of the options that sources share. Each raises `ValueError` that names option, value and what is allowed.

A value may come as text, from an environment variable or a declarative file. The value of a secret is never shown.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from carbonspan.core.values import Basis

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TIMEOUT_S = 300.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
TIMEOUTS = "seconds: one number for all, or connect, read[, total], each above 0 and at most 300"
URL = "an http(s) address without user, query or fragment"
ACCOUNTING = {"consumption": "consumption", "production": "production"}
BASES = {
    "life-cycle": Basis.LIFE_CYCLE,
    "lifecycle": Basis.LIFE_CYCLE,
    "direct": Basis.DIRECT,
    "marginal": Basis.MARGINAL,
}


class Timeouts(NamedTuple):
    """How long one call may take, in seconds."""

    connect_s: float = 3.05
    read_s: float = 10.0  # between two bytes
    total_s: float = 30.0  # all attempts together, pauses included


def refused(option: str, value: Any, allowed: str) -> ValueError:
    """Return the error to raise for a value that is not allowed."""
    return ValueError(f"{option}={value!r} is not allowed; allowed: {allowed}")


def timeouts(value: Any) -> Timeouts:
    """Return the timeouts: the usual ones for `None`, else from one to three times in seconds."""
    usual = Timeouts()
    if value is None:
        return usual
    parts = value.split(",") if isinstance(value, str) else value
    parts = parts if isinstance(parts, (list, tuple)) else (parts,)
    try:
        times = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        raise refused("timeout_s", value, TIMEOUTS) from None
    if not 1 <= len(times) <= 3 or not all(math.isfinite(t) and 0.0 < t <= MAX_TIMEOUT_S for t in times):  # noqa: PLR2004
        raise refused("timeout_s", value, TIMEOUTS)
    connect_s, read_s = (times[0], times[0]) if len(times) == 1 else times[:2]
    return Timeouts(connect_s, read_s, times[2] if len(times) > 2 else max(usual.total_s, connect_s + read_s))  # noqa: PLR2004


def base_url(value: Any) -> str:
    """Return an address to which paths can be added."""
    text = value.strip().rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not one
        whole, parts = False, urlsplit("")
    if not whole or parts.username is not None or parts.query or parts.fragment or not text.isprintable():
        # Not the value: it may hold a password.
        raise ValueError(f"url is not allowed; allowed: {URL}")
    return text


def secret(option: str, value: Any, environment: str) -> str:
    """Return a secret that can stand in a header."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(
            f"{option} is missing or is not printable ASCII text; allowed: the key, as an option or in {environment}"
        )
    return text


def one_of(option: str, value: Any, allowed: Mapping[str, Any]) -> Any:
    """Return what a name stands for."""
    name = value.value if isinstance(value, Basis) else value
    text = str(name).strip().lower()
    if text not in allowed:
        raise refused(option, value, ", ".join(allowed))
    return allowed[text]


def whole(option: str, value: Any, low: int, high: int) -> int:
    """Return a whole number within bounds."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = low - 1
    if isinstance(value, (bool, float)) or not low <= number <= high:
        raise refused(option, value, f"{low} to {high}")
    return number


def pairs(option: str, value: Any) -> dict[str, str]:
    """Return texts by name, from a mapping or from `name=text,name=text`."""
    allowed = "names to texts, or name=text,name=text"
    if isinstance(value, str):
        items = [item.partition("=") for item in value.split(",") if item.strip()]
        if not all(equals for _, equals, _ in items):
            raise refused(option, value, allowed)
        value = {name: text for name, _, text in items}
    if not hasattr(value, "items") or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise refused(option, value, allowed)
    found = {name.strip(): text.strip() for name, text in value.items()}
    if not all(name and text for name, text in found.items()):
        raise refused(option, value, allowed)
    return found


def texts(option: str, value: Any) -> tuple[str, ...]:
    """Return texts, from a list or from `text,text`."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple, set, frozenset)) or not all(isinstance(part, str) for part in parts):
        raise refused(option, value, "texts, or text,text")
    return tuple(part.strip() for part in parts if part.strip())


def source_name(value: Any) -> str:
    """Return a name as it is written on spans."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refused("name", value, "a short name of letters, digits and . _ : -")
    return value
