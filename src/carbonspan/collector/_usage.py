# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span's operation stands for and who answered, as statements made from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._counts import ENCODING, counted
from carbonspan.collector._dialects import alike, covered, of
from carbonspan.collector._ottl import any_of, attribute, first, found, matches, name, plain, put, text
from carbonspan.core._outcome import Role
from carbonspan.core._tables import load
from carbonspan.telemetry._contract import ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbonspan.usage._operations import Operation

INFERENCE, CONTAINER, ASIDE = "inference", "container", "aside"
"""What an operation is, beside `counts.ENCODING`."""


def role() -> list[str]:
    """Return the statements that tell what a span's operation stands for."""
    this, other = name("role"), name("other")
    steps = [put(this, '""'), put(other, "false")]
    for one in alike("operations"):
        where = f'{this} == "" and {of(one, "operations")}'
        for key, values, ignored in one.operations:
            path = attribute(key)
            kinds = {word: _kind(operation) for word, operation in values.items() if word not in ignored}
            strange = f'{where} and IsString({path}) and {path} != ""'
            if ignored:
                strange += f" and not {matches(path, any_of(sorted(ignored)))}"
            steps += [put(this, found(kinds, path), f"{where} and IsString({path})"), put(other, "true", strange)]
    default = covered()[0]
    steps += [
        put(this, text(CONTAINER), f'{this} == "" and {other} == true'),
        put(this, text(_kind(default.default_operation)), f'{this} == "" and ({name("model")} != "" or {counted()})'),
    ]
    for one in alike("container_if"):
        if one.container_if:
            there = f"{first(map(attribute, one.container_if))} != nil"
            steps.append(put(this, text(CONTAINER), f"{of(one, 'container_if')} and {there}"))
    for one in alike("cache_hit"):
        for key in one.cache_hit:
            hit = f"{attribute(key)} == true or {matches(attribute(key), '^(?i)true')}"
            where = f"{attribute(key)} != nil and {of(one, 'cache_hit')} and ({hit})"
            steps.append(put(this, text(Role.CACHED.value), where))
    return steps


def _kind(operation: Operation) -> str:
    if operation.role is Role.CONTAINER:
        return ASIDE if operation.aside else CONTAINER
    return ENCODING if operation.output_optional else INFERENCE


def elsewhere(names: Iterable[str]) -> list[str]:
    """Return the statements that leave the calls to some providers and hosts to who counts them: a gateway."""
    if not names:
        return []
    this, called = name("role"), " or ".join(named(names))
    counts_here = f"{name('ok')} == true and {matches(this, any_of([INFERENCE, ENCODING]))}"
    duplicate = text(Role.DUPLICATE.value)
    return [
        put(this, duplicate, f"{counts_here} and ({called})"),
        put(attribute(ROLE), duplicate, f"{this} == {duplicate}"),
    ]


def named(names: Iterable[str]) -> list[str]:
    """Return conditions: one holds where a span calls one of the providers and hosts that the user names."""
    given = [one.strip().lower() for one in names]
    patterns = "|".join(f".*{plain(one[1:])}" if one.startswith("*.") else plain(one) for one in given)
    return [matches(name(what), f"^(?:{patterns})$") for what in ("provider", "host")]


def provider() -> list[str]:
    """Return the statements that tell who answers, in OpenTelemetry's spelling."""
    table = load("usage/providers.json")
    known = {spelling: key for key, spellings in table["aliases"].items() for spelling in spellings}
    frameworks = any_of(table["not_providers"]["values"])
    this, spelled = name("provider"), name("spelled")
    suffixes = rf"\.(?:{'|'.join(map(plain, table['endpoint_suffixes']))})$"
    steps = [put(this, '""'), put(spelled, '""')]
    for one in alike("provider"):
        for key in one.provider:
            path = attribute(key)
            where = f'{spelled} == "" and IsString({path}) and {of(one, "provider")}'
            steps.append(put(spelled, f"ToLowerCase(Trim({path}))", where))
            steps.append(put(spelled, '""', f"{of(one, 'provider')} and {matches(spelled, frameworks)}"))
    for one in alike("provider_aliases"):
        for word, key in one.provider_aliases.items():
            steps.append(put(this, text(key), f"{spelled} == {text(word)} and {of(one, 'provider_aliases')}"))
    unset = f'{this} == "" and {spelled} != ""'
    suffix_table = {suffix.removeprefix("*"): key for suffix, key in table["hosts"]["suffixes"].items()}
    ends = "|".join(plain(suffix) for suffix in table["hosts"]["suffixes"] if not suffix.startswith("*"))
    anywhere = "|".join(plain(suffix[1:]) for suffix in table["hosts"]["suffixes"] if suffix.startswith("*"))
    models = [(prefix, key) for prefix, key in table["models"]["prefixes"]]
    starts = "|".join(plain(prefix) for prefix, _ in models)
    nobody, model, host = f'{this} == ""', name("model"), name("host")
    return [
        *steps,
        put(this, found(known, spelled), unset),
        put(name("raw"), spelled, unset),
        f'replace_pattern({spelled}, {text(suffixes)}, "") where {unset}',
        put(this, found(known, spelled), unset),
        put(this, name("raw"), unset),
        put(name("end"), f'ExtractPatterns({host}, {text(f"(?P<s>{ends})$")})["s"]', f'{nobody} and {host} != ""'),
        put(
            name("end"),
            f'ExtractPatterns({host}, {text(f"(?P<s>{anywhere})")})["s"]',
            f'{nobody} and {host} != "" and {name("end")} == nil',
        ),
        put(this, found(suffix_table, name("end")), f"{nobody} and {name('end')} != nil"),
        put(
            name("start"), f'ExtractPatterns({model}, {text(f"^(?P<s>{starts})")})["s"]', f'{nobody} and {model} != ""'
        ),
        put(this, found(dict(models), name("start")), f"{nobody} and {name('start')} != nil"),
    ]
