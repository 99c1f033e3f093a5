# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The statements that put the estimate on a span, in groups, in the order in which the Collector runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbonspan.collector import (
    _footprint as footprints,
    _location as locations,
    _models as models,
    _tokens as tokens,
    _usage as usage,
)
from carbonspan.collector._ottl import any_of, attribute, first, kept, look_up, matches, number, put, text
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._outcome import Outcome
from carbonspan.core.values import J_PER_WH, Level
from carbonspan.counting._attribution import AGENT, AGENT_SOURCES, FLAG, FLAG_EVENTS, FLAG_KEY, FLAG_VARIANTS
from carbonspan.energy._tokens import TokenModel
from carbonspan.estimate._partial import EVIDENCE
from carbonspan.estimate.footprint import ML_PER_L
from carbonspan.telemetry._contract import ATTRIBUTES, CACHE_SAVINGS, EMISSIONS, ROLE

if TYPE_CHECKING:
    from carbonspan.collector._models import Models
    from carbonspan.collector._places import Places
    from carbonspan.core._options import Settings


class Group(NamedTuple):
    """Statements that are run on the spans, or the events of spans, that meet a condition."""

    name: str
    condition: str
    statements: tuple[str, ...]
    context: str = "span"


MEASURED = "carbonspan.measured"
"""The span attribute that carries to the metrics what became of a span; it is taken off before the span leaves."""

UNNAMED = "carbonspan.model"
"""The span attribute that carries the model of a span that names none; it is taken off before the span leaves."""

# It is there only where none of the others is.
_REQUEST, _RESPONSE = [UNNAMED, *usage.request_models()], usage.response_models()
_REQUESTED = first(map(attribute, _REQUEST))
_ANSWERING = first(
    map(attribute, (UNNAMED, *_RESPONSE, *_REQUEST[1:]))
)  # the model that answered, else the requested one
_LABEL = first(map(attribute, (*_REQUEST, *_RESPONSE)))  # the requested model, else the one that answered
_SOMETHING = r"\S"  # services in Go write an empty name where no model answered

_AGENT = first(map(attribute, AGENT_SOURCES))
_HAS_AGENT = f'IsString({_AGENT}) and {_AGENT} != ""'

_SPAN_HOUR = f"span.start_time_unix_nano / {NS_PER_HOUR}"


def groups(settings: Settings, known: Models, places: Places) -> tuple[Group, ...]:
    """Return the groups: the model by its name, then by patterns where its name is in no table, and the estimate."""
    llm = usage.is_llm()
    entry, searched = attribute(models.ENTRY), attribute(models.SEARCHED)
    still = f"{searched} != nil and {entry} == nil"
    globs = list(settings.models)
    again = put(searched, _REQUESTED, f"IsString({_REQUESTED})")
    thorough = tuple(models.thorough(known, globs))
    ours = (models.ENTRY, models.SEARCHED, UNNAMED, *([MEASURED] if settings.metrics else ()))
    return (
        Group(
            "attributes that only these statements may write",
            "true",  # an attribute without a value looks like none, and is an error to the metrics' conditions
            tuple(f"delete_key(span.attributes, {text(key)})" for key in ours),
        ),
        Group("the model of a span that names none", llm, tuple(usage.unnamed(UNNAMED, settings.span_models))),
        Group("the model, by its name", llm, tuple(models.quick(known, globs, _ANSWERING))),
        Group("the model, by the registry's patterns", still, thorough),
        Group("the requested model, where the one that answered is unknown", still, (again,)),
        Group("the same patterns", still, thorough),
        Group(
            "a size or a class for an unknown model",
            still,
            (
                put(searched, _ANSWERING, f"IsString({_ANSWERING}) and {matches(_ANSWERING, _SOMETHING)}"),
                *models.stand_in(known, usage.encodes()),
            ),
        ),
        Group("the estimate", llm, tuple(_estimate(settings, known, places))),
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


def _estimate(settings: Settings, known: Models, places: Places) -> list[str]:
    model, requested, has_counts = kept("model"), kept("requested"), kept("has_counts")
    counted = f"{kept('ok')} == true"
    return [
        put(model, '""'),
        put(model, f"ToLowerCase(Trim({_ANSWERING}))", f"IsString({_ANSWERING})"),
        put(requested, model),
        put(requested, f"ToLowerCase(Trim({_REQUESTED}))", f"IsString({_REQUESTED})"),
        put(model, requested, f'{model} == ""'),
        *usage.dialect(),
        *locations.host(),
        *usage.provider(),
        *tokens.reported(),
        *usage.role(),
        put(has_counts, "false"),
        put(has_counts, "true", usage.has_counts()),
        *tokens.normalised(),
        *usage.elsewhere(settings.counted_elsewhere),
        # What has no usable counts goes on with some: nothing of it is written, and no statement fails.
        *(put(kept(key), "1", f"{kept('ok')} == false") for key in ("in", "out")),
        *locations.location(settings, places),
        put(kept("m"), look_up(models.coefficients(known), attribute(models.ENTRY))),
        f"delete_key(span.attributes, {text(models.ENTRY)})",
        f"delete_key(span.attributes, {text(models.SEARCHED)})",
        put(f'{kept("m")}["t"][2]', text(EVIDENCE), f'{kept("part")} != ""'),
        put(f'{kept("m")}["e"]', "true", f"{kept('role')} == {text(usage.ENCODING)}"),
        put(kept("p"), look_up(places.figures, kept(locations.KEY))),
        put(
            f'{kept("p")}["t"][0]',
            kept("new_region"),
            f'{kept("new_region")} != "" and {matches(kept(locations.KEY), "~")}',
        ),
        *footprints.of_a_profile(),
        *_hours(places),
        # What is left as it is stops here: without a model's entry or a place nothing below has a value to work on.
        put(kept("ok"), "false", f"{kept('m')} == nil or {kept('p')} == nil"),
        _keep(*_KNOWN, *_PARTS),
        *footprints.joules(),
        *footprints.of_a_part(),
        _keep(*_KNOWN, *_JOULES),
        *footprints.footprint(),
        _keep(*_KNOWN, *_JOULES, *_FOOTPRINT),
        *_written(settings.attributes, counted),
        *(_measured(counted) if settings.metrics else ()),
        f"delete_key(span.attributes, {text(UNNAMED)})",
    ]


_COUNTS = ("in", "out", "read", "written", "think", "cache", "part", "total")
_PARTS = ("least_in", "least_out", "most_in", "most_out")
_KNOWN = ("m", "p", *_COUNTS, "role", "ok", "bad", "has_counts", "provider", "requested", locations.METHOD)
_JOULES = ("low", "j", "high", "saved", "most_j")
_FOOTPRINT = ("grams", "wh", "g_low", "g_high", "wh_low", "wh_high")


def _keep(*keys: str) -> str:
    """Return the statement that forgets all but some of what is kept: each look-up takes longer the more there is."""
    return f"keep_keys(span.cache, [{', '.join(map(text, keys))}])"


def _hours(places: Places) -> list[str]:
    if not places.hours:
        return []
    key = f'Concat([{kept(locations.KEY)}, String({_SPAN_HOUR})], "@")'
    hourly = matches(kept(locations.KEY), any_of(sorted({one.partition("@")[0] for one in places.hours})))
    return [
        put(kept("place_hour"), key, hourly),
        put(kept("p"), look_up(places.hours, kept("place_hour")), f"{kept('place_hour')} != nil"),
    ]


def _written(level: Level, counted: str) -> list[str]:
    """Return the statements that write the attributes of the level, and the role of what is not counted."""
    inference, levels = kept("inference"), list(Level)
    steps = [put(inference, "false"), put(inference, "true", f"{counted} and {usage.is_inference()}")]
    for row in ATTRIBUTES:
        if levels.index(row.level) > levels.index(level):
            continue
        value, there = _value(row.path or row.fixed)
        target = attribute(row.name)
        where = f"{inference} == true" + (f" and {there}" if there else "")
        steps.append(put(target, value, where))
    cached, container = text(usage.CACHED), text(usage.CONTAINER)
    if level is not Level.MINIMAL:
        steps.append(put(attribute(AGENT), _AGENT, f"{inference} == true and {_HAS_AGENT}"))
    return [
        *steps,
        put(attribute(ROLE), cached, f"{kept('role')} == {cached}"),
        put(attribute(CACHE_SAVINGS), kept("grams"), f"{kept('role')} == {cached} and {counted}"),
        put(attribute(ROLE), container, f"{kept('role')} == {container}"),
        put(attribute(ROLE), container, f"{kept('role')} == {text(usage.AUXILIARY)} and {kept('has_counts')} == true"),
    ]


def _measured(counted: str) -> list[str]:
    """Return the statements that leave, for the metrics, what became of a span and what it amounts to."""
    outcome, role, target = kept("outcome"), kept("role"), attribute(MEASURED)
    inference, part = usage.is_inference(), kept("part")
    cached = f"{role} == {text(usage.CACHED)}"
    figures = {
        "g": kept("grams"),
        "low": kept("g_low"),
        "high": kept("g_high"),
        "j": f"{kept('wh')} * {number(J_PER_WH)}",
        "l": f"{footprints.figure('water')} * {kept('j')} / {number(ML_PER_L)}",
        "embodied": f"{footprints.figure('embodied')} * {kept('j')}",
        "saved": f"{kept('saved')} * {footprints.figure('g')}",
        "fresh": f"{kept('in')} - {kept('cache')}",
        "read": kept("cache"),
        "think": kept("reasoned"),
        "out": f"{kept('out')} - {kept('reasoned')}",
    }
    texts = {
        "provider": kept("provider"),
        "model": kept("requested"),
        "tier": f'{kept("m")}["t"][1]',
        "evidence": f'{kept("m")}["t"][2]',
        "region": f'{kept("p")}["t"][0]',
        "basis": f'{kept("p")}["t"][4]',
    }
    both = ", ".join(f"{text(key)}: {value}" for key, value in (texts | figures).items())
    few = ", ".join(f"{text(key)}: {value}" for key, value in (texts | {"saved": kept("grams")}).items())
    unknown = f'{outcome} == {text(Outcome.ENRICHED)} and {kept("m")}["k"] == false'
    return [
        put(outcome, '""'),
        put(outcome, text(Outcome.NO_USAGE), f"{inference} and {kept('bad')} == false"),
        put(outcome, text(Outcome.INVALID_USAGE), f"{inference} and {kept('bad')} == true"),
        put(outcome, text(Outcome.ENRICHED), f"{counted} and {inference}"),
        put(outcome, text(Outcome.UNKNOWN_MODEL), unknown),
        put(outcome, text(Outcome.PARTIAL_USAGE), f'{counted} and {inference} and {part} != ""'),
        put(outcome, text(Outcome.CONTAINER), f"{attribute(ROLE)} == {text(usage.CONTAINER)}"),
        put(outcome, text(Outcome.CACHED), cached),
        put(outcome, text(Outcome.DUPLICATE), f"{role} == {text(usage.DUPLICATE)}"),
        put(kept("reasoned"), "0"),
        put(kept("reasoned"), kept("think"), f"{kept('think')} != nil"),
        put(target, "{" + both + "}", f"{counted} and {inference}"),
        put(target, "{" + few + "}", f"{counted} and {cached}"),
        # What was estimated is not reported.
        put(f'{target}["fresh"]', "0", f'{target} != nil and ({part} == "output" or {part} == "total")'),
        put(f'{target}["out"]', "0", f'{target} != nil and ({part} == "input" or {part} == "total")'),
        put(f'{target}["saved"]', "nil", f"{counted} and {inference} and {kept('read')} == nil"),
        put(f'{target}["model"]', _LABEL, f"{target} != nil and IsString({_LABEL})"),
        put(f'{target}["agent"]', _AGENT, f"{target} != nil and {_HAS_AGENT}"),
        put(f'{target}["outcome"]', outcome, f'{outcome} != ""'),
    ]


def _value(path: str) -> tuple[str, str]:
    """Return what a row of the attribute table is, and the condition on which it is written."""
    place, model, part = f'{kept("p")}["t"]', f'{kept("m")}["t"]', kept("part")
    hour = 'FormatTime(TruncateTime(span.start_time, Duration("1h")), "%Y-%m-%dT%H:%M:%SZ")'
    values: dict[str, tuple[str, str]] = {
        "emissions_central_g": (kept("grams"), ""),
        "energy_central_wh": (kept("wh"), ""),
        "intensity.intensity_g_per_kwh.central": (footprints.figure("grid"), ""),
        "intensity.quality.value": (f"{place}[3]", ""),
        "emissions_low_g": (kept("g_low"), ""),
        "emissions_high_g": (kept("g_high"), ""),
        "energy.evidence": (f"{model}[2]", ""),
        "energy.model_id": (f"{model}[0]", ""),
        "energy.tier": (f"{model}[1]", ""),
        "site.place.region": (f"{place}[0]", ""),
        "site.place.method": (kept(locations.METHOD), ""),
        "operational_central_g": (f"{footprints.figure('operational')} * {kept('j')}", ""),
        "embodied_central_g": (f"{footprints.figure('embodied')} * {kept('j')}", ""),
        "cache_savings_g": (f"{kept('saved')} * {footprints.figure('g')}", f"{kept('read')} != nil"),
        "energy_low_wh": (kept("wh_low"), ""),
        "energy_high_wh": (kept("wh_high"), ""),
        "water_central_ml": (f"{footprints.figure('water')} * {kept('j')}", ""),
        "intensity.zone": (f"{place}[1]", ""),
        "intensity.source": (f"{place}[2]", ""),
        "intensity.hour_text": (hour, ""),
        "intensity.basis.value": (f"{place}[4]", ""),
        "energy.method": (text(f"{TokenModel.name}/{TokenModel.version}"), ""),
        "site.pue.central": (footprints.figure("pue"), ""),
        "input_tokens": (kept("in"), f'({part} == "" or {part} == "input")'),
        "output_tokens": (kept("out"), f'({part} == "" or {part} == "output")'),
        "total_tokens": (kept("total"), f'{part} == "total"'),
        "usage.reported": (part, f'{part} != ""'),
        "cached_input_tokens": (kept("read"), f"{kept('read')} != nil"),
        "reasoning_tokens": (kept("think"), f"{kept('think')} != nil"),
    }
    return values.get(path) or (text(path), "")
