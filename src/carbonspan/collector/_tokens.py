# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The token counts of a span turned into whole, consistent numbers: `usage/_counts.py` as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import any_of, attribute, first, kept, matches, number, put, text
from carbonspan.collector._usage import ENCODING, VERCEL, has_counts, one_of_each, same
from carbonspan.estimate._partial import (
    CONTEXT_WINDOW,
    MOST_INPUT_PER_OUTPUT,
    MOST_INPUT_TOKENS,
    MOST_OUTPUT_PER_INPUT,
    MOST_OUTPUT_TOKENS,
    OUTPUT_PER_INPUT,
)
from carbonspan.usage._counts import DIGITS, MAX_TOKENS
from carbonspan.usage._dialects import DIALECTS
from carbonspan.usage._names import FAMILIES
from carbonspan.usage._providers import (
    MAX_THOUGHTS,
    OWN_COUNTS,
    THOUGHTS_MODELS,
    TOOLS_MODELS,
    TOTAL_INCLUDES_THOUGHTS,
    TOTAL_INCLUDES_TOOLS,
)

if TYPE_CHECKING:
    from carbonspan.usage._dialects import Dialect
    from carbonspan.usage._names import Source

_FIELDS = ("in", "out", "read", "written", "think", "total")
_SLOTS = ("input", "output", "cached", "cache_write", "reasoning", "total")
_AS_TEXT = rf"^\s*{DIGITS}\s*$"
_INCLUDED = {True: "yes", False: "no", None: ""}
"""What a total includes, as the statements note it; `""` where arithmetic decides."""
_OWN = "own"
"""The note of a set that passes on what the provider's own API counts, until the provider is looked up."""


def reported() -> list[str]:
    """Return the statements that take the counts off a span, as it has them, and note how they are to be read."""
    which, here = kept("which"), kept("here")
    steps = [put(which, "0")]
    none = " and ".join(f"{kept(field)} == nil" for field in ("in", "out", "total"))
    for one in one_of_each("sets"):
        plainly = _plain(one)
        for at, source in enumerate(plainly):
            where = same(one, "sets") + (f" and {none}" if at else "")
            if source.tokens.requires:
                where += f" and {first(map(attribute, source.tokens.requires))} != nil"
            where += "".join(f" and {matches(attribute(name), any_of(values))}" for name, values in source.when)
            if at == 0 and not source.tokens.requires and not source.when:
                there = where
            else:  # decided once, for its fields fill one after another
                there = f"{here} == true"
                steps += [put(here, "false"), put(here, "true", where)]
            for field, slot in zip(_FIELDS, _SLOTS, strict=True):
                keys = getattr(source.tokens, slot)
                if keys:
                    steps.append(put(kept(field), first(map(attribute, keys)), there))
            if at:
                steps.append(put(which, str(at), f"{there} and ({has_counts()})"))
    for one in one_of_each("sources"):
        plainly = _plain(one)
        for at, source in enumerate(plainly):
            steps += _reading(source, same(one, "sources") + (f" and {which} == {at}" if len(plainly) > 1 else ""))
    return [*steps, *_families(), *_own_counts(), *_details()]


def _families() -> list[str]:
    """Return the statements that take counts under the names of others: a whole set, and what one of its own lacks.

    Only names that are known to be in use, and a detail whatever the sides beside it: OTTL has no open families.
    """
    steps: list[str] = []
    own, here = kept("own"), kept("here")
    steps.append(put(own, "false"))
    steps.append(put(own, "true", has_counts()))
    for _, source, _ in FAMILIES:
        steps += [put(here, "false"), put(here, "true", f"{own} == false and not ({has_counts()})")]
        for field, slot in zip(_FIELDS, _SLOTS, strict=True):
            if keys := getattr(source.tokens, slot):
                steps.append(put(kept(field), first(map(attribute, keys)), f"{here} == true"))
        steps += _reading(source, f"{here} == true and ({has_counts()})")
    for field, slot in zip(_FIELDS[2:], _SLOTS[2:], strict=True):
        keys = [key for _, source, _ in FAMILIES for key in getattr(source.tokens, slot)]
        steps.append(put(kept(field), first(map(attribute, keys)), f"{kept(field)} == nil and ({has_counts()})"))
    return steps


def _plain(one: Dialect) -> list[Source]:
    return [source for source in one.sources if not source.attribute]


def _reading(source: Source, where: str) -> list[str]:
    """Return the statements that note what the totals of a set include: yes, no, or `""` where arithmetic decides."""
    if source.as_provider:
        return [put(kept(key), text(_OWN), where) for key in ("ic", "ir")]
    steps: list[str] = []
    for field, key in (("input_includes_cache", "ic"), ("output_includes_reasoning", "ir")):
        usual = getattr(source.default, field)
        steps.append(put(kept(key), text(_INCLUDED[usual]), where))
        exceptions = {key: getattr(reading, field) for key, reading in source.by_provider.items()}
        for value in (True, False, None):
            providers = [key for key, other in exceptions.items() if other is value and value is not usual]
            if providers:
                steps.append(
                    put(
                        kept(key), text(_INCLUDED[value]), f"{where} and {matches(kept('provider'), any_of(providers))}"
                    )
                )
    return steps


def _own_counts() -> list[str]:
    """Return the statements that note what the provider's own API counts, where a set passes that on."""
    steps: list[str] = []
    for one in OWN_COUNTS:
        who = matches(kept("provider"), any_of(sorted(one.providers)))
        who += f" and {matches(kept('model'), one.models)}" if one.models else ""
        for key, included in (("ir", one.output_includes_reasoning), ("ic", one.input_includes_cache)):
            steps.append(put(kept(key), text(_INCLUDED[included]), f'{kept("ic")} == "{_OWN}" and {who}'))
    return [*steps, *(put(kept(key), text("yes"), f'{kept(key)} == "{_OWN}"') for key in ("ir", "ic"))]


def _details() -> list[str]:
    """Return the statements that fill what a set lacks from the object that the Vercel AI SDK keeps it in."""
    steps: list[str] = []
    for source in next(one for one in DIALECTS if one.id == VERCEL).details:
        path = attribute(source.attribute)
        steps.append(
            put(kept("object"), f"ParseJSON({path})", f"{kept('dialect')} == {text(VERCEL)} and IsString({path})")
        )
        for field, keys in (("read", source.tokens.cached), ("written", source.tokens.cache_write)):
            for key in keys:
                inner = kept("object") + "".join(f"[{text(part)}]" for part in key.split("."))
                steps.append(
                    put(kept(field), inner, f"{kept('object')} != nil and {kept(field)} == nil and {inner} != nil")
                )
    return steps


def normalised() -> list[str]:
    """Return the statements that make whole, consistent numbers of the counts, and set `ok` where there are any."""
    n = {key: kept(key) for key in (*_FIELDS, "bad", "cache", "ic", "ir", "role", "ok")}
    steps = [put(n["bad"], "false")]
    for field in _FIELDS:
        value = n[field]
        impossible = f"{value} != nil and (not IsInt({value}) or {value} < 0 or {value} > {MAX_TOKENS})"
        steps.append(put(value, f"Double(Trim({value}))", f"IsString({value}) and {matches(value, _AS_TEXT)}"))
        # Integral doubles are taken: JavaScript has no integers.
        steps.append(
            put(
                value,
                f"Int({value})",
                f"IsDouble({value}) and {value} >= 0.0 and {value} <= {MAX_TOKENS} and Int({value}) == {value}",
            )
        )
        if field in {"in", "out", "total"}:
            steps.append(put(n["bad"], "true", impossible))
        steps.append(put(value, "nil", impossible))
    own, both = kept("own"), f"{n['in']} != nil and {n['out']} != nil"
    thoughts = f"({matches(kept('provider'), any_of(sorted(TOTAL_INCLUDES_THOUGHTS)))} or "
    thoughts += f"{matches(kept('model'), THOUGHTS_MODELS)})"
    return [
        *steps,
        put(own, "false"),
        put(own, "true", f"{n['out']} != nil"),
        put(n["out"], "0", f"{n['out']} == nil and {n['role']} == {text(ENCODING)}"),
        put(
            n["in"],
            f"{n['total']} - {n['out']}",
            f"{n['in']} == nil and {n['out']} != nil and {n['total']} != nil and {n['total']} > {n['out']}",
        ),
        put(
            n["out"],
            f"{n['total']} - {n['in']}",
            f"{n['out']} == nil and {n['in']} != nil and {n['total']} != nil and {n['total']} > {n['in']}",
        ),
        put(n["ok"], "false"),
        put(n["ok"], "true", both),
        put(n["cache"], "0"),
        put(n["cache"], f"{n['cache']} + {n['read']}", f"{n['read']} != nil"),
        put(n["cache"], f"{n['cache']} + {n['written']}", f"{n['written']} != nil"),
        put(kept("thoughts"), "false"),
        put(kept("thoughts"), "true", f"{n['ok']} == true and {thoughts}"),
        *_left_out(),
        put(n["in"], f"{n['in']} + {kept('more_in')}", f"{n['ok']} == true"),
        put(n["out"], f"{n['out']} + {kept('more_out')}", f"{n['ok']} == true"),
        *_beyond(),
        put(n["ok"], "false", f"{n['ok']} == true and {n['in']} + {n['out']} == 0"),
        *_one_side(),
    ]


def _beyond() -> list[str]:
    """Return the statements that give the sides what the total holds beyond them: `_beyond` of `usage/_counts.py`."""
    n = {key: kept(key) for key in ("in", "out", "total", "think", "ok", "role", "thoughts")}
    beyond, whose = kept("beyond"), kept("whose")
    tools = f"({matches(kept('provider'), any_of(sorted(TOTAL_INCLUDES_TOOLS)))} or "
    tools += f"{matches(kept('model'), TOOLS_MODELS)})"
    encodes = f"{n['role']} == {text(ENCODING)}"
    are_prompts = f"{tools} and (({n['think']} != nil and {n['think']} > 0) or {beyond} > {MAX_THOUGHTS})"
    more = f'{whose} == "" and {beyond} > 0'
    zeros = f"{n['ok']} == true and {n['in']} == 0 and {n['out']} == 0 and not ({encodes})"
    return [
        put(beyond, "0"),
        put(
            beyond,
            f"{n['total']} - {n['in']} - {n['out']}",
            f"{n['ok']} == true and {n['total']} != nil and not ({zeros})",
        ),
        put(whose, '""'),
        put(whose, '"in"', f"{more} and {n['in']} == 0"),
        put(whose, '"none"', f"{more} and {encodes}"),
        put(whose, '"in"', f"{more} and {n['thoughts']} == true and {are_prompts}"),
        put(whose, '"out"', f"{more} and ({n['thoughts']} == true or {n['out']} == 0)"),
        put(n["in"], f"{n['in']} + {beyond}", f'{whose} == "in"'),
        put(n["out"], f"{n['out']} + {beyond}", f'{whose} == "out"'),
        # Zeros that are no counts: the total says so.
        put(whose, '"zeros"', f"{zeros} and {n['total']} != nil and {n['total']} > 0"),
        *(put(n[side], "nil", f'{whose} == "zeros"') for side in ("in", "out")),
        put(n["ok"], "false", f'{whose} == "zeros"'),
    ]


def _one_side() -> list[str]:
    """Return the statements that fill up a partial usage: `estimate/_partial.py`.

    `part` is what is reported, `""` where the usage is whole or nothing. The usual counts go to `in` and `out`, and the
    least and the most to names of their own.
    """
    n = {key: kept(key) for key in ("in", "out", "total", "cache", "think", "ok", "ic", "ir", "role", "part")}
    thought, usual, most = kept("thought"), kept("usual"), kept("most")
    least_in, least_out, most_in, most_out = map(kept, ("least_in", "least_out", "most_in", "most_out"))
    of_input, of_output, of_total = (f'{n["part"]} == "{part}"' for part in ("input", "output", "total"))
    nothing = f"{n['ok']} == false"
    missing_out = f"({of_input} or {of_total})"
    share, most_share = (number(ratio / (1.0 + ratio)) for ratio in (OUTPUT_PER_INPUT, MOST_OUTPUT_PER_INPUT))
    added_in = f'{n["ic"]} == "no" or {n["cache"]} > {n["in"]}'
    added_out = f'{n["ir"]} == "no" or {thought} > {n["out"]}'
    steps = [
        put(thought, "0"),
        put(thought, n["think"], f"{n['think']} != nil"),
        put(
            n["in"],
            f"{n['in']} + {n['cache']}",
            f"{nothing} and {n['in']} != nil and {n['out']} == nil and ({added_in})",
        ),
        put(
            n["out"],
            f"{n['out']} + {thought}",
            f"{nothing} and {n['out']} != nil and {n['in']} == nil and ({added_out})",
        ),
        put(n["part"], '""'),
        put(n["part"], '"input"', f"{nothing} and {n['in']} != nil and {n['in']} > 0 and {n['out']} == nil"),
        put(
            n["part"],
            '"output"',
            f"{nothing} and {n['in']} == nil and {n['out']} != nil and {n['out']} > 0 and "
            f"{n['role']} != {text(ENCODING)}",
        ),
        put(
            n["part"],
            '"total"',
            f"{nothing} and {n['in']} == nil and {n['out']} == nil and {n['total']} != nil and {n['total']} > 0",
        ),
        # At most and usually: the tokens of the side that is missing, of a total those of the output.
        put(usual, f"Int({n['in']} * {number(OUTPUT_PER_INPUT)} + 0.5)", of_input),
        put(most, f"Int({n['in']} * {number(MOST_OUTPUT_PER_INPUT)} + 0.5)", of_input),
        put(usual, f"Int({n['out']} / {number(OUTPUT_PER_INPUT)} + 0.5)", of_output),
        put(most, f"{n['out']} * {MOST_INPUT_PER_OUTPUT}", of_output),
        put(kept("whole"), n["total"], of_total),
        put(kept("whole"), f"{n['cache']} + {thought}", f"{of_total} and {n['cache']} + {thought} > {n['total']}"),
        put(usual, f"Int({kept('whole')} * {share} + 0.5)", of_total),
        put(most, f"Int({kept('whole')} * {most_share} + 0.5)", of_total),
        put(most, str(MOST_OUTPUT_TOKENS), f"{missing_out} and {most} < {MOST_OUTPUT_TOKENS}"),
        put(most, str(CONTEXT_WINDOW), f"{of_output} and {most} > {CONTEXT_WINDOW}"),
        put(most, str(MOST_INPUT_TOKENS), f"{of_output} and {most} < {MOST_INPUT_TOKENS}"),
    ]
    for target, value in ((least_out, thought), (most_out, f"{thought} + {most}"), (n["out"], f"{thought} + {usual}")):
        steps.append(put(target, value, missing_out))
        enough = f"{kept('whole')} - {n['cache']}"
        steps.append(put(target, enough, f"{of_total} and {target} > {enough}"))
    for of_side, other in ((least_in, least_out), (most_in, most_out), (n["in"], n["out"])):
        steps.append(put(of_side, f"{kept('whole')} - {other}", of_total))
    steps += [put(target, n["in"], of_input) for target in (least_in, most_in)]
    steps += [put(target, n["out"], of_output) for target in (least_out, most_out)]
    for target, value in ((least_in, n["cache"]), (most_in, most), (n["in"], usual)):
        steps.append(put(target, value, of_output))
        steps.append(put(target, n["cache"], f"{of_output} and {target} < {n['cache']}"))
    return [*steps, put(n["ok"], "true", f'{n["part"]} != ""')]


def _left_out() -> list[str]:
    """Return the statements that find what the input leaves out of the cache, and the output of the reasoning.

    The same as `usage/_counts.py`: what is usual, else the first way in which the total adds up.
    """
    n = {key: kept(key) for key in ("in", "out", "total", "cache", "ok", "ic", "ir", "thoughts")}
    more_in, more_out, other_out = kept("more_in"), kept("more_out"), kept("other_out")
    without_cache, beside, way = kept("without_cache"), kept("beside"), kept("way")
    parts = [kept(part) for part in ("cache", "read_part", "written_part")]
    ways = [(more_in, other_out), *((part, out) for part in (*parts, "0") for out in (more_out, other_out))]
    steps = [put(name, "0") for name in (*parts[1:], kept("thought"), more_in, more_out, way)]
    steps += [
        put(part, source, f"{n['ok']} == true and {source} != nil")
        for part, source in zip((*parts[1:], kept("thought")), map(kept, ("read", "written", "think")), strict=True)
    ]
    thought = kept("thought")
    # An output that was taken from the total holds the reasoning, if it is large enough.
    steps.append(put(thought, "0", f"{n['ok']} == true and {kept('own')} == false and {thought} <= {n['out']}"))
    usual = f"{n['total']} == nil or {n['cache']} + {thought} == 0 or {beside} == {more_in} + {more_out}"
    steps += [
        put(without_cache, "false"),
        put(without_cache, "true", f'{n["ok"]} == true and ({n["ic"]} == "no" or {n["cache"]} > {n["in"]})'),
        put(more_in, n["cache"], f"{without_cache} == true"),
        put(more_out, thought, f'{n["ok"]} == true and ({n["ir"]} == "no" or {thought} > {n["out"]})'),
        put(beside, "0"),
        put(beside, f"{n['total']} - {n['in']} - {n['out']}", f"{n['ok']} == true and {n['total']} != nil"),
        put(other_out, more_out),
        put(other_out, thought, f"{more_out} == 0"),
        put(
            other_out,
            "0",
            f"{more_out} > 0 and {thought} <= {n['out']} and ({n['thoughts']} == true or {beside} != 0)",
        ),
        put(way, "-1", f"{n['ok']} == true and not ({usual})"),
    ]
    for at, (part, out) in enumerate(ways, 1):
        possible = f"{way} == -1 and {beside} == {part} + {out}"
        if part != more_in:
            possible += f" and {part if part != '0' else beside} != 0 and {part} >= {n['cache']} - {n['in']}"
            possible += f" and ({without_cache} == true or {n['thoughts']} == false)"
        steps.append(put(way, str(at), possible))
    for at, (part, out) in enumerate(ways, 1):
        steps += [
            put(target, value, f"{way} == {at}")
            for target, value in ((more_in, part), (more_out, out))
            if target != value
        ]
    return steps
