# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What spans of one kind share, worked out once: for each then only its counts are read and multiplied.

A lane is a scope and a set of attribute names; a kind in it is a combination of the texts that decide model, place and
energy, in one hour. Nothing is decided here: a kind is what the long way found, and whatever is not plain (a count of
another type, a span over two hours, a changed grid) goes the long way again.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.estimate.footprint import footprint
from carbonspan.usage import counts_of, memorable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from carbonspan.energy._tokens import Charge
    from carbonspan.estimate.footprint import Footprint, Shared
    from carbonspan.grid._store import HourStore
    from carbonspan.usage import Case, Shape

# Lanes, and kinds in each: programs that name an attribute or a model per request must not grow them. An application
# has some tens of lanes with a few kinds; whoever has more starts over now and then.
MAX_LANES = 256
MAX_KINDS = 64


class Kind(NamedTuple):
    """What spans share whose names, texts, hour and resource are the same."""

    case: Case
    hour: int
    version: int  # of the grid's values
    resource: Mapping[str, Any]
    outcome: str
    shared: Shared
    charge: Charge
    tells_cost: bool  # whether a span of this kind has an attribute that may say what it cost


class _Lane(NamedTuple):
    shape: Shape
    identity: Callable[[Mapping[str, Any]], Any]
    kinds: dict[Any, Kind]


class Lanes:
    """The lanes of one road. Bounded; safe between threads, since entries are only ever replaced whole."""

    def __init__(self, store: HourStore) -> None:
        self._store = store
        self._lanes: dict[tuple[str, ...], _Lane] = {}

    def find(
        self, attributes: Mapping[str, Any], scope: str, start_ns: int, end_ns: int, resource: Mapping[str, Any]
    ) -> tuple[Kind, Footprint] | None:
        """Return the kind of a span, if it was met before, and its footprint; `None` where it takes the long way."""
        lane = self._lanes.get((scope, *attributes))
        if lane is None:
            return None
        shape, identity, kinds = lane
        try:
            kind = kinds[identity(attributes)]
        except (KeyError, TypeError):  # not met before, or a list where a text should be
            return None
        case, hour, version, known_resource, _, shared, charge, _ = kind
        if (
            start_ns // NS_PER_HOUR != hour
            or (end_ns > start_ns and (end_ns - 1) // NS_PER_HOUR != hour)
            or version != self._store.version
            or (resource is not known_resource and resource != known_resource)
        ):
            return None
        found = counts_of(attributes, shape, case)
        if found is None:
            return None
        counts, response_id = found
        tokens_in, tokens_out, cached, written, _, problem = counts
        if problem or tokens_in is None or tokens_out is None:
            return None
        return kind, footprint(shared, counts, response_id, charge.joules(tokens_in, tokens_out, cached, written))

    def remember(
        self, attributes: Mapping[str, Any], scope: str, shape: Shape, telling: Iterable[str], kind: Kind
    ) -> None:
        """Keep what the long way found; `telling` are the names of attributes that may tell the place."""
        key = (scope, *attributes)
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                self._lanes = {}  # new ones: another thread may be reading the old
            names = dict.fromkeys((*shape.deciding, *(name for name in telling if name in attributes)))
            lane = self._lanes[key] = _Lane(shape, itemgetter(*names), {})
        identity = lane.identity(attributes)
        if memorable(identity):
            if len(lane.kinds) >= MAX_KINDS:
                lane.kinds.clear()
            lane.kinds[identity] = kind
