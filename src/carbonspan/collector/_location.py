# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran: the host that was called, then the order of `site/_locate.py`, as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import any_of, attribute, escaped, kept, look_up, matches, put, text
from carbonspan.collector._places import AREA_OPERATORS, key_of
from carbonspan.collector._usage import named
from carbonspan.core._regions import WORLD, cloud_regions
from carbonspan.core._tables import rows
from carbonspan.site import parse_region
from carbonspan.site._hosts import PRIVATE
from carbonspan.site._locate import evidence
from carbonspan.site._places import area_place, other_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.collector._places import Places
    from carbonspan.core._options import Settings

KEY, METHOD = "place_key", "method"
"""Under what a place's key, and how it is known, are kept."""

_UNSET = f'{kept(KEY)} == ""'
_LEFT_OUT = "-"
_PLACEHOLDER = "{region}"
_PROVIDER = "cloud.provider"


def _attributes(holding: str) -> list[str]:
    """Return the span attributes that hold a host, a region or a geography, in their order."""
    return [name for name, holds in evidence().items() if holds == holding]


def host() -> list[str]:
    """Return the statements that find the called host: its name, who operates it, and the region in its name."""
    return [*_host_name(), *_host_operator()]


def _host_name() -> list[str]:
    this = kept("host")
    return [
        put(this, '""'),
        *[
            put(this, f"ToLowerCase(Trim({attribute(key)}))", f'{this} == "" and IsString({attribute(key)})')
            for key in _attributes("host")
        ],
        # A URL, an authority or a bare name: scheme, user, port and path go.
        f'replace_pattern({this}, "^[a-z][a-z0-9+.-]*://", "") where {this} != ""',
        f'replace_pattern({this}, "^[^/?#]*@", "") where {this} != ""',
        f'replace_pattern({this}, "[/?#].*$", "") where {this} != ""',
        f'replace_pattern({this}, "^\\\\[([^\\\\]]*)\\\\].*$", "$1") where {this} != ""',
        f'replace_pattern({this}, "^([^:]*):[^:]*$", "$1") where {this} != ""',
        f'replace_pattern({this}, "[.]+$", "") where {this} != ""',
    ]


def _host_operator() -> list[str]:
    this, operator, region = kept("host"), kept("host_operator"), kept("host_region")
    hosts = [(row["pattern"], row["operator"], _operator(row)) for row in rows("sites/hosts.csv")]
    exact = {pattern: value for pattern, _, value in hosts if "*" not in pattern and _PLACEHOLDER not in pattern}
    steps = [put(operator, '""'), put(region, '""'), put(operator, look_up(exact, this), f'{this} != ""')]
    unknown = f'{operator} == "" and {this} != ""'
    for pattern, name, _ in hosts:
        if _PLACEHOLDER in pattern:
            before, _, after = pattern.partition(_PLACEHOLDER)
            start = "^(?:.*" if before.startswith("*") else "^(?:"
            whole = f"{start}{escaped(before.removeprefix('*'))})(?P<r>[^.]+){escaped(after)}$"
            ends = f"{unknown} and HasSuffix({this}, {text(after)})"
            steps.append(put(region, f'ExtractPatterns({this}, {text(whole)})["r"]', ends))
            steps.append(put(operator, text(name), f'{ends} and {region} != ""'))
    for pattern, _, value in hosts:
        if pattern.startswith("*") and _PLACEHOLDER not in pattern:
            steps.append(put(operator, text(value), f"{unknown} and HasSuffix({this}, {text(pattern[1:])})"))
    starts = "|".join(escaped(pattern[:-1]) for pattern, _, _ in hosts if pattern.endswith("*"))
    bare = f"not {matches(this, '[.:]')}"
    address = f"{matches(this, '^[0-9.]+$')} and {matches(this, f'^(?:{starts})')}"
    return [*steps, put(operator, text(PRIVATE), f"{unknown} and ({bare} or ({address}))")]


def _operator(row: Mapping[str, str]) -> str:
    """Return who operates the machines of a host's row, or the key of their place where the row has one."""
    place = area_place(row["region"], row["operator"], "") if row["region"] else None
    return row["operator"] if place is None else key_of(place)


def _set_to(key: str, method: str, where: str) -> list[str]:
    """Return the statements that set a span's place: the key last, for an unset one is what they depend on."""
    return [put(kept(METHOD), text(method), where), put(kept(KEY), key, where)]


def location(settings: Settings, places: Places) -> list[str]:
    """Return the statements that find a span's place: its key, how it is known, and what it is called.

    `host`, `provider` and `model` come before.
    """
    operator, of_host = kept("operator"), kept("host_operator")
    providers = {row["provider"]: row for row in reversed(rows("sites/providers.csv"))}
    steps = [
        put(kept(KEY), '""'),
        put(kept(METHOD), '""'),
        put(kept("new_region"), '""'),
        *_operator_of_the_call(providers),
        *_set_by_user(settings),
        *_by_model_prefix(),
        *_cloud(kept("cloud"), attribute(_PROVIDER), operator),
    ]
    for key in _attributes("region"):
        there = f'IsString({attribute(key)}) and {attribute(key)} != ""'
        steps += _by_region(places, attribute(key), kept("cloud"), there, "span_region")
    steps += _by_region(places, kept("host_region"), operator, f'{kept("host_region")} != ""', "host")
    steps += _set_to(of_host, "host", f"{_UNSET} and {matches(of_host, '[|]')}")
    for key in _attributes("geo"):
        steps += _by_area(attribute(key), operator, f"IsString({attribute(key)})", "inference_geo")
    steps += _own_machines(settings, places, providers)
    return [*steps, *_assumed(settings, providers)]


def _operator_of_the_call(providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    operator, of_host, assumed = kept("operator"), kept("host_operator"), kept("assumed")
    named = {key: row["operator"] for key, row in providers.items() if row["operator"]}
    named |= {name: name for name in named.values()}
    return [
        put(assumed, '""'),
        put(assumed, look_up(named, kept("provider")), f'{kept("provider")} != ""'),
        put(operator, assumed),
        put(operator, of_host, f'{of_host} != "" and {of_host} != {text(PRIVATE)}'),
        f'replace_pattern({operator}, "[|].*$", "")',
    ]


def _by_model_prefix() -> list[str]:
    prefixes = {row["prefix"]: area_place(row["region"], "aws", "") for row in rows("sites/model_prefixes.csv")}
    keys = {prefix: key_of(place) for prefix, place in prefixes.items() if place is not None}
    pattern = rf"^(?:.*/)?(?P<p>{'|'.join(sorted(map(escaped, keys), key=len, reverse=True))})\.[^/]*\.[^/]*$"
    where = f"{_UNSET} and {matches(kept('requested'), pattern)}"
    return [
        put(kept(METHOD), '"model_prefix"', where),
        put(kept("prefix"), f'ExtractPatterns({kept("requested")}, {text(pattern)})["p"]', where),
        put(kept(KEY), look_up(keys, kept("prefix")), where),
    ]


def _cloud(target: str, path: str, otherwise: str) -> list[str]:
    """Return the statements that set a target to the cloud that an attribute names."""
    return [
        put(target, otherwise),
        put(target, look_up(other_names().operators, f"ToLowerCase(Trim({path}))"), f"IsString({path})"),
    ]


def _set_by_user(settings: Settings) -> list[str]:
    steps: list[str] = []
    ordered = {key.strip().lower(): region for key, region in settings.regions.items()}
    plain_keys = [key for key in ordered if key != "*" and not key.endswith("*")]
    globs = [key for key in ordered if len(key) > 1 and key.endswith("*")]
    rules = [(key, f"{kept('requested')} == {text(key)}") for key in plain_keys]
    rules += [(key, f"HasPrefix({kept('requested')}, {text(key[:-1])})") for key in globs]
    rules += [(key, f"{kept('provider')} == {text(key)}") for key in plain_keys]
    rules += [(key, "true") for key in ordered if key == "*"]
    for key, where in rules:
        steps += _set_to(_setting(ordered[key]), "setting", f"{_UNSET} and {where}")
    return steps


def _setting(region: str) -> str:
    """Return the key of a place as a setting names it: whose machines those are, the span says if it does not."""
    place = parse_region(region)
    return text(key_of(place)) if place.operator else f'Concat([{kept("operator")}, {text(place.region)}], "|")'


def _by_region(places: Places, path: str, operator: str, where: str, method: str) -> list[str]:
    """Return the statements that place a region's name, by the table, by its prefix, or as a geography."""
    unset, this, of = f"{_UNSET} and {where}", kept("region"), kept("region_operator")
    # Regions that these tables leave out are known too: they are not new ones, to be placed by their prefix.
    operators = {key: row.operator if key in places.by_key else _LEFT_OUT for key, row in cloud_regions().items()}
    there = f'{unset} and {of} != "" and {of} != "{_LEFT_OUT}"'
    if method == "host":  # another cloud's region may have the same name
        there += f" and {of} == {operator}"
    known = [
        put(of, '""'),
        put(this, f"ToLowerCase(Trim({path}))", unset),
        f'replace_pattern({this}, " ", "") where {unset}',
        put(of, look_up(operators, this), unset),
        *_set_to(this, method, there),
    ]
    by_prefix: dict[str, str] = {}
    for cloud, prefix, _ in other_names().region_prefixes:
        by_prefix.setdefault(f"{cloud}|{prefix}", f"{cloud}~{prefix}")
        by_prefix.setdefault(f"|{prefix}", f"{cloud}~{prefix}")
    prefixes = dict.fromkeys(escaped(prefix) for _, prefix, _ in other_names().region_prefixes)
    start = text(f"^(?P<s>{'|'.join(prefixes)})")
    new, near = f'{unset} and {of} == ""', kept("near")
    return [
        *known,
        put(near, '""', new),
        put(near, f'ExtractPatterns({this}, {start})["s"]', new),
        put(near, f'Concat([{operator}, {near}], "|")', f'{new} and {near} != ""'),
        put(kept("new_region"), this, f'{new} and {near} != ""'),
        *_set_to(look_up(by_prefix, near), method, f'{new} and {near} != ""'),
        *_by_area(path, operator, where, method),
    ]


def _by_area(path: str, operator: str, where: str, method: str) -> list[str]:
    unset = f"{_UNSET} and {where}"
    codes = {alias: code for alias, code in other_names().aliases.items() if code != WORLD}
    return [
        put(kept("area"), '""', unset),
        put(kept("area"), look_up(codes, f"ToLowerCase(Trim({path}))"), unset),
        *_set_to(
            f'Concat([{operator}, {kept("area")}], "|")',
            method,
            f'{unset} and {kept("area")} != "" and {matches(operator, any_of(AREA_OPERATORS))}',
        ),
    ]


def _own_machines(settings: Settings, places: Places, providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the statements that take the resource's region for a model that runs beside its client."""
    own, region = kept("own"), 'resource.attributes["cloud.region"]'
    hosted = [key for key, row in providers.items() if row["self_hosted"]]
    conditions = [matches(kept("provider"), any_of(hosted))]
    if settings.self_hosted:
        conditions += named(settings.self_hosted)
    conditions.append(f'({kept("host_operator")} == {text(PRIVATE)} and {kept("assumed")} == "")')
    there = f'{own} == true and IsString({region}) and {region} != ""'
    return [
        put(own, "false"),
        put(own, "true", " or ".join(conditions)),
        *_cloud(kept("resource_cloud"), f'resource.attributes["{_PROVIDER}"]', '""'),
        *_by_region(places, region, kept("resource_cloud"), there, "resource"),
    ]


def _assumed(settings: Settings, providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    if settings.region:
        return _set_to(_setting(settings.region), "setting_default", _UNSET)
    unknown, operator, default = kept("unknown_host"), kept("operator"), kept("default")
    by_name: dict[str, str] = {}
    for key, row in providers.items():
        where = area_place(row["region"], row["operator"], "") if row["region"] else None
        if where is not None:
            by_name[key] = by_name.setdefault(row["operator"], key_of(where))
    by_name.pop("", None)
    return [
        *_own_model_of_a_lab(providers),
        put(unknown, "false"),
        put(unknown, "true", f'{kept("host_operator")} == "" and {kept("host")} != "" and {kept("labs_own")} == false'),
        *_set_to(f'"|{WORLD}"', "unknown", f"{_UNSET} and {unknown} == true"),
        # The operator before the provider: an OpenAI model on Azure's machines runs where Azure does.
        put(default, look_up(by_name, operator), _UNSET),
        *_set_to(default, "provider_default", f"{_UNSET} and {default} != nil"),
        *_set_to(f'Concat([{operator}, "{WORLD}"], "|")', "unknown", _UNSET),
    ]


def _own_model_of_a_lab(providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the statements that set `lab` where a lab's own model, or none, is requested of the lab."""
    labs: dict[str, list[str]] = {}
    for key, row in providers.items():
        if row["own_models"]:
            labs.setdefault(row["own_models"], []).extend({key, row["operator"]})
    steps = [put(kept("labs_own"), "false")]
    for models, names in labs.items():
        pattern = rf"^(?:.*/)?(?:ft:)?(?:$|{'|'.join(map(escaped, models.split()))})"
        where = f"{matches(kept('provider'), any_of(names))} and {matches(kept('requested'), pattern)}"
        steps.append(put(kept("labs_own"), "true", where))
    return steps
