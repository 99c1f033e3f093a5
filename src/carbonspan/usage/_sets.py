# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The sets of counts that a span has, under whatever names, and the one reading that they amount to.

A dialect's own names come first, then the open families, then objects as text, then events. One set is read; others
only add what it lacks, where they do not contradict it: nothing is counted under two names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._outcome import Outcome
from carbonspan.usage import _buckets as buckets, _embedded as embedded, _names as names
from carbonspan.usage._counts import NOTHING, Reading, consistent, count
from carbonspan.usage._providers import totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from carbonspan.core.values import Counts
    from carbonspan.usage._counts import Raw
    from carbonspan.usage._dialects import Dialect
    from carbonspan.usage._names import Names, Source, TokenSet

    Get = Callable[[str], object]

_NONE: Raw = (None, None, None, None, None, None)
_INPUT, _OUTPUT, _TOTAL = 0, 1, 5
_DETAILS = range(2, 6)


class Set(NamedTuple):
    """One set of counts as a span has it, and where it was."""

    raw: Raw
    source: Source

    @property
    def measures(self) -> bool:
        """Whether it has a side or a total, not only details."""
        return self.raw[_INPUT] is not None or self.raw[_OUTPUT] is not None or self.raw[_TOTAL] is not None


def sets_of(attributes: dict[str, Any], dialect: Dialect, events: Sequence[Any] = ()) -> list[Set]:
    """Return all sets of counts that a span has, in the order in which they are believed.

    Args:
        attributes: The span's.
        dialect: What it is read with.
        events: The events on it.
    """
    if withheld(attributes, dialect):
        return []
    found = [*_own(attributes, dialect), *_of_families(attributes), *_of_objects(attributes)]
    if events and not (found and whole(found[0].raw)):
        found += _of_events(events)
    return found


def withheld(attributes: Mapping[str, object], dialect: Dialect) -> bool:
    """Return whether the dialect says of such a span that its counts are those of others."""
    return all(source.when and not source.fits(attributes) for source in dialect.sources)


def counts_of(
    sets: Sequence[Set], provider: str, model: str, *, encodes: bool, output_optional: bool
) -> tuple[Counts, int | None]:
    """Return what the sets of a span amount to, and its total where that is all that is known.

    The first set without a problem is read; where there is none, all of them taken together if that helps, else the
    one that says most: what is wrong with one set does not hide another, and a part does not hide the whole.

    Args:
        sets: As `sets_of` has them.
        provider: Who answers, in OpenTelemetry's spelling.
        model: The model's name; may be empty.
        encodes: Whether what the operation consumes is its input.
        output_optional: Whether the operation has no output to report.
    """
    found: list[tuple[Counts, int | None]] = []
    measuring = [one for one in sets if one.measures]
    for one in measuring:
        reading = one.source.reading(provider, model)
        counts = consistent(one.raw, reading, output_optional)
        if not counts[-1]:
            raw = one.raw if len(sets) == 1 else _filled(one.raw, sets)
            return (counts if raw is one.raw else consistent(raw, reading, output_optional)), None
        found.append((counts, count(one.raw[_TOTAL])))
    if len(measuring) > 1:
        together = _merged(one.raw for one in sets)
        reading = Reading(None, None, *totals(provider, model))
        found.append((consistent(together, reading, output_optional), count(together[_TOTAL])))
    counts, total = max(found, key=_completeness)
    if counts[0] is None and encodes:
        counts = NOTHING
    has_total_only = counts[-1] == Outcome.PARTIAL_USAGE and counts[0] is None and counts[1] is None
    return counts, total if has_total_only else None


def _completeness(found: tuple[Counts, int | None]) -> int:
    """Return how much counts say: more for the whole than for one side, and for that than for only the total."""
    tokens_in, tokens_out, *_, problem = found[0]
    if problem == Outcome.PARTIAL_USAGE:
        return 1 if tokens_in is tokens_out is None else 2
    return 0 if problem else 3


def whole(raw: Raw) -> bool:
    """Return whether a set has both sides and every detail."""
    return all(count(value) is not None for value in raw[:5])


def first_count(get: Get, spelled: Names) -> object:
    """Return the first count above zero; else the first that is a count; else the first that is present, or None.

    Zero comes after: instrumentations write it where they do not know.
    """
    present: object = None
    best: int | None = None
    for name in spelled:
        value = get(name)
        if value is not None:
            found = count(value)
            if found:
                return value
            if (best is None and found is not None) or present is None:
                present, best = value, found
    return present


def _set(get: Get, tokens: TokenSet) -> Raw:
    """Return one set of counts by the names of its fields."""
    if tokens.requires and all(get(name) is None for name in tokens.requires):
        return _NONE
    return tuple(first_count(get, spelled) for spelled in tokens[:6])  # type: ignore[return-value]


def _own(attributes: dict[str, Any], dialect: Dialect) -> Iterator[Set]:
    get = attributes.get
    parsed = ""  # the attribute that `found` was parsed from: several sets of names may share one
    found: dict[str, object] | None = None
    for source in dialect.sources:
        if source.when and not source.fits(attributes):
            continue
        raw = _NONE
        if not source.attribute:
            raw = _set(get, source.tokens)
        else:
            if source.attribute != parsed:
                parsed, found = source.attribute, embedded.at(get, source.attribute)
            if found is not None:
                raw = _in_object(found, source)
        one = Set(raw, source)
        if one.measures:
            yield one._replace(raw=_detailed(get, dialect.details, raw)) if dialect.details else one


def _in_object(found: dict[str, object], source: Source) -> Raw:
    if source.buckets:
        return buckets.added_up(found) or _NONE
    tokens = source.tokens if any(source.tokens) else names.by_quantity(found)
    return _set(found.get, tokens)


def _of_families(attributes: Mapping[str, Any]) -> Iterator[Set]:
    get = attributes.get
    for source, details in names.opened(names.open_names(attributes)):
        raw = _set(get, source.tokens)
        for name in details:
            inner = embedded.parse(get(name))
            if inner is not None:
                flat = {f"{name}.{key}": value for key, value in inner.items()}
                raw = _merged((raw, (None, None, *_set(flat.get, names.by_quantity(flat))[2:])))
        if raw != _NONE:
            yield Set(raw, source)


def _of_objects(attributes: Mapping[str, Any]) -> Iterator[Set]:
    for source in names.objects(attributes):
        found = embedded.parse(attributes[source.attribute])
        if found is not None:
            raw = _in_object(found, source)
            if raw != _NONE:
                yield Set(raw, source)


def _of_events(events: Sequence[Any]) -> Iterator[Set]:
    """Yield the sets of the events that are known to carry usage: the last comes first, for it has the last word."""
    for event in reversed(events):
        attributes = event.attributes
        if not attributes:
            continue
        if event.name in names.EVENTS:
            there = dict(attributes)
            yield from (one for one in (*_of_families(there), *_of_objects(there)) if one.measures)
        elif event.name in names.BARE_EVENTS:
            there = dict(attributes)
            raw = _set(there.get, names.by_quantity(there))
            if raw != _NONE:
                yield Set(raw, names.BARE)


def _detailed(get: Get, details: Sequence[Source], raw: Raw) -> Raw:
    """Return the counts with missing details filled from the objects the dialect keeps them in."""
    for source in details:
        if all(count(raw[at]) is not None for at in (2, 3, 4)):
            break
        found = embedded.parse(get(source.attribute))
        if found is not None:
            raw = _merged((raw, (None, None, *_set(found.get, source.tokens)[2:5], None)))
    return raw


def _merged(raws: Iterable[Raw]) -> Raw:
    """Return one set with the first count there is for each field."""
    there = list(raws)
    return tuple(  # type: ignore[return-value]
        next((raw[at] for raw in there if count(raw[at]) is not None), there[0][at]) for at in range(6)
    )


def _filled(raw: Raw, sets: Iterable[Set]) -> Raw:
    """Return a set with details and total that it lacks, from others that do not contradict its sides."""
    lacking = [at for at in _DETAILS if count(raw[at]) is None]
    if not lacking:
        return raw
    # Most others have none of it: looking costs less than comparing.
    others = [other.raw for other in sets if other.raw is not raw and any(other.raw[at] is not None for at in lacking)]
    agreeing = [other for other in others if _agree(raw, other)]
    return _merged((raw, *((None, None, *other[2:]) for other in agreeing))) if agreeing else raw


def _agree(raw: Raw, other: Raw) -> bool:
    """Return whether the sides of another set are those of this one; one that it lacks is what its total leaves."""
    sides = [count(raw[side]) for side in (_INPUT, _OUTPUT)]
    total = count(raw[_TOTAL])
    for side in (_INPUT, _OUTPUT):
        left, theirs = sides[1 - side], count(other[side])
        own = sides[side] if sides[side] is not None or total is None or left is None else total - left
        if theirs is not None and theirs != own:
            return False
    return True
