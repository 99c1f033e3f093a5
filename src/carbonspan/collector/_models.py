# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which registry entry a span's model stands for, and the joules of its tokens, as tables and statements.

A name that is an entry's own, or that was given, is found in a table. Any other is normalised and tried on the
registry's patterns, in a group of statements that other spans do not enter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.collector import _patterns as patterns
from carbonspan.collector._ottl import any_of, attribute, escaped, kept, look_up, matches, put, text
from carbonspan.core._tables import rows
from carbonspan.energy._registry import EMBEDDING, EMBEDDING_CLASS, UNKNOWN_CLASS, default_registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.core._options import Settings
    from carbonspan.energy._registry import Entry, Registry

ENTRY, SEARCHED = "carbonspan.entry", "carbonspan.searched"
"""Span attributes that carry an entry's id, and a name to search for, from one group of statements to the next: what
is kept in a cache ends with its group. The last group deletes them."""

_QUICK = ("path", "geography", "vendor", "revision", "date-iso", "date")
"""The rules that bring most names as providers spell them to an entry's own."""

_SIZE = (
    r"(?:^|[^a-z0-9.])(?P<size>(?:\d{1,3}x)?\d{1,5}(?:\.\d{1,3})?[mbt](?:-?a\d{1,4}(?:\.\d{1,3})?b)?)(?:$|[^a-z0-9])"
)
# Sizes that open weights come in, billions of parameters: a name that states one of them gets its figures.
_DENSE = (
    *(0.27, 0.5, 0.6, 0.8, 1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.7, 1.8, 2, 2.4, 2.6, 2.7, 3, 3.8, 4, 4.5, 5, 6, 6.7, 6.9, 7),
    *(7.5, 8, 9, 10, 10.7, 11, 12, 13, 14, 15, 16, 20, 21, 22, 24, 26, 27, 30, 31, 32, 33, 34, 35, 36, 40, 49, 52, 65),
    *(67, 70, 72, 80, 90, 100, 104, 105, 106, 110, 111, 120, 122, 123, 128, 132, 141, 176, 180, 235, 236, 253, 284),
    *(314, 340, 355, 397, 400, 405, 480, 540, 671, 744),
)
_ENCODERS = tuple(f"{size:g}b" for size in (0.02, 0.03, 0.05, 0.1, 0.15, 0.3, 0.33, 0.35, *_DENSE[:33]))
_SIZES = (
    *(f"{size:g}b" for size in _DENSE),
    *("135m", "270m", "350m", "360m", "500m", "560m", "1t", "8x7b", "8x22b", "3b-a0.6b", "16b-a3b", "21b-a3b"),
    *("26b-a4b", "30b-a3b", "32b-a9b", "35b-a3b", "47b-a13b", "57b-a14b", "80b-a3b", "106b-a12b", "120b-a12b"),
    *("122b-a10b", "235b-a22b", "300b-a47b", "355b-a32b", "397b-a17b", "424b-a47b", "480b-a35b", "1t-a32b"),
)

_ANY_SIZE = tuple(dict.fromkeys([*_ENCODERS, *_SIZES]))


class Models(NamedTuple):
    """What is known of models."""

    registry: Registry
    entries: dict[str, Entry]
    exact: dict[str, str]  # name in lower case -> id of its entry
    encoders: tuple[str, ...]  # `family:size` of encoders at another size than their family's


def models(settings: Settings, more: Iterable[str] = ()) -> Models:
    """Return the entries there are, and the names that lead to one without a look at patterns.

    Args:
        settings: The processor's own, with the user's models.
        more: Names to look up now, so that the Collector need not.
    """
    registry = default_registry()
    if settings.models:
        registry = registry.with_models(settings.models)
    entries = {entry.id: entry for entry in reversed(registry.entries())}
    exact: dict[str, str] = {}
    for given in (*entries, *more):
        entry = registry.resolve(given)
        if entry.known:
            exact[given.strip().lower()] = entry.id
            entries.setdefault(entry.id, entry)
    encoders = _encoders(registry)
    for key, entry in (_sized(registry) | encoders).items():
        entries.setdefault(key, entry)
    return Models(registry, entries, exact, tuple(encoders))


def _encoders(registry: Registry) -> dict[str, Entry]:
    """Return the entries of encoders at another size than their family's, by `family:size`."""
    entries: dict[str, Entry] = {}
    for row in rows("energy/coefficients.csv"):
        if row["tier"] == EMBEDDING and row["pattern"]:
            word = patterns.without_looking(patterns.branches(row["pattern"])[0])[0].must
            for size in _ENCODERS:
                entry = registry.resolve(f"{word}-{size}")
                if entry.id.startswith(f"{row['id']}:"):
                    entries[f"{row['id']}:{size}"] = entry
    return entries


def _sized(registry: Registry) -> dict[str, Entry]:
    generators = [registry.resolve(f"x-{size}") for size in _SIZES]
    entries = {entry.id: entry for entry in generators}
    for size in _ANY_SIZE:
        entries[_encoder_key(size)] = registry.resolve(f"x-{size}", embedding=True)
    return entries


def _encoder_key(size: str) -> str:
    return f"{size}:{EMBEDDING}"


def coefficients(known: Models) -> dict[str, object]:
    """Return the table of entries: joules per token, texts, and whether the model encodes."""
    table: dict[str, object] = {}
    for key, entry in known.entries.items():
        output, fresh, cached = entry.coefficients
        table[key] = {
            "c": [float(value) for value in (*output, *fresh, *cached)],
            "t": [entry.id, entry.tier, entry.evidence],
            "e": entry.tier == EMBEDDING,
            "k": entry.known,
        }
    return table


def quick(known: Models, globs: Iterable[str], path: str) -> list[str]:
    """Return the statements that put the id of an entry on spans whose model is found by its name.

    On others they put the name to search for.

    Args:
        known: The models.
        globs: The user's own models, the preferred one first.
        path: Where the name is.
    """
    rules = {rule.name: rule for rule in patterns.rules()}
    this, entry = kept("n"), attribute(ENTRY)
    unset = f"{entry} == nil"
    return [
        put(this, '""'),
        put(this, f"ToLowerCase(Trim({path}))", f"IsString({path})"),
        *_by_glob(globs),
        put(entry, look_up(known.exact, this), unset),
        *[_replaced(rules[rule], unset) for rule in _QUICK],
        put(entry, look_up(known.exact, this), unset),
        put(attribute(SEARCHED), '""', unset),
        put(attribute(SEARCHED), path, f"{unset} and IsString({path})"),
    ]


def thorough(known: Models, globs: Iterable[str]) -> list[str]:
    """Return the statements that put the id of an entry on a span that has a name to search for."""
    target, entry = kept("n"), attribute(ENTRY)
    steps = [
        put(target, f"ToLowerCase(Trim({attribute(SEARCHED)}))"),
        *[_replaced(rule) for rule in patterns.rules()],
        *_by_glob(globs),
    ]
    for row in rows("energy/coefficients.csv"):
        for pattern in patterns.without_looking(row["pattern"]) if row["pattern"] else ():
            where = f"{entry} == nil and {matches(target, pattern.must)}"
            if pattern.must_not:
                where += f" and not {matches(target, pattern.must_not)}"
            steps.append(put(entry, text(row["id"]), where))
    families = sorted({key.partition(":")[0] for key in known.encoders})
    encoder = matches(entry, any_of(families))
    return [
        *steps,
        *_stated_size(f"{entry} != nil and {encoder}"),
        put(entry, look_up({key: key for key in known.encoders}, f'Concat([{entry}, {kept("size")}], ":")'), encoder),
    ]


def _stated_size(where: str = "") -> list[str]:
    """Return the statements that take the size off a name: 30ba3b is 30b-a3b."""
    size = kept("size")
    return [
        put(size, '""'),
        put(size, f'ExtractPatterns({kept("n")}, {text(_SIZE)})["size"]', where),
        f'replace_pattern({size}, "^(.*[mbt])-?(a[0-9.]+b)$", "$1-$2") where {size} != ""',
    ]


def stand_in(known: Models, encodes: str) -> list[str]:
    """Return the statements that put a size, or a class, on a span whose model is unknown.

    Args:
        known: The models.
        encodes: The condition of an operation that encodes.
    """
    target, entry = kept("n"), attribute(ENTRY)
    sizes = {size: known.registry.resolve(f"x-{size}").id for size in _SIZES}
    encoders = {size: _encoder_key(size) for size in _ANY_SIZE}
    steps = [
        put(target, f"ToLowerCase(Trim({attribute(SEARCHED)}))"),
        *[_replaced(rule) for rule in patterns.rules()],
        put(kept("word"), '""'),
        put(kept("encodes"), "false"),
        put(kept("encodes"), "true", encodes),
    ]
    for row in rows("energy/size_words.csv"):
        pattern = rf"(?:^|[-.:/]){escaped(row['word'])}(?:$|[-.:/])"
        steps.append(put(kept("word"), text(row["class"]), f'{kept("word")} == "" and {matches(target, pattern)}'))
    return [
        *steps,
        put(kept("encodes"), "true", f'{kept("word")} == "{EMBEDDING_CLASS}"'),
        *_stated_size(),
        put(entry, look_up(sizes, kept("size"))),
        put(entry, text(EMBEDDING_CLASS), f"{kept('encodes')} == true"),
        put(entry, look_up(encoders, kept("size")), f"{kept('encodes')} == true"),
        put(entry, kept("word"), f'{entry} == nil and {kept("word")} != ""'),
        put(entry, text(UNKNOWN_CLASS), f"{entry} == nil"),
    ]


def _replaced(rule: patterns.Rule, where: str = "") -> str:
    target = kept("n")
    conditions = [where] if where else []
    if rule.unless:
        conditions.append(f"not {matches(target, rule.unless)}")
    written = f"replace_pattern({target}, {text(rule.pattern)}, {text(rule.replacement)})"
    return f"{written} where {' and '.join(conditions)}" if conditions else written


def _by_glob(globs: Iterable[str]) -> list[str]:
    entry = attribute(ENTRY)
    return [put(entry, text(glob), f"{entry} == nil and ({matches(kept('n'), glob_pattern(glob))})") for glob in globs]


def glob_pattern(glob: str) -> str:
    """Return a glob as a pattern of a whole name, or of what follows its last slash."""
    pattern, rest = "", glob.strip().lower()
    while rest:
        letter, rest = rest[0], rest[1:]
        characters = _CLASS.match(rest) if letter == "[" else None  # one that is not closed stands for itself
        if characters:
            pattern += f"[{'^' if characters[1] else ''}{_IN_A_CLASS.sub(_BACKSLASHED, characters[2])}]"
            rest = rest[characters.end() :]
        else:
            pattern += {"*": ".*", "?": "."}.get(letter) or escaped(letter)
    return f"^(?:{pattern}|.*/{pattern.replace('.*', '[^/]*')})$"


_CLASS = re.compile(r"(!?)(\]?[^\]]*)\]")  # what follows the bracket that opens it
_IN_A_CLASS, _BACKSLASHED = re.compile(r"[\\\[\]^]"), r"\\\g<0>"
