# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""From counts and coefficients to joules, grams and millilitres: the energy model and `footprint` as statements.

Names of values that are kept while a span is worked on, here and in the neighbouring modules:

    in, out, read, written, think   tokens, nil where not reported
    m                               the model's entry: c (nine joules per token), t (texts), e (whether it encodes)
    p                               the place's: f (figures), t (texts), h (the hours' profile, where it has one)
    low, j, high, saved             joules at the server
"""

from __future__ import annotations

from carbonspan.collector._ottl import INFINITE, exponential, kept, look_up, number, put, square_root
from carbonspan.collector._places import FIGURES, alternative_zones, profile_ratios
from carbonspan.core.values import J_PER_KWH
from carbonspan.energy._coefficients import CONTEXT_TOKENS
from carbonspan.estimate.footprint import EMBODIED_G_PER_KWH


def figure(key: str) -> str:
    """Return the path of one of `FIGURES`."""
    return f'{kept("p")}["f"][{FIGURES.index(key)}]'


def _coefficient(at: int) -> str:
    return f'{kept("m")}["c"][{at}]'


def joules() -> list[str]:
    """Return the statements that work out energy at the server."""
    out_low, out, out_high, fresh_low, fresh, fresh_high, cached_low, cached, cached_high = map(_coefficient, range(9))
    n = {key: kept(key) for key in ("in", "out", "read", "written", "ctx", "wt", "kept", "lowin", "cache")}
    generates = f'{kept("m")}["e"] == false'
    unknown = f"{n['read']} == nil and {generates}"
    return [
        put(n["cache"], "0"),
        put(n["cache"], n["read"], f"{n['read']} != nil"),
        put(n["ctx"], "1.0"),
        put(n["ctx"], f"1.0 + {n['in']} / {number(CONTEXT_TOKENS)}", generates),
        put(n["wt"], f"{n['ctx']} * ({n['in']} - {n['cache']})"),
        put(n["lowin"], f"{fresh_low} * {n['wt']}"),
        put(n["kept"], "0", unknown),
        put(n["kept"], n["written"], f"{unknown} and {n['written']} != nil"),
        put(n["kept"], n["in"], f"{unknown} and {n['kept']} > {n['in']}"),
        # What was not written to the cache may all have been read from it: the lesser of fresh and cached.
        put(
            n["lowin"],
            f"{fresh_low} * {n['ctx']} * {n['kept']} + {cached} * ({n['in']} - {n['kept']})",
            f"{unknown} and {cached} < {fresh_low} * {n['ctx']}",
        ),
        put(kept("low"), f"{n['lowin']} + {cached_low} * {n['cache']} + {out_low} * {n['out']}"),
        put(kept("j"), f"{fresh} * {n['wt']} + {cached} * {n['cache']} + {out} * {n['out']}"),
        put(kept("high"), f"{fresh_high} * {n['wt']} + {cached_high} * {n['cache']} + {out_high} * {n['out']}"),
        put(kept("saved"), f"({fresh} * {n['ctx']} - {cached}) * {n['cache']}"),
        put(kept("saved"), "0.0", f"{kept('saved')} < 0.0"),
    ]


def of_a_part() -> list[str]:
    """Return the statements that widen the energy of a partial usage: `low` of the least, and `most_j` of the most.

    See `estimate/_partial.py`; what is in `low`, `j` and `high` is of the usual.
    """
    out_low, out, _, fresh_low, fresh, _, cached_low, cached, _ = map(_coefficient, range(9))
    is_part = f'{kept("part")} != ""'
    cache, kept_in, low, context = kept("cache"), kept("kept"), kept("least_j"), kept("ctx")
    unknown = f'{is_part} and {kept("read")} == nil and {kept("m")}["e"] == false'
    least_in, most_in = kept("least_in"), kept("most_in")
    per_token = f"1.0 + {{}} / {number(CONTEXT_TOKENS)}"
    generates = f'{is_part} and {kept("m")}["e"] == false'
    return [
        put(context, "1.0", is_part),
        put(context, per_token.format(most_in), generates),
        put(
            kept("most_j"),
            f"{fresh} * {context} * ({most_in} - {cache}) + {cached} * {cache} + {out} * {kept('most_out')}",
            is_part,
        ),
        put(context, "1.0", is_part),
        put(context, per_token.format(least_in), generates),
        put(low, f"{fresh_low} * {context} * ({least_in} - {cache})", is_part),
        put(kept_in, "0", unknown),
        put(kept_in, kept("written"), f"{unknown} and {kept('written')} != nil"),
        put(kept_in, least_in, f"{unknown} and {kept_in} > {least_in}"),
        put(
            low,
            f"{fresh_low} * {context} * {kept_in} + {cached} * ({least_in} - {kept_in})",
            f"{unknown} and {cached} < {fresh_low} * {context}",
        ),
        put(low, f"{low} + {cached_low} * {cache} + {out_low} * {kept('least_out')}", is_part),
        put(kept("low"), low, f"{is_part} and {low} < {kept('low')}"),
    ]


def footprint() -> list[str]:
    """Return the statements that work out grams and watt-hours with their bounds, in quadrature in log space."""
    below, above = kept("below"), kept("above")
    steps = [
        put(kept("grams"), f"{figure('g')} * {kept('j')}"),
        put(kept("wh"), f"{figure('wh')} * {kept('j')}"),
        put(below, f"Log({kept('j')} / {kept('low')})"),
        put(below, f"{below} * {below}"),
        put(above, f"Log({kept('high')} / {kept('j')})"),
        put(above, f"{above} * {above}"),
        put(kept("w"), "0.0"),
        put(
            kept("w"),
            f"Log({kept('most_j')} / {kept('j')})",
            f'{kept("part")} != "" and {kept("most_j")} > {kept("j")}',
        ),
        put(above, f"{above} + {kept('w')} * {kept('w')}"),
    ]
    for what in ("g", "wh"):
        central = kept("grams" if what == "g" else "wh")
        for side, bound in (("below", f"{what}_low"), ("above", f"{what}_high")):
            width = figure(f"{what}_{side}")
            steps.append(put(kept("s"), f"{width} + {kept(side)}"))
            steps += [*square_root("y", "s"), *exponential("x", "y")]
            operator = "/" if side == "below" else "*"
            steps.append(put(kept(bound), f"{central} {operator} {kept('x')}"))
            if side == "below":
                steps.append(put(kept(bound), "0.0", f"{width} >= {number(INFINITE)} or {kept('low')} <= 0.0"))
    return steps


_EMBODIED = EMBODIED_G_PER_KWH.scaled(1.0 / J_PER_KWH)
_AT_HOUR = "[Month(span.start_time) - 1][Hour(span.start_time)]"


def of_a_profile() -> list[str]:
    """Return the statements that put the hour's figures into `p` where `p.h`, a month-hour profile, is there."""
    of = f'{kept("p")}["h"]'
    mean, low, high, zone, other, second, pue, pue_below, pue_above = (f"{of}[{at}]" for at in range(9))
    hourly = f"{kept('hourly')} == true"
    ratio, grid, least, most = kept("ratio"), kept("grid"), kept("least"), kept("most")
    ratios = profile_ratios()
    others = {zone: ratios[zone] for zone in alternative_zones() if zone in ratios}
    profiled = " or ".join(f'{other} == "{one}"' for one in others)
    has_second = f'{hourly} and {other} != ""'
    steps = [
        put(kept("hourly"), "false"),
        put(kept("hourly"), "true", f"{of} != nil"),
        put(ratio, look_up(ratios, zone) + _AT_HOUR, hourly),
        put(grid, f"{mean} * {ratio}", hourly),
        put(least, f"{grid} * {low}", hourly),
        put(most, f"{grid} * {high}", hourly),
        put(kept("second"), second, has_second),
        put(kept("second"), f"{second} * {look_up(others, other) + _AT_HOUR}", f"{has_second} and ({profiled})"),
        put(least, kept("second"), f"{has_second} and {kept('second')} < {least}"),
        put(most, kept("second"), f"{has_second} and {kept('second')} > {most}"),
        put(kept("op"), f"{grid} * {pue} / {number(J_PER_KWH)}", hourly),
        *_bound_below(pue_below, hourly),
        *_bound_above(pue_above, hourly),
    ]
    figures = [
        put(figure("operational"), kept("op")),
        put(figure("grid"), grid),
        put(figure("g"), f"{kept('op')} + {number(_EMBODIED.central)}"),
    ]
    return [*steps, *_when(figures, hourly)]


def _bound_below(pue_width: str, hourly: str) -> list[str]:
    distance, operational = kept("d"), kept("op")
    return [
        *_distance(
            f"Log({kept('grid')} / {kept('least')})",
            pue_width,
            f"{operational} - {operational} / {kept('x')}",
            _EMBODIED.central - _EMBODIED.low,
            hourly,
        ),
        put(kept("w"), f"Log(1.0 - {distance})", f"{hourly} and {distance} < 1.0"),
        put(figure("g_below"), f"{kept('w')} * {kept('w')}", hourly),
        put(figure("g_below"), number(INFINITE), f"{hourly} and {distance} >= 1.0"),
    ]


def _bound_above(pue_width: str, hourly: str) -> list[str]:
    operational = kept("op")
    return [
        *_distance(
            f"Log({kept('most')} / {kept('grid')})",
            pue_width,
            f"{operational} * {kept('x')} - {operational}",
            _EMBODIED.high - _EMBODIED.central,
            hourly,
        ),
        put(kept("w"), f"Log(1.0 + {kept('d')})", hourly),
        put(figure("g_above"), f"{kept('w')} * {kept('w')}", hourly),
    ]


def _distance(grid_width: str, pue_width: str, distance: str, embodied: float, hourly: str) -> list[str]:
    """Return the statements that work out how far a bound is from the centre, as a part of it: `d`.

    Of the electricity first; then of both, the embodied part's distance given, in quadrature.
    """
    this = kept("d")
    return [
        put(kept("w"), grid_width, hourly),
        put(kept("s"), f"{pue_width} + {kept('w')} * {kept('w')}", hourly),
        *_when([*square_root("y", "s"), *exponential("x", "y")], hourly),
        put(this, distance, hourly),
        put(kept("s"), f"{this} * {this} * 1.0e12 + {number((embodied * 1e6) ** 2)}", hourly),
        *_when(square_root("y", "s"), hourly),
        put(this, f"{kept('y')} / 1.0e6", hourly),
        put(this, f"{this} / ({kept('op')} + {number(_EMBODIED.central)})", hourly),
    ]


def _when(statements: list[str], condition: str) -> list[str]:
    """Return statements that are run on a condition beside their own."""
    split = [statement.partition(" where ") for statement in statements]
    return [f"{what} where {condition}" + (f" and {where}" if where else "") for what, _, where in split]
