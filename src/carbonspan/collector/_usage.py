# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span is, as statements made from the tables of `usage`: its dialect, its role, and who answered.

A dialect that keeps its counts as text in one attribute is not read here: its spans are left as they are. See
docs/how-to/collector-enrichment.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import any_of, attribute, escaped, first, kept, look_up, matches, put, text
from carbonspan.core._outcome import Role
from carbonspan.core._tables import load
from carbonspan.telemetry._contract import EMISSIONS, ROLE
from carbonspan.usage import _no_calls as no_calls
from carbonspan.usage._dialects import DIALECTS, MARKERS, Dialect
from carbonspan.usage._operations import PATTERNS
from carbonspan.usage._unnamed import RESOURCE_MODELS, SERVICE, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from carbonspan.usage._operations import Operation

INFERENCE, CONTAINER = Role.INFERENCE.value, Role.CONTAINER.value
CACHED, DUPLICATE = Role.CACHED.value, Role.DUPLICATE.value
ENCODING = "encoding"
"""The role of an inference whose output need not be reported."""
AUXILIARY = "auxiliary"
"""The role of what makes no model call of its own (tools, retrieval): of no interest without counts."""

UNREAD = "unread"
"""The dialect of a span that keeps some of its counts as text."""

VERCEL = "vercel"
"""The one dialect whose details are read from an object in an attribute: it is of a language without a processor."""

_SOMETHING = r"\S"

# The fields of a dialect of which many have the same: statements are made once for each distinct content.
_COMPARED = (
    "operations",
    "container_if",
    "cache_hit",
    "provider",
    "provider_aliases",
    "default_provider",
    "sources",
    "sets",
)


def covered() -> list[Dialect]:
    """Return the dialects whose counts are attributes first of all, in the order they are tried."""
    return [one for one in DIALECTS if not one.sources[0].attribute]


def is_llm() -> str:
    """Return the condition of a span of an LLM call or a container that has not been handled."""
    there = " or ".join(f"{attribute(marker)} != nil" for marker in sorted(MARKERS))
    return f"{attribute(EMISSIONS)} == nil and {attribute(ROLE)} == nil and ({there})"


def is_inference() -> str:
    """Return the condition of a role that is an inference's."""
    return matches(kept("role"), any_of([INFERENCE, ENCODING]))


def has_counts() -> str:
    """Return the condition that a span has a count of either side, or a total."""
    return f"{kept('in')} != nil or {kept('out')} != nil or {kept('total')} != nil"


def request_models() -> list[str]:
    """Return the attributes that may hold the name of the requested model."""
    return _names_of("request_model")


def response_models() -> list[str]:
    """Return the attributes that may hold the name of the model that answered."""
    return _names_of("response_model")


def _names_of(field: str) -> list[str]:
    ordered = sorted(covered(), key=lambda dialect: dialect is not DIALECTS[-1])
    return list(dict.fromkeys(key for dialect in ordered for key in getattr(dialect, field)))


def encodes() -> str:
    """Return the condition of an operation that only encodes, whatever the dialect."""
    return _spelled(lambda operation: operation.output_optional)


def _spelled(is_meant: Callable[[Operation], bool]) -> str:
    """Return the condition of an operation of some sort, by each of its spellings."""
    by_attribute: dict[str, set[str]] = {}
    for dialect in covered():
        for key, values, *_ in dialect.operations:
            spelled = {word for word, operation in values.items() if is_meant(operation)}
            by_attribute.setdefault(key, set()).update(spelled)
    return " or ".join(
        matches(attribute(key), f"(?i){any_of(sorted(words))}") for key, words in by_attribute.items() if words
    )


def dialect() -> list[str]:
    """Return the statements that find a span's dialect, by its scope, else by what it carries; and its classes.

    A class stands for dialects that have the same in one field of the table.
    """
    this, scope = kept("dialect"), kept("scope")
    ids: dict[str, str] = {}
    alternatives = []
    for one in DIALECTS:
        for pattern in one.scopes:
            ids.setdefault(pattern.removesuffix("*"), one.id)
            alternatives.append(escaped(pattern[:-1]) if pattern.endswith("*") else f"{escaped(pattern)}$")
    steps = [
        put(this, '""'),
        put(scope, f'ExtractPatterns(scope.name, {text(f"^(?P<s>{chr(124).join(alternatives)})")})["s"]'),
        put(this, look_up(ids, scope), f"{scope} != nil"),
    ]
    for one in DIALECTS[:-1]:
        there = " or ".join(f"{attribute(marker)} != nil" for marker in one.markers)
        if there:
            steps.append(put(this, text(one.id), f'{this} == "" and ({there})'))
    steps.append(put(this, text(DIALECTS[-1].id), f'{this} == ""'))
    for one in covered():
        if one.details and one.id != VERCEL:
            in_text = " or ".join(f"{attribute(source.attribute)} != nil" for source in one.details)
            steps.append(put(this, text(UNREAD), f"{this} == {text(one.id)} and ({in_text})"))
    classes = {one.id: {field: _class_of(one, field) for field in _COMPARED} for one in covered()}
    return [*steps, put(kept("class"), '""'), put(kept("class"), look_up(classes, this))]


def _class_of(one: Dialect, field: str) -> int:
    contents = [repr(getattr(other, field)) for other in covered()]
    return contents.index(repr(getattr(one, field)))


def one_of_each(field: str) -> list[Dialect]:
    """Return one dialect of each class of a field."""
    firsts = {_class_of(one, field): one for one in reversed(covered())}
    return [firsts[key] for key in sorted(firsts)]


def same(one: Dialect, field: str) -> str:
    """Return the condition that a span's dialect has the same in a field as this one."""
    return f'{kept("class")}["{field}"] == {_class_of(one, field)}'


def role() -> list[str]:
    """Return the statements that find what a span's operation stands for."""
    this, other, strange_name = kept("role"), kept("other"), kept("strange")
    steps = [put(this, '""'), put(other, "false"), put(strange_name, '""')]
    for one in one_of_each("operations"):
        where = f'{this} == "" and {same(one, "operations")}'
        for key, values, ignored, others in one.operations:
            path, low = attribute(key), kept("low")
            roles = {word: _role_of(operation) for word, operation in values.items() if word not in ignored}
            strange = f'{where} and {low} != ""'
            if ignored:
                strange += f" and not {matches(low, any_of(sorted(ignored)))}"
            steps += [
                put(low, '""', where),
                put(low, f"ToLowerCase(Trim({path}))", f"{where} and IsString({path})"),
                put(this, look_up(roles, low), where),
            ]
            if others is None:
                steps += [put(strange_name, low, f"{strange} and {other} == false"), put(other, "true", strange)]
            else:  # what ends otherwise is no call; a span of its packages has nothing else to say what it is
                steps.append(put(kept("nothing"), "true", strange))
    default, named = _role_of(covered()[0].default_operation), kept("named")
    steps += [
        put(named, "true", f'{this} != "" or {other} == true'),
        *_unknown(),
        put(this, '""', f"{kept('nothing')} == true"),
        put(
            this,
            text(default),
            f'{this} == "" and {kept("nothing")} == nil and ({kept("model")} != "" or {has_counts()})',
        ),
        put(this, '""', f"{is_inference()} and not ({has_counts()}) and ({_is_no_call()})"),
    ]
    for one in one_of_each("container_if"):
        if one.container_if:
            there = f"{first(map(attribute, one.container_if))} != nil"
            steps.append(put(this, text(CONTAINER), f"{same(one, 'container_if')} and {there}"))
    for one in one_of_each("cache_hit"):
        for key in one.cache_hit:
            hit = f"{attribute(key)} == true or {matches(attribute(key), '^(?i)true')}"
            where = f"{attribute(key)} != nil and {same(one, 'cache_hit')} and ({hit})"
            steps.append(put(this, text(CACHED), where))
    return steps


def _unknown() -> list[str]:
    """Return the statements for an operation in no list: `usage/_operations.py`."""
    this, name = kept("role"), kept("strange")
    is_call = f'{kept("model")} != "" and ({has_counts()})'
    steps = []
    unset = f'{this} == "" and {kept("other")} == true'
    for pattern, operation in PATTERNS:
        named = f"{unset} and {matches(name, pattern)}"
        if operation.role is Role.INFERENCE:
            steps.append(put(this, text(_role_of(operation)), f"{named} and {is_call}"))
        else:
            steps.append(put(this, text(_role_of(operation)), named))
    return [*steps, put(this, text(INFERENCE), f"{unset} and {is_call}"), put(this, text(CONTAINER), unset)]


def _is_no_call() -> str:
    """Return the condition that a span without counts is of something else: `usage/_no_calls.py`."""
    there = {
        key: f"{first(map(attribute, names))} != nil"
        for key, names in (("store", no_calls.STORES), ("web", no_calls.WEB), ("call", no_calls.CALLS))
    }
    speech = (
        f"{matches(kept('provider'), any_of(no_calls.SPEECH_PROVIDERS))} or "
        f"{matches(kept('model'), no_calls.SPEECH_MODELS)} or {_spelled(lambda one: one.name == no_calls.SPEECH)}"
    )
    is_general = matches("scope.name", f"^(?:{'|'.join(map(escaped, no_calls.SCOPES))})")
    unknown = f'scope.name != "" and {kept("scope")} == nil'
    stamped = f"{kept('named')} == true and {is_general} and {there['web']}"
    bare = f"{kept('named')} == nil and ({is_general} or {there['web']} or not ({there['call']}))"
    return f"{speech} or {there['store']} or ({unknown} and ({stamped} or {bare}))"


def _role_of(operation: Operation) -> str:
    if operation.role is Role.CONTAINER:
        return AUXILIARY if operation.auxiliary else CONTAINER
    return ENCODING if operation.output_optional else INFERENCE


def unnamed(target: str, names: Mapping[str, str]) -> list[str]:
    """Return the statements that find the model of a span with counts that names none: `usage/_unnamed.py`.

    Args:
        target: The span attribute to put it into.
        names: Service or instrumentation scope to model, as the user gives them.
    """
    known = [attribute(key) for key in dict.fromkeys((*response_models(), *request_models()))]
    counts = [attribute(key) for key in counted_names()]
    this, needed = attribute(target), kept("needed")
    unset = f"{needed} == true and {this} == nil"
    steps = [put(needed, "false"), put(needed, "true", f"{first(counts)} != nil")]
    steps += [put(needed, "false", f"IsString({path}) and {matches(path, _SOMETHING)}") for path in known]
    for name in RESOURCE_MODELS:
        path = f"resource.attributes[{text(name)}]"
        steps.append(put(this, path, f"{unset} and IsString({path}) and {matches(path, _SOMETHING)}"))
    for path in (f"resource.attributes[{text(SERVICE)}]", "scope.name"):
        for name, model in names.items():
            is_meant = matches(path, f"(?i){pattern_of(name, escaped)}")
            steps.append(put(this, text(model), f'{unset} and IsString({path}) and {path} != "" and {is_meant}'))
    return steps


def counted_names() -> list[str]:
    """Return the attributes that may hold a count of either side, or a total."""
    sets = [source.tokens for one in covered() for source in one.sources if not source.attribute]
    return list(dict.fromkeys(key for one in sets for key in (*one.input, *one.output, *one.total)))


def elsewhere(names: Iterable[str]) -> list[str]:
    """Return the statements that leave the calls of some providers, hosts and services to who counts them."""
    if not names:
        return []
    service = f"resource.attributes[{text(SERVICE)}]"
    is_named = f"IsString({service}) and {matches(service, f'(?i){_one_of(names)}')}"
    this, called = kept("role"), " or ".join([*named(names), f"({is_named})"])
    counts_here = f"{kept('ok')} == true and {is_inference()}"
    return [
        put(this, text(DUPLICATE), f"{counts_here} and ({called})"),
        put(attribute(ROLE), text(DUPLICATE), f"{this} == {text(DUPLICATE)}"),
    ]


def named(names: Iterable[str]) -> list[str]:
    """Return conditions: one holds where a span calls one of the providers and hosts that the user names."""
    return [matches(kept(what), _one_of(names)) for what in ("provider", "host")]


def _one_of(names: Iterable[str]) -> str:
    given = [one.strip().lower() for one in names]
    patterns = "|".join(f".*{escaped(one[1:])}" if one.startswith("*.") else escaped(one) for one in given)
    return f"^(?:{patterns})$"


def provider() -> list[str]:
    """Return the statements that find who answers, in OpenTelemetry's spelling."""
    table = load("usage/providers.json")
    known = {spelling: key for key, spellings in table["aliases"].items() for spelling in spellings}
    frameworks = any_of(table["not_providers"]["values"])
    this, spelled = kept("provider"), kept("spelled")
    suffixes = rf"\.(?:{'|'.join(map(escaped, table['endpoint_suffixes']))})$"
    steps = [put(this, '""'), put(spelled, '""')]
    for one in one_of_each("provider"):
        for key in one.provider:
            path = attribute(key)
            where = f'{spelled} == "" and IsString({path}) and {same(one, "provider")}'
            steps.append(put(spelled, f"ToLowerCase(Trim({path}))", where))
            steps.append(put(spelled, '""', f"{same(one, 'provider')} and {matches(spelled, frameworks)}"))
    for one in one_of_each("provider_aliases"):
        for word, key in one.provider_aliases.items():
            steps.append(put(this, text(key), f"{spelled} == {text(word)} and {same(one, 'provider_aliases')}"))
    unset = f'{this} == "" and {spelled} != ""'
    return [
        *steps,
        put(this, look_up(known, spelled), unset),
        put(kept("raw"), spelled, unset),
        f'replace_pattern({spelled}, {text(suffixes)}, "") where {unset}',
        put(this, look_up(known, spelled), unset),
        put(this, kept("raw"), unset),
        *(
            put(this, text(one.default_provider), f'{this} == "" and {same(one, "default_provider")}')
            for one in one_of_each("default_provider")
            if one.default_provider
        ),
        *_inferred_provider(table["hosts"]["suffixes"], dict(table["models"]["prefixes"])),
    ]


def _inferred_provider(by_suffix: dict[str, str], by_prefix: dict[str, str]) -> list[str]:
    """Return the statements that find the provider by the host, then by the model, where a span names none."""
    this, host, end = kept("provider"), kept("host"), kept("end")
    model, start = kept("model"), kept("start")
    ends = "|".join(escaped(suffix) for suffix in by_suffix if not suffix.startswith("*"))
    anywhere = "|".join(escaped(suffix[1:]) for suffix in by_suffix if suffix.startswith("*"))
    starts = "|".join(map(escaped, by_prefix))
    table = {suffix.removeprefix("*"): key for suffix, key in by_suffix.items()}
    unset = f'{this} == ""'
    return [
        put(end, f'ExtractPatterns({host}, {text(f"(?P<s>{ends})$")})["s"]', f'{unset} and {host} != ""'),
        put(
            end,
            f'ExtractPatterns({host}, {text(f"(?P<s>{anywhere})")})["s"]',
            f'{unset} and {host} != "" and {end} == nil',
        ),
        put(this, look_up(table, end), f"{unset} and {end} != nil"),
        put(start, f'ExtractPatterns({model}, {text(f"^(?P<s>{starts})")})["s"]', f'{unset} and {model} != ""'),
        put(this, look_up(by_prefix, start), f"{unset} and {start} != nil"),
    ]
