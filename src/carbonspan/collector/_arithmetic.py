# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""From counts and coefficients to joules, grams and millilitres: `Charge.joules` and `footprint` as statements.

Names of values that are kept while a span is worked on, here and in the neighbouring modules:

    in, out, read, written, think   tokens, nil where not reported
    m                               the model's entry: c (nine joules per token), t (texts), e (whether it encodes)
    p                               the place's: f (figures), t (texts)
    low, j, high, avoided           joules at the server
"""

from __future__ import annotations

from carbonspan.collector._ottl import INFINITE, exponential, name, number, put, square_root
from carbonspan.energy._tokens import CONTEXT_TOKENS

FIGURES = ("g", "g_below", "g_above", "wh", "wh_below", "wh_above", "operational", "embodied", "water", "grid", "pue")
"""What `p.f` holds: the nine `Rates.figures`, the grid's intensity (g/kWh) and the PUE."""


def _coefficient(at: int) -> str:
    return f'{name("m")}["c"][{at}]'


def figure(key: str) -> str:
    """Return the path of one of `FIGURES`."""
    return f'{name("p")}["f"][{FIGURES.index(key)}]'


def joules() -> list[str]:
    """Return the statements that work out energy at the server."""
    out_low, out, out_high, fresh_low, fresh, fresh_high, cached_low, cached, cached_high = map(_coefficient, range(9))
    n = {key: name(key) for key in ("in", "out", "read", "written", "ctx", "wt", "kept", "lowin", "cache")}
    generates = f'{name("m")}["e"] == false'
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
        put(name("low"), f"{n['lowin']} + {cached_low} * {n['cache']} + {out_low} * {n['out']}"),
        put(name("j"), f"{fresh} * {n['wt']} + {cached} * {n['cache']} + {out} * {n['out']}"),
        put(name("high"), f"{fresh_high} * {n['wt']} + {cached_high} * {n['cache']} + {out_high} * {n['out']}"),
        put(name("avoided"), f"({fresh} * {n['ctx']} - {cached}) * {n['cache']}"),
        put(name("avoided"), "0.0", f"{name('avoided')} < 0.0"),
    ]


def footprint() -> list[str]:
    """Return the statements that work out grams and watt-hours with their bounds, in quadrature in log space."""
    below, above = name("below"), name("above")
    steps = [
        put(name("grams"), f"{figure('g')} * {name('j')}"),
        put(name("wh"), f"{figure('wh')} * {name('j')}"),
        put(below, f"Log({name('j')} / {name('low')})"),
        put(below, f"{below} * {below}"),
        put(above, f"Log({name('high')} / {name('j')})"),
        put(above, f"{above} * {above}"),
    ]
    for what in ("g", "wh"):
        central = name("grams" if what == "g" else "wh")
        for side, bound in (("below", f"{what}_low"), ("above", f"{what}_high")):
            width = figure(f"{what}_{side}")
            steps.append(put(name("s"), f"{width} + {name(side)}"))
            steps += [*square_root("y", "s"), *exponential("x", "y")]
            operator = "/" if side == "below" else "*"
            steps.append(put(name(bound), f"{central} {operator} {name('x')}"))
            if side == "below":
                steps.append(put(name(bound), "0.0", f"{width} >= {number(INFINITE)}"))
    return steps
