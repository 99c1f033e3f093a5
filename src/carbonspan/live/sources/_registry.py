# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The registry of live sources: what is known of each without importing it, and how one is made.

A source's module, and `requests` with it, is imported when one is made, and not before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbonspan.grid.source import GridSource

_HTTP = {
    "url": "base address, for a proxy of your own",
    "timeout_s": "connect, read[, total] in seconds; 3.05, 10, 30 by default",
}


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What is known of a source without importing it: for settings, documentation and `carbonspan doctor`."""

    name: str  # as written on spans
    path: str  # module and class
    description: str
    zones: str
    basis: str
    licence: str
    url: str
    quota: str
    options: Mapping[str, str]  # keyword: meaning and what is allowed
    environment: Mapping[str, str] = field(default_factory=dict)  # option that is a secret: variable it may stand in
    aliases: tuple[str, ...] = ()
    shared: bool = True  # whether its hours mean the same to every process of a host, and may be kept for all


_SPECS = (
    SourceSpec(
        "electricity_maps",
        "carbonspan.live.sources._electricity_maps:ElectricityMaps",
        "Electricity Maps: the world, hourly, flow-traced",
        "about 350 zones; a free key has one",
        "life-cycle or direct, as asked for",
        "proprietary; the free plan is for non-commercial use",
        "https://www.electricitymaps.com",
        "not published; one call an hour and zone",
        {
            "token": "the API key",
            "version": "of the API: v4 (default) or v3",
            **_HTTP,
        },
        {"token": "ELECTRICITYMAPS_API_TOKEN"},
    ),
    SourceSpec(
        "uk_carbon_intensity",
        "carbonspan.live.sources._uk_carbon_intensity:UkCarbonIntensity",
        "Carbon Intensity API of the National Energy System Operator: half-hours, forecast 48 h",
        "GB, or one of its regions",
        "direct",
        "CC BY 4.0",
        "https://carbonintensity.org.uk",
        "none published",
        {"region_id": "1 to 17: a region instead of the nation (it has only forecasts)", **_HTTP},
        aliases=("uk",),
    ),
    SourceSpec(
        "energy_charts",
        "carbonspan.live.sources._energy_charts:EnergyCharts",
        "Energy-Charts of Fraunhofer ISE: quarters of hours, forecast to the end of tomorrow",
        "some 35 countries of Europe; bidding zones by the option countries",
        "not stated by the source; taken as life-cycle",
        "CC BY 4.0",
        "https://energy-charts.info",
        "429 after about six quick calls: two seconds are kept between them",
        {
            "countries": "more zones, as {'DK-DK1': 'dk'} or DK-DK1=dk,DK-DK2=dk",
            "basis": "life-cycle (default) or direct: what its values are taken as",
            **_HTTP,
        },
    ),
    SourceSpec(
        "eco2mix",
        "carbonspan.live.sources._eco2mix:Eco2Mix",
        "eCO2mix of RTE: quarters of hours of the last month",
        "FR",
        "direct",
        "Licence Ouverte (unverified)",
        "https://odre.opendatasoft.com/explore/dataset/eco2mix-national-tr/",
        "none published",
        _HTTP,
    ),
    SourceSpec(
        "energinet",
        "carbonspan.live.sources._energinet:Energinet",
        "Energi Data Service of Energinet: five minutes, with forecast",
        "DK-DK1, DK-DK2",
        "direct",
        "open (unverified)",
        "https://www.energidataservice.dk",
        "none published",
        _HTTP,
    ),
    SourceSpec(
        "watttime",
        "carbonspan.live.sources._watttime:WattTime",
        "WattTime: marginal emission rate, five minutes, forecast 24 h",
        "zones whose region is known; a free account has CAISO_NORTH (US-CAL-CISO)",
        "only marginal",
        "proprietary",
        "https://watttime.org",
        "3,000 requests in 5 minutes, 100 logins in 5 minutes",
        {
            "username": "of the account",
            "password": "of the account",
            "regions": "WattTime's region of a zone, as {'US-CAL-CISO': 'CAISO_NORTH'} or US-CAL-CISO=CAISO_NORTH",
            **_HTTP,
        },
        {"username": "WATTTIME_USERNAME", "password": "WATTTIME_PASSWORD"},
    ),
    SourceSpec(
        "file",
        "carbonspan.live.sources._file:FileSource",
        "a CSV or JSON file of your own, or a folder of them: zone, hour, value; read again when it changes",
        "those in the file",
        "a column or the option basis",
        "the user's",
        "",
        "",
        {
            "path": "file or folder",
            "zone": "of rows that name none",
            "unit": "of values that name none: g/kWh (default), kg/kWh, t/MWh, lb/MWh and the like",
            "basis": "of values that name none: life-cycle (default), direct or marginal",
            "accounting": "consumption (default) or production",
            "name": "as written on spans; file by default",
        },
        shared=False,
    ),
    SourceSpec(
        "function",
        "carbonspan.live.sources._function:FunctionSource",
        "a Python function of your own: (zone, start, end, basis) -> [(datetime, g/kWh[, quality]), ...]",
        "any, or the option zones",
        "the option basis",
        "the user's",
        "",
        "",
        {
            "function": "the callable",
            "zones": "those it has; all by default",
            "basis": "of its values: life-cycle (default), direct or marginal",
            "accounting": "consumption (default) or production",
            "forecast_hours": "how far ahead it may be asked, 0 (default) to 168",
            "name": "as written on spans; function by default",
        },
        shared=False,
    ),
)

SOURCES: Mapping[str, SourceSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every source by its name."""
_BY_ANY_NAME: Mapping[str, SourceSpec] = {name: spec for spec in _SPECS for name in (spec.name, *spec.aliases)}
NAMES = tuple(_BY_ANY_NAME)
"""What a source may be called: names and aliases."""


def spec_of(name: Any) -> SourceSpec:
    """Return what is known of a source, by its name or an alias.

    Raises:
        ValueError: there is none of this name.
    """
    found = _BY_ANY_NAME.get(name.strip().lower()) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"no grid source is named {name!r}; allowed: {', '.join(sorted(_BY_ANY_NAME))}")
    return found


def make(name: str, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> GridSource:
    """Return a source; it asks nobody before it is asked.

    Args:
        name: of the source, or an alias.
        options: its keywords; see `SOURCES`.
        environ: where secrets are looked for that the options do not hold; `os.environ` by default.

    Raises:
        ValueError: no such source, or an option that is unknown, missing or not allowed. The message names the option,
            its value (a secret's never) and what is allowed.
    """
    spec = spec_of(name)
    given = dict(options or {})
    for option in given:
        if option not in spec.options:
            allowed = ", ".join(spec.options)
            raise ValueError(f"grid source {spec.name}: unknown option {option!r}; allowed: {allowed}")
    surroundings = os.environ if environ is None else environ
    for option, variable in spec.environment.items():
        if given.get(option) is None and surroundings.get(variable):
            given[option] = surroundings[variable]
    module, _, class_name = spec.path.partition(":")
    try:
        source: GridSource = getattr(import_module(module), class_name)(**given)
    except ValueError as error:
        reason = str(error)
    else:
        return source
    raise ValueError(f"grid source {spec.name}: {reason}")
