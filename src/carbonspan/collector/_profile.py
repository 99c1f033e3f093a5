# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The month-hour profile of eight US zones: `offline.profile` and what follows from it, as a table and statements.

A place there has no figures of its own: its intensity is the yearly mean times a ratio, and its bounds take in another
zone where that may be meant. The rest is `footprint.rates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._arithmetic import figure
from carbonspan.collector._ottl import INFINITE, exponential, found, name, number, put, square_root
from carbonspan.core.values import J_PER_KWH, Basis, Quality, log_widths
from carbonspan.estimate.footprint import EMBODIED_G_PER_KWH
from carbonspan.grid import _spread as spread
from carbonspan.grid._yearly import alternative_zone, cloud_regions, profiles, yearly

if TYPE_CHECKING:
    from carbonspan.core.values import Intensity, Place, Range

_MONTHS = range(1, 13)


def shape(place: Place, intensity: Intensity, pue: Range) -> list[object] | None:
    """Return what the statements need of a place whose intensity is of a profile; `None` where it is not.

    The yearly mean (g/kWh), the factors of its bounds, its zone; the other zone and its yearly mean, `""` and 0 where
    there is none; PUE and its squared log widths.
    """
    mean = yearly(place.zone, Basis.LIFE_CYCLE)
    if intensity.quality is not Quality.PROFILE or mean is None:
        return None
    factors = spread.of_a_profile(place.zone)
    other = alternative_zone(place)
    second = yearly(other, Basis.LIFE_CYCLE) if other else None
    below, above = log_widths(pue)
    return [
        *(mean.g_per_kwh, factors.low, factors.high, place.zone),
        *(other if second else "", second.g_per_kwh if second else 0.0),
        *(pue.central, below, above),
    ]


def ratios() -> dict[str, object]:
    """Return the ratios to the yearly mean by zone: one list a month, one number a UTC hour."""
    zones = dict.fromkeys(zone for zone, _ in profiles())
    return {zone: [list(profiles()[zone, month]) for month in _MONTHS] for zone in zones}


def steps() -> list[str]:
    """Return the statements that put the hour's figures into `p` where `p.h`, the `shape`, is there."""
    of = f'{name("p")}["h"]'
    mean, low, high, zone, other, second, pue, pue_below, pue_above = (f"{of}[{at}]" for at in range(9))
    hourly = f"{name('hourly')} == true"
    ratio, grid, least, most = name("ratio"), name("grid"), name("least"), name("most")
    at_hour = "[Month(span.start_time) - 1][Hour(span.start_time)]"
    table = ratios()
    others = {zone: table[zone] for zone in _others() if zone in table}
    alike = f'{hourly} and {other} != ""'
    operational, embodied = name("op"), EMBODIED_G_PER_KWH.scaled(1.0 / J_PER_KWH)
    steps_ = [
        put(name("hourly"), "false"),
        put(name("hourly"), "true", f"{of} != nil"),
        put(ratio, found(table, zone) + at_hour, hourly),
        put(grid, f"{mean} * {ratio}", hourly),
        put(least, f"{grid} * {low}", hourly),
        put(most, f"{grid} * {high}", hourly),
        put(name("second"), second, alike),
        put(
            name("second"), f"{second} * {found(others, other) + at_hour}", f"{alike} and ({_profiled(others, other)})"
        ),
        put(least, name("second"), f"{alike} and {name('second')} < {least}"),
        put(most, name("second"), f"{alike} and {name('second')} > {most}"),
        put(operational, f"{grid} * {pue} / {number(J_PER_KWH)}", hourly),
    ]
    figures = [put(figure("operational"), operational), put(figure("grid"), grid)]
    figures.append(put(figure("g"), f"{operational} + {number(embodied.central)}"))
    for side, widths, bound, far in (
        ("below", pue_below, least, embodied.low),
        ("above", pue_above, most, embodied.high),
    ):
        apart = f"Log({grid} / {bound})" if side == "below" else f"Log({bound} / {grid})"
        off = abs(embodied.central - far)
        grams = f"{name('d')} / ({operational} + {number(embodied.central)})"
        steps_ += [put(name("w"), apart, hourly), put(name("s"), f"{widths} + {name('w')} * {name('w')}", hourly)]
        steps_ += _when([*square_root("y", "s"), *exponential("x", "y")], hourly)
        # How far the bound is from the centre, of the electricity; then of both, in quadrature.
        distance = (
            f"{operational} - {operational} / {name('x')}"
            if side == "below"
            else f"{operational} * {name('x')} - {operational}"
        )
        steps_ += [
            put(name("d"), distance, hourly),
            put(name("s"), f"{name('d')} * {name('d')} * 1.0e12 + {number((off * 1e6) ** 2)}", hourly),
            *_when(square_root("y", "s"), hourly),
            put(name("d"), f"{name('y')} / 1.0e6", hourly),
            put(name("d"), grams, hourly),
        ]
        logarithm = f"Log(1.0 - {name('d')})" if side == "below" else f"Log(1.0 + {name('d')})"
        steps_ += [
            put(name("w"), logarithm, f"{hourly} and {name('d')} < 1.0" if side == "below" else hourly),
            put(figure(f"g_{side}"), f"{name('w')} * {name('w')}", hourly),
        ]
        if side == "below":
            steps_.append(put(figure("g_below"), number(INFINITE), f"{hourly} and {name('d')} >= 1.0"))
    return [*steps_, *_when(figures, hourly)]


def _others() -> list[str]:
    """Return the other zones that a region may lie in."""
    return list(dict.fromkeys(region.zone_alt for region in cloud_regions().values() if region.zone_alt))


def _profiled(table: dict[str, object], zone: str) -> str:
    return " or ".join(f'{zone} == "{one}"' for one in table)


def _when(statements: list[str], condition: str) -> list[str]:
    """Return statements that are run on a condition beside their own."""
    split = [statement.partition(" where ") for statement in statements]
    return [f"{what} where {condition}" + (f" and {where}" if where else "") for what, _, where in split]
