# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Where an inference ran: the order of `site/locate.py` as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import any_of, attribute, found, matches, name, plain, put, text
from carbonspan.collector._places import AREA_OPERATORS, key_of
from carbonspan.collector._usage import named
from carbonspan.core._tables import rows
from carbonspan.site import parse_region
from carbonspan.site._hosts import PRIVATE
from carbonspan.site._places import WORLD, area_place, tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.collector._places import Places
    from carbonspan.core._options import Settings

_LEFT_OUT = "-"
KEY, METHOD = "pk", "method"
_REGIONS = ("cloud.region", "aws.region")
_GEOGRAPHIES = ("anthropic.usage.inference_geo", "anthropic.request.inference_geo")


def _set_to(key: str, method: str, where: str) -> list[str]:
    """Return the statements that settle a place: the method last but one, for it is what tells that it was."""
    return [put(name(METHOD), text(method), where), put(name(KEY), key, where)]


def steps(settings: Settings, places: Places) -> list[str]:
    """Return the statements that find a span's place: its key, how it is known, and what it is called.

    `host`, `provider` and `model` come before.
    """
    unset = f'{name(KEY)} == ""'
    whose, owner, assumed = name("whose"), name("owner"), name("assumed")
    providers = {row["provider"]: row for row in reversed(rows("sites/providers.csv"))}
    of_provider = {key: row["operator"] for key, row in providers.items() if row["operator"]}
    found_steps = [
        put(name(KEY), '""'),
        put(name(METHOD), '""'),
        put(name("called"), '""'),
        put(assumed, '""'),
        put(
            assumed,
            found(
                of_provider | {row["operator"]: row["operator"] for row in providers.values() if row["operator"]},
                name("provider"),
            ),
            f'{name("provider")} != ""',
        ),
        put(owner, assumed),
        put(owner, whose, f'{whose} != "" and {whose} != {text(PRIVATE)}'),
        f'replace_pattern({owner}, "[|].*$", "")',
    ]
    found_steps += _set_by_user(settings)
    prefixes = {row["prefix"]: area_place(row["region"], "aws", "") for row in rows("sites/model_prefixes.csv")}
    keys = {prefix: key_of(place) for prefix, place in prefixes.items() if place is not None}
    pattern = rf"^(?:.*/)?(?P<p>{'|'.join(sorted(map(plain, keys), key=len, reverse=True))})\.[^/]*\.[^/]*$"
    asked = name("asked")
    geography = f"{unset} and {matches(asked, pattern)}"
    found_steps += [
        put(name(METHOD), '"model_prefix"', geography),
        put(name("prefix"), f'ExtractPatterns({asked}, {text(pattern)})["p"]', geography),
        put(name(KEY), found(keys, name("prefix")), geography),
    ]
    cloud = name("cloud")
    found_steps += [
        put(cloud, owner),
        put(
            cloud,
            found(tables().operators, f"ToLowerCase(Trim({attribute('cloud.provider')}))"),
            f"IsString({attribute('cloud.provider')})",
        ),
    ]
    for key in _REGIONS:
        there = f'IsString({attribute(key)}) and {attribute(key)} != ""'
        found_steps += _by_region(places, attribute(key), cloud, there, "span_region")
    found_steps += _by_region(places, name("at"), owner, f'{name("at")} != ""', "host")
    found_steps += _set_to(whose, "host", f"{unset} and {matches(whose, '[|]')}")
    for key in _GEOGRAPHIES:
        found_steps += _by_area(attribute(key), owner, f"IsString({attribute(key)})", "inference_geo")
    found_steps += _own_machines(settings, places, providers)
    return [*found_steps, *_assumed(settings, providers)]


def _set_by_user(settings: Settings) -> list[str]:
    found_steps: list[str] = []
    unset = f'{name(KEY)} == ""'
    ordered = {key.strip().lower(): region for key, region in settings.regions.items()}
    plain_keys = [key for key in ordered if key != "*" and not key.endswith("*")]
    globs = [key for key in ordered if len(key) > 1 and key.endswith("*")]
    rules = [(key, f"{name('asked')} == {text(key)}") for key in plain_keys]
    rules += [(key, f"HasPrefix({name('asked')}, {text(key[:-1])})") for key in globs]
    rules += [(key, f"{name('provider')} == {text(key)}") for key in plain_keys]
    rules += [(key, "true") for key in ordered if key == "*"]
    for key, where in rules:
        place = parse_region(ordered[key])
        target = text(key_of(place)) if place.operator else f'Concat([{name("owner")}, {text(place.region)}], "|")'
        found_steps += _set_to(target, "setting", f"{unset} and {where}")
    return found_steps


def _by_region(places: Places, path: str, operator_path: str, where: str, method: str) -> list[str]:
    """Return the statements that place a region's name, by the table, by its prefix, or as a geography."""
    unset, this, of = f'{name(KEY)} == "" and {where}', name("region"), name("of")
    # Regions that these tables leave out are known too: they are not new ones, to be placed by their prefix.
    operators = {key: row.operator if key in places.by_key else _LEFT_OUT for key, row in tables().regions.items()}
    there = f'{unset} and {of} != "" and {of} != "{_LEFT_OUT}"'
    if method == "host":  # another cloud's region may have the same name
        there += f" and {of} == {operator_path}"
    found_steps = [
        put(of, '""'),
        put(this, f"ToLowerCase(Trim({path}))", unset),
        f'replace_pattern({this}, " ", "") where {unset}',
        put(of, found(operators, this), unset),
        *_set_to(this, method, there),
    ]
    by_prefix: dict[str, str] = {}
    for owner, prefix, _ in tables().region_prefixes:
        by_prefix.setdefault(f"{owner}|{prefix}", f"{owner}~{prefix}")
        by_prefix.setdefault(f"|{prefix}", f"{owner}~{prefix}")
    prefixes = dict.fromkeys(plain(prefix) for _, prefix, _ in tables().region_prefixes)
    start = text(f"^(?P<s>{'|'.join(prefixes)})")
    new, near = f'{unset} and {of} == ""', name("near")
    return [
        *found_steps,
        put(near, '""', new),
        put(near, f'ExtractPatterns({this}, {start})["s"]', new),
        put(near, f'Concat([{operator_path}, {near}], "|")', f'{new} and {near} != ""'),
        put(name("called"), this, f'{new} and {near} != ""'),
        *_set_to(found(by_prefix, near), method, f'{new} and {near} != ""'),
        *_by_area(path, operator_path, where, method),
    ]


def _by_area(path: str, operator_path: str, where: str, method: str) -> list[str]:
    unset = f'{name(KEY)} == "" and {where}'
    codes = {alias: code for alias, code in tables().aliases.items() if code != WORLD}
    return [
        put(name("area"), '""', unset),
        put(name("area"), found(codes, f"ToLowerCase(Trim({path}))"), unset),
        *_set_to(
            f'Concat([{operator_path}, {name("area")}], "|")',
            method,
            f'{unset} and {name("area")} != "" and {matches(operator_path, any_of(AREA_OPERATORS))}',
        ),
    ]


def _own_machines(settings: Settings, places: Places, providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the statements that take the resource's region for a model that runs beside what is telling."""
    own, region = name("own"), 'resource.attributes["cloud.region"]'
    hosted = [key for key, row in providers.items() if row["self_hosted"]]
    conditions = [matches(name("provider"), any_of(hosted))]
    if settings.self_hosted:
        conditions += named(settings.self_hosted)
    conditions.append(f'({name("whose")} == {text(PRIVATE)} and {name("assumed")} == "")')
    there = f'{own} == true and IsString({region}) and {region} != ""'
    cloud = 'resource.attributes["cloud.provider"]'
    return [
        put(own, "false"),
        put(own, "true", " or ".join(conditions)),
        put(name("rcloud"), '""'),
        put(name("rcloud"), found(tables().operators, f"ToLowerCase(Trim({cloud}))"), f"IsString({cloud})"),
        *_by_region(places, region, name("rcloud"), there, "resource"),
    ]


def _assumed(settings: Settings, providers: Mapping[str, Mapping[str, str]]) -> list[str]:
    unset = f'{name(KEY)} == ""'
    if settings.region:
        place = parse_region(settings.region)
        target = text(key_of(place)) if place.operator else f'Concat([{name("owner")}, {text(place.region)}], "|")'
        return _set_to(target, "setting_default", unset)
    stranger, lab = name("stranger"), name("lab")
    found_steps = [put(lab, "false")]
    labs: dict[str, list[str]] = {}
    for key, row in providers.items():
        if row["own_models"]:
            labs.setdefault(row["own_models"], []).extend({key, row["operator"]})
    for models, names in labs.items():
        pattern = rf"^(?:.*/)?(?:ft:)?(?:$|{'|'.join(map(plain, models.split()))})"
        found_steps.append(
            put(lab, "true", f"{matches(name('provider'), any_of(names))} and {matches(name('asked'), pattern)}")
        )
    by_name: dict[str, str] = {}
    for key, row in providers.items():
        where = area_place(row["region"], row["operator"], "") if row["region"] else None
        if where is not None:
            by_name[key] = by_name.setdefault(row["operator"], key_of(where))
    by_name.pop("", None)
    return [
        *found_steps,
        put(stranger, "false"),
        put(stranger, "true", f'{name("whose")} == "" and {name("host")} != "" and {lab} == false'),
        *_set_to(f'"|{WORLD}"', "unknown", f"{unset} and {stranger} == true"),
        # The operator before the provider: an OpenAI model on Azure's machines runs where Azure does.
        put(name("default"), found(by_name, name("owner")), unset),
        *_set_to(name("default"), "provider_default", f"{unset} and {name('default')} != nil"),
        *_set_to(f'Concat([{name("owner")}, "{WORLD}"], "|")', "unknown", unset),
    ]
