# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The live sources that the options `grid` and `grid_options` select: what these may say, and the sources made from it.

A check raises `ValueError`: with a message where it can say more than the table of options, which says what is allowed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.grid.source import GridSource
from carbonspan.live.sources import BUNDLED, NAMES, make, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ORIGIN_BYTES = 2
"""How much of a digest distinguishes the accounts and options of one source: enough that two of them do not share what
was fetched, and too little to give away a key."""


class SelectedSource(NamedTuple):
    """A source, and how it is treated."""

    source: GridSource
    origin: str  # its name in the shared file
    shared: bool  # whether what it delivers goes there
    owned: bool  # whether it was made here, and is to be closed


def parse_sources(value: Any) -> tuple[Any, ...]:
    """Return the sources in order, `bundled` last: names, paths, callables and `GridSource` objects.

    Raises:
        ValueError: something is not a source; the message says what is allowed where that is not plain.
    """
    items = value.split(",") if isinstance(value, str) else value
    if isinstance(items, (os.PathLike, GridSource)) or callable(items):
        items = (items,)
    if not isinstance(items, (list, tuple)):
        raise ValueError
    found = [item for item in map(_item, items) if item != ""]
    if BUNDLED in found[:-1]:
        raise ValueError(f"{BUNDLED!r} is always the last resort; allowed: only as the last name")
    return (*(item for item in found if item != BUNDLED), BUNDLED)


def _item(item: Any) -> Any:
    if isinstance(item, str):
        name = item.strip().lower()
        if name in {"", BUNDLED}:
            return name
        if name not in NAMES:
            raise ValueError
        return spec_of(name).name
    if isinstance(item, (os.PathLike, GridSource)) or callable(item):
        return item
    raise ValueError


def parse_source_options(value: Any) -> dict[str, dict[str, Any]]:
    """Return the options of each source by its name, from a mapping or JSON. They may hold keys.

    Raises:
        ValueError: it is neither, or no source has such a name.
    """
    if isinstance(value, str):
        value = json.loads(value)
    if not hasattr(value, "items") or not all(name in NAMES and hasattr(v, "items") for name, v in value.items()):
        raise ValueError(f"allowed: a mapping of source name to its options; names: {', '.join(NAMES)}")
    return {spec_of(name).name: dict(options) for name, options in value.items()}


def make_sources(
    items: Sequence[Any],
    options: Mapping[str, Mapping[str, Any]],
    environ: Mapping[str, str],
    passed_over: Callable[[str], None] | None = None,
) -> list[SelectedSource]:
    """Return the sources, made with their options.

    Args:
        items: from `parse_sources`.
        options: the options of each source by its name.
        environ: where sources find their keys.
        passed_over: called with the reason why a source is left out; without it, that is raised.

    Raises:
        ValueError: an option is wrong or missing, or two sources have one name; the message says what is allowed.
    """
    found: dict[str, SelectedSource] = {}
    for item in items:
        if item == BUNDLED:
            continue
        try:
            made = _make(item, options, environ)
            if made.source.name in found:
                raise ValueError(f"grid names {made.source.name} more than once; allowed: each source once")  # noqa: TRY301
        except ValueError as error:
            if passed_over is None:
                raise
            passed_over(str(error))
        else:
            found[made.source.name] = made
    return list(found.values())


def _make(item: Any, options: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]) -> SelectedSource:
    if isinstance(item, GridSource):
        name = f"{type(item).__module__}.{type(item).__qualname__}"
        return SelectedSource(item, f"{item.name}#{_digest(name)}", shared=True, owned=False)
    if isinstance(item, str):
        name, given = item, options.get(item, {})
    elif isinstance(item, os.PathLike):
        name, given = "file", {**options.get("file", {}), "path": os.fspath(item)}
    else:
        name, given = "function", {**options.get("function", {}), "function": item}
    read = _Read(environ)
    source = make(name, given, read)
    variant = {"options": dict(given), "environment": read.seen}
    origin = f"{source.name}#{_digest(variant)}" if given or read.seen else source.name
    return SelectedSource(source, origin, shared=spec_of(name).shared, owned=True)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=repr)
    from hashlib import blake2b  # noqa: PLC0415 - brings OpenSSL, for who uses a live source

    return blake2b(text.encode(), digest_size=ORIGIN_BYTES, person=b"carbonspan grid").hexdigest()


class _Read(Mapping[str, str]):
    """The environment, and what was read of it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.seen: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        value = self._environ[name]
        self.seen[name] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
