# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Makes a Collector configuration from settings, the registry and the grid, hour by hour."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from carbonspan import site
from carbonspan.collector import (
    PIPELINES,
    WHOLE,
    _models as models,
    _pipelines as pipelines,
    _places as places,
    _statements as statements,
)
from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core._regions import cloud_regions
from carbonspan.grid import _bundled as bundled
from carbonspan.grid._resolver import STALE_HOURS
from carbonspan.live.sources import BUNDLED
from carbonspan.runtime import live_grid, resolver_of

if TYPE_CHECKING:
    from carbonspan.collector import Request
    from carbonspan.core._options import Settings

HOURS_BACK, HOURS_AHEAD = 6, STALE_HOURS + 1
"""Hours of live zones that the tables hold around the present one: late spans find their own, and where no new tables
come, the last known hour is used (as stale) for as long as the processor would use it."""


class Made(NamedTuple):
    """A configuration."""

    content: str
    problems: list[str]  # of live sources


class Maker:
    """Makes configurations under one set of settings, and keeps live sources open in between."""

    def __init__(self, settings: Settings, request: Request) -> None:
        """Check the request.

        Raises:
            ValueError: a region is unknown, or live hours are wanted and no region is named; the message says what is
                allowed.
        """
        site.load()
        bundled.load()
        self._settings, self._request = settings, request
        self._regions = _covered(request.covered)
        if settings.energy != "carbonspan":
            raise ValueError("option 'energy' is not 'carbonspan'; allowed: only that one in the Collector")
        wanted = request.part != PIPELINES and settings.grid != (BUNDLED,)
        if wanted and not request.covered:
            raise ValueError(
                "live sources deliver the hours of named regions; allowed: --cover REGION, once or more, such as "
                "--cover aws:eu-west-1, or --grid bundled"
            )
        self._live = live_grid(settings) if wanted else None

    def make(self, now_s: float | None = None) -> Made:
        """Return the configuration of this hour, and what is wrong with live sources.

        Args:
            now_s: Seconds since 1970; by default the clock's.
        """
        settings, request = self._settings, self._request
        if request.part == PIPELINES:
            return Made(_text(pipelines.configuration(settings, request.statements_file)), [])
        problems = self._fetch()
        resolver = resolver_of(settings, self._live)
        hour = int((time.time() if now_s is None else now_s) * 1e9) // NS_PER_HOUR
        hours = range(hour - HOURS_BACK, hour + HOURS_AHEAD + 1) if self._live else range(0)
        known = models.models(settings, request.models)
        lines = pipelines.groups(
            statements.groups(settings, known, places.places(settings, resolver, self._regions, hours))
        )
        if request.part == WHOLE:
            lines = pipelines.configuration(settings, lines)
        return Made(_text(lines), problems)

    def _fetch(self) -> list[str]:
        if self._live is None:
            return []
        report = self._live.prefetch(self._request.covered, self._request.timeout_s)
        problems = list(report.problems())
        if not report.complete:
            problems.append(
                f"not all sources answered within {self._request.timeout_s:g} s: try a larger --timeout, or later"
            )
        return problems

    def close(self) -> None:
        """Stop fetching from live sources."""
        if self._live is not None:
            self._live.close()


_ABOUT = "# Made by `carbonspan collector-config`: docs/how-to/collector-enrichment.md."


def _text(lines: list[str]) -> str:
    return "\n".join([_ABOUT, *lines]).rstrip() + "\n"


def _covered(names: tuple[str, ...]) -> list[str]:
    if not names:
        return list(cloud_regions())
    regions = {name: site.parse_region(name).region for name in names}
    for name, region in regions.items():
        if region not in cloud_regions():
            raise ValueError(f"--cover {name!r}; allowed: a cloud region, such as aws:eu-west-1 (`carbonspan regions`)")
    return list(regions.values())
