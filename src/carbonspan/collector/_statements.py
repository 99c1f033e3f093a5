# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The groups of statements that do what `Road.enrich` does, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.collector import (
    _arithmetic as arithmetic,
    _counts as counts,
    _dialects as dialects,
    _hosts as hosts,
    _locate as locate,
    _models as models,
    _profile as profile,
    _usage as usage,
)
from carbonspan.collector._ottl import any_of, attribute, first, found, matches, name, number, put, text
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._outcome import Role
from carbonspan.core.values import J_PER_WH, Level
from carbonspan.counting._attribution import AGENT, AGENT_SOURCES, FLAG, FLAG_EVENTS, FLAG_KEY, FLAG_VARIANTS
from carbonspan.energy import TokenModel
from carbonspan.estimate.footprint import ML_PER_L
from carbonspan.telemetry._contract import ATTRIBUTES, AVOIDED, EMISSIONS, ROLE

if TYPE_CHECKING:
    from carbonspan.collector._tables import Tables
    from carbonspan.core._options import Settings


class Group(NamedTuple):
    """Statements that are run on the spans, or the events of spans, that meet a condition."""

    name: str
    condition: str
    statements: tuple[str, ...]
    context: str = "span"


MEASURED = "carbonspan.measured"
"""The span attribute that carries to the metrics what became of a span; it is taken off before the span leaves."""

_SPAN_HOUR = f"span.start_time_unix_nano / {NS_PER_HOUR}"


def groups(settings: Settings, tables: Tables) -> tuple[Group, ...]:
    """Return the groups: what the model is, where its name does not tell at once, and the estimate."""
    llm = dialects.is_llm()
    entry, searched = attribute(models.ENTRY), attribute(models.SEARCHED)
    still = f"{searched} != nil and {entry} == nil"
    model, asked = _model(), _text(dialects.request_models())
    globs = list(settings.models)
    again = put(searched, asked, f"IsString({asked})")
    thorough = tuple(models.thorough(tables.names, globs))
    ours = (models.ENTRY, models.SEARCHED, *([MEASURED] if settings.metrics else ()))
    return (
        Group(
            "what these statements alone may write",
            "true",  # an attribute without a value looks like none, and is an error to the metrics' conditions
            tuple(f"delete_key(span.attributes, {text(key)})" for key in ours),
        ),
        Group("the model, by its name", llm, tuple(models.quick(tables.names, globs, model))),
        Group("the model, by the registry's patterns", still, thorough),
        Group("the model that was asked for, where the answering one is unknown", still, (again,)),
        Group("the same patterns", still, thorough),
        Group(
            "a size or a class for a model that nobody knows",
            still,
            (
                put(searched, model, f"IsString({model}) and {matches(model, _SOMETHING)}"),
                *models.stand_in(tables.registry, dialects.encodes()),
            ),
        ),
        Group("the estimate", llm, tuple(_estimate(settings, tables))),
        *((_flags(),) if settings.attributes is not Level.MINIMAL else ()),
    )


def _flags() -> Group:
    """Return the statements that put the flags evaluated on a counted span onto it: of each, the last variant."""
    event = "spanevent.attributes"
    key = f"{event}[{text(FLAG_KEY)}]"
    value = first(f"{event}[{text(variant)}]" for variant in FLAG_VARIANTS)
    named = f'{matches("spanevent.name", any_of(FLAG_EVENTS))} and IsString({key}) and {key} != ""'
    return Group(
        "flags that were evaluated on the span itself",
        f"{attribute(EMISSIONS)} != nil and {named}",
        (put(f'span.attributes[Concat([{text(FLAG)}, {key}], "")]', f"String({value})", f"{value} != nil"),),
        "spanevent",
    )


_SOMETHING = r"\S"  # services in Go write an empty name where none answered


_AGENT = first(attribute(key) for key in AGENT_SOURCES)
_NAMED = f'IsString({_AGENT}) and {_AGENT} != ""'


def _text(keys: list[str]) -> str:
    return first(attribute(key) for key in keys)


def _model() -> str:
    return _text([*dialects.response_models(), *dialects.request_models()])


def _estimate(settings: Settings, tables: Tables) -> list[str]:
    model, asked, told = name("model"), name("asked"), name("told")
    counted = f"{name('ok')} == true"
    return [
        put(model, '""'),
        put(model, f"ToLowerCase(Trim({_model()}))", f"IsString({_model()})"),
        put(asked, model),
        put(
            asked,
            f"ToLowerCase(Trim({_text(dialects.request_models())}))",
            f"IsString({_text(dialects.request_models())})",
        ),
        put(model, asked, f'{model} == ""'),
        *dialects.dialect(),
        *hosts.host(),
        *usage.provider(),
        *counts.counts(),
        *usage.role(),
        put(told, "false"),
        put(told, "true", counts.counted()),
        *counts.settled(),
        *usage.elsewhere(settings.counted_elsewhere),
        # What has no usable counts goes on with some: nothing of it is written, and no statement fails.
        *(put(name(key), "1", f"{name('ok')} == false") for key in ("in", "out")),
        *locate.steps(settings, tables.places),
        put(name("m"), found(models.charges(tables.names), attribute(models.ENTRY))),
        f"delete_key(span.attributes, {text(models.ENTRY)})",
        f"delete_key(span.attributes, {text(models.SEARCHED)})",
        put(f'{name("m")}["e"]', "true", f"{name('role')} == {text(counts.ENCODING)}"),
        put(name("p"), found(tables.figures, name(locate.KEY))),
        put(f'{name("p")}["t"][0]', name("called"), f'{name("called")} != "" and {matches(name(locate.KEY), "~")}'),
        *profile.steps(),
        *_hours(tables),
        # What is left as it is stops here: without a model's entry or a place nothing below has a value to work on.
        put(name("ok"), "false", f"{name('m')} == nil or {name('p')} == nil"),
        _keep(*_KNOWN),
        *arithmetic.joules(),
        _keep(*_KNOWN, *_JOULES),
        *arithmetic.footprint(),
        _keep(*_KNOWN, *_JOULES, *_FOOTPRINT),
        *_written(settings.attributes, counted),
        *(_measured(counted) if settings.metrics else ()),
    ]


_COUNTS = ("in", "out", "read", "written", "think", "cache")
_KNOWN = ("m", "p", *_COUNTS, "role", "ok", "bad", "told", "provider", "asked", locate.METHOD)
_JOULES = ("low", "j", "high", "avoided")
_FOOTPRINT = ("grams", "wh", "g_low", "g_high", "wh_low", "wh_high")


def _keep(*keys: str) -> str:
    """Return the statement that forgets all but some of what is kept: each look-up takes longer the more there is."""
    return f"keep_keys(span.cache, [{', '.join(map(text, keys))}])"


def _hours(tables: Tables) -> list[str]:
    if not tables.hours:
        return []
    key = f'Concat([{name(locate.KEY)}, String({_SPAN_HOUR})], "@")'
    hourly = matches(name(locate.KEY), any_of(sorted({one.partition("@")[0] for one in tables.hours})))
    return [put(name("hk"), key, hourly), put(name("p"), found(tables.hours, name("hk")), f"{name('hk')} != nil")]


def _written(level: Level, counted: str) -> list[str]:
    """Return the statements that write the attributes of the level, and the role of what is not counted."""
    inference = f"{counted} and {matches(name('role'), any_of([usage.INFERENCE, counts.ENCODING]))}"
    go = name("go")
    levels = list(Level)
    steps = [put(go, "false"), put(go, "true", inference)]
    for row in ATTRIBUTES:
        if levels.index(row.level) > levels.index(level):
            continue
        value, there = _value(row.path or row.fixed)
        target = attribute(row.name)
        where = f"{go} == true" + (f" and {there}" if there else "")
        steps.append(put(target, value, where))
    cached = text(Role.CACHED.value)
    if level is not Level.MINIMAL:
        steps.append(put(attribute(AGENT), _AGENT, f"{go} == true and {_NAMED}"))
    return [
        *steps,
        put(attribute(ROLE), cached, f"{name('role')} == {cached}"),
        put(attribute(AVOIDED), name("grams"), f"{name('role')} == {cached} and {counted}"),
        put(attribute(ROLE), text(Role.CONTAINER.value), f"{name('role')} == {text(usage.CONTAINER)}"),
        put(
            attribute(ROLE),
            text(Role.CONTAINER.value),
            f"{name('role')} == {text(usage.ASIDE)} and {name('told')} == true",
        ),
    ]


def _measured(counted: str) -> list[str]:
    """Return the statements that leave, for the metrics, what became of a span and what it amounts to."""
    outcome, role, provider = name("outcome"), name("role"), name("provider")
    inference = matches(role, any_of([usage.INFERENCE, counts.ENCODING]))
    cached = f"{role} == {text(Role.CACHED.value)}"
    figures = {
        "g": name("grams"),
        "low": name("g_low"),
        "high": name("g_high"),
        "j": f"{name('wh')} * {number(J_PER_WH)}",
        "l": f"{arithmetic.figure('water')} * {name('j')} / {number(ML_PER_L)}",
        "embodied": f"{arithmetic.figure('embodied')} * {name('j')}",
        "avoided": f"{name('avoided')} * {arithmetic.figure('g')}",
        "fresh": f"{name('in')} - {name('cache')}",
        "read": name("cache"),
        "think": name("reasoned"),
        "out": f"{name('out')} - {name('reasoned')}",
    }
    texts = {
        "provider": provider,
        "model": name("asked"),
        "tier": f'{name("m")}["t"][1]',
        "evidence": f'{name("m")}["t"][2]',
        "region": f'{name("p")}["t"][0]',
        "basis": f'{name("p")}["t"][4]',
    }
    both = ", ".join(f"{text(key)}: {value}" for key, value in (texts | figures).items())
    few = ", ".join(f"{text(key)}: {value}" for key, value in (texts | {"avoided": name("grams")}).items())
    target = attribute(MEASURED)
    return [
        put(outcome, '""'),
        put(outcome, '"no_usage"', f"{inference} and {name('bad')} == false"),
        put(outcome, '"invalid_usage"', f"{inference} and {name('bad')} == true"),
        put(outcome, '"enriched"', f"{counted} and {inference}"),
        put(outcome, '"unknown_model"', f'{outcome} == "enriched" and {name("m")}["k"] == false'),
        put(outcome, '"container"', f"{attribute(ROLE)} == {text(Role.CONTAINER.value)}"),
        put(outcome, '"cached"', cached),
        put(outcome, text(Role.DUPLICATE.value), f"{role} == {text(Role.DUPLICATE.value)}"),
        put(name("reasoned"), "0"),
        put(name("reasoned"), name("think"), f"{name('think')} != nil"),
        put(target, "{" + both + "}", f"{counted} and {inference}"),
        put(target, "{" + few + "}", f"{counted} and {cached}"),
        put(f'{target}["avoided"]', "nil", f"{counted} and {inference} and {name('read')} == nil"),
        put(f'{target}["model"]', _asked(), f"{target} != nil and IsString({_asked()})"),
        put(f'{target}["agent"]', _AGENT, f"{target} != nil and {_NAMED}"),
        put(f'{target}["outcome"]', outcome, f'{outcome} != ""'),
    ]


def _asked() -> str:
    return _text([*dialects.request_models(), *dialects.response_models()])


def _value(path: str) -> tuple[str, str]:
    """Return what a row of the attribute table is, and the condition on which it is written."""
    place, model = f'{name("p")}["t"]', f'{name("m")}["t"]'
    hour = 'FormatTime(TruncateTime(span.start_time, Duration("1h")), "%Y-%m-%dT%H:%M:%SZ")'
    values: dict[str, tuple[str, str]] = {
        "emissions_central_g": (name("grams"), ""),
        "energy_central_wh": (name("wh"), ""),
        "intensity.intensity_g_per_kwh.central": (arithmetic.figure("grid"), ""),
        "intensity.quality.value": (f"{place}[3]", ""),
        "emissions_low_g": (name("g_low"), ""),
        "emissions_high_g": (name("g_high"), ""),
        "energy.evidence": (f"{model}[2]", ""),
        "energy.model_id": (f"{model}[0]", ""),
        "energy.tier": (f"{model}[1]", ""),
        "site.place.region": (f"{place}[0]", ""),
        "site.place.method": (name(locate.METHOD), ""),
        "operational_central_g": (f"{arithmetic.figure('operational')} * {name('j')}", ""),
        "embodied_central_g": (f"{arithmetic.figure('embodied')} * {name('j')}", ""),
        "avoided_g": (f"{name('avoided')} * {arithmetic.figure('g')}", f"{name('read')} != nil"),
        "energy_low_wh": (name("wh_low"), ""),
        "energy_high_wh": (name("wh_high"), ""),
        "water_central_ml": (f"{arithmetic.figure('water')} * {name('j')}", ""),
        "intensity.zone": (f"{place}[1]", ""),
        "intensity.source": (f"{place}[2]", ""),
        "intensity.hour_text": (hour, ""),
        "intensity.basis.value": (f"{place}[4]", ""),
        "energy.method": (text(f"{TokenModel.name}/{TokenModel.version}"), ""),
        "site.pue.central": (arithmetic.figure("pue"), ""),
        "input_tokens": (name("in"), ""),
        "output_tokens": (name("out"), ""),
        "cached_input_tokens": (name("read"), f"{name('read')} != nil"),
        "reasoning_tokens": (name("think"), f"{name('think')} != nil"),
    }
    return values.get(path) or (text(path), "")
