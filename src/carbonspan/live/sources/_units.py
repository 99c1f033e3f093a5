# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The unit and the basis that a text names (a column, a `meta.units`, an option), and values that seem of another unit.

Masses, energies and the names of bases are tables: data/grid/units.csv and data/grid/bases.csv.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._regions import zones
from carbonspan.core._tables import rows
from carbonspan.core.values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNITS = "mass per energy, as g/kWh, kg/kWh, t/MWh or lb/MWh"
"""What a unit may be, for messages."""

_GAS = r"(?:(?:co ?2|carbon(?: dioxide)?|ghg)(?: ?-?(?:equivalents?|equiv|eq|e))?)?"
_ENERGY = re.compile(r"(kwh|mwh|gwh)", re.IGNORECASE)

_CARBON = frozenset({"carbon", "carbonintensity", "ci", "co2", "co2e", "co2eq", "emission", "emissions"})
VALUE_WORDS = _CARBON | {
    "average",
    "avg",
    "co2intensity",
    "consumption",
    "dioxide",
    "electricity",
    "equivalent",
    "factor",
    "generation",
    "ghg",
    "grid",
    "hourly",
    "intensity",
    "mean",
    "output",
    "production",
    "rate",
    "total",
    "value",
}
"""What else the name of a column of intensities is made of. Another gas or fuel in it (`nox_lb_per_mwh`) makes it
another column."""

SHARE_OF_YEAR = 0.01
"""Of the zone's yearly figure: with less, the values are hardly g/kWh. In kg/kWh or t/MWh they are a thousandth of it,
in lb/kWh a 454th; the cleanest hours of a life cycle are far from that in any zone."""
LEAST_G_PER_KWH = 3.0
"""For a zone without a yearly figure: a life cycle emits more whatever it burns (UNECE, "Integrated Life-cycle
Assessment of Electricity Sources", 2022, https://unece.org/sites/default/files/2022-04/LCA_3_FINAL%20March%202022.pdf:
nuclear, the least, 5.1). For marginal values in any zone: a last kilowatt-hour burns something or is 0."""
CLEAN_G_PER_KWH = 100.0
"""A year's figure below which direct values may be next to nothing (Iceland, Norway, Quebec): no value is refused."""
MOST_G_PER_KWH = 1300.0
"""Above the life cycle of coal (753 to 1095 g/kWh, UNECE as above) and the year of any zone (848)."""
CARBON = _CARBON | {"aoer", "lrmer", "moer", "srmer"}
"""Of which a column has one that names a basis and no unit: `direct` by itself may be anything."""

LIKE_LB_PER_MWH = (1.8, 2.8)
"""Times the zone's yearly figure: 1 g/kWh is 2.2 lb/MWh. A dirty week may be as high, so this is only asked."""
_DAY = 24
_SIGNAL = re.compile(r"\b[am]oer\b")


class Named(NamedTuple):
    """What a text names."""

    g_per_kwh: float | None  # in one unit; None where it names none
    basis: Basis | None
    is_value: bool  # whether nothing but words of an intensity is left
    is_carbon: bool  # whether one of its words says that it is about carbon


def g_per_kwh(text: str) -> float | None:
    """Return g/kWh in one unit of a name such as `kg/kWh`, `lbs_co2_per_mwh`, `gCO2eq/kWh`; `None` for any other."""
    named = read_name(text)
    return named.g_per_kwh if named.is_value else None


def basis_of(text: str) -> Basis | None:
    """Return the basis that a name stands for: `lifecycle`, `co2_moer`; `None` for any other."""
    return _bases().get(_plain(text).replace("-", " "))


@lru_cache(maxsize=1024)
def read_name(text: str) -> Named:
    """Return the unit and the basis that a column's name has, in whatever order and spelling."""
    plain = _plain(text)
    unit = _unit().search(plain)
    factor = None
    if unit is not None:
        masses, energies = _amounts("mass"), _amounts("energy")
        factor = masses[unit["mass"].replace("-", " ")] / energies[unit["energy"].replace("-", " ")]
        plain = f"{plain[: unit.start()]} {plain[unit.end() :]}"
    plain = " ".join(plain.replace("-", " ").split())
    words, basis = set(plain.split()), None
    for name, meaning in _bases().items():
        rest = re.sub(rf"\b{name}\b", " ", plain)
        if rest != plain and basis in {None, meaning}:
            basis, plain = meaning, rest
    return Named(factor, basis, set(plain.split()) <= VALUE_WORDS, not words.isdisjoint(CARBON))


def unlikely(values: Iterable[float], zone: str, basis: Basis) -> str:
    """Return why values that name no unit are hardly g/kWh; "" where they may be.

    Whole numbers are not doubted: no other unit that is in use would give only those. Nor is 0, which is a value.
    """
    found = [value for value in values if value > 0]
    if not found or all(value.is_integer() for value in found):
        return ""
    year, most = _of_year(zone), max(found)
    if basis is Basis.MARGINAL or year is None:
        return f"at most {most:g} g/kWh, which no grid has" if most < LEAST_G_PER_KWH else ""
    of_year = f"where {zone} has {year:.0f} in a year"
    if basis is Basis.LIFE_CYCLE:
        middle = median(found)
        return f"{middle:g} g/kWh in the middle, {of_year}" if middle < SHARE_OF_YEAR * year else ""
    # Direct values are next to nothing in hours of wind and sun, so one that is not speaks for all.
    doubted = year >= CLEAN_G_PER_KWH and most < SHARE_OF_YEAR * year
    return f"at most {most:g} g/kWh, {of_year}" if doubted else ""


def question(values: Sequence[float], zone: str, basis: Basis, signals: Iterable[str] = ()) -> str:
    """Return in which unit values that name none may be, though g/kWh cannot be ruled out; "" where nothing says so.

    Args:
        values: of a zone, g/kWh.
        zone: of the grid.
        basis: of the values.
        signals: what named the basis.
    """
    found = [value for value in values if value > 0]
    if not found:
        return ""
    # The unit of WattTime's signals (WattTime, "API reference", 2025, https://docs.watttime.org).
    if any(_SIGNAL.search(_plain(signal)) for signal in signals):
        return "lb/MWh"
    year, middle = _of_year(zone), median(found)
    if middle > MOST_G_PER_KWH:
        return "lb/MWh"
    if year is None or basis is Basis.MARGINAL:
        return ""
    if middle < SHARE_OF_YEAR * year and not all(value.is_integer() for value in found):
        return "kg/kWh or t/MWh"
    low, high = LIKE_LB_PER_MWH
    return "lb/MWh" if len(found) >= _DAY and low <= middle / year <= high else ""


def _of_year(zone: str) -> float | None:
    year = zones().get(zone)
    return None if year is None else year.lifecycle_g_per_kwh


def _plain(text: str) -> str:
    """Return a name in lower case, its words apart: `carbonIntensityKgPerKWh` is `carbon intensity kg per kwh`."""
    text = _ENERGY.sub(lambda found: " " + found[0].lower(), unicodedata.normalize("NFKC", text))
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text).lower().replace("\N{MINUS SIGN}", "-")
    return " ".join(re.sub(r"[^a-z0-9/-]+", " ", text).split())


@cache
def _unit() -> re.Pattern[str]:
    masses, energies = (
        "|".join(sorted(_amounts(of), key=len, reverse=True)).replace(" ", "[ -]") for of in ("mass", "energy")
    )
    return re.compile(
        rf"(?<![a-z])(?P<mass>{masses})(?: of)?[ -]*{_GAS} ?(?:/|per|-)? ?(?P<energy>{energies})(?![a-z])(?: ?-1)?"
    )


@cache
def _amounts(quantity: str) -> Mapping[str, float]:
    """Return how many grams or kWh each name is."""
    return {
        name: float(row["amount"])
        for row in rows("grid/units.csv")
        if row["quantity"] == quantity
        for name in row["names"].split(";")
    }


@cache
def _bases() -> Mapping[str, Basis]:
    """Return what each name of a basis stands for, the longest names first."""
    found = {name: Basis(row["basis"]) for row in rows("grid/bases.csv") for name in row["names"].split(";")}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))
