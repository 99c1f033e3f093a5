# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The coefficient registry: which entry a model's name stands for, and how many joules a token of it takes.

Bundled entries are rows of `data/energy/coefficients.csv`: the first whose pattern occurs in the normalised name wins.
Entries are never removed, so that a span of an old model keeps its figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from carbonspan.core._tables import rows
from carbonspan.core.values import Range
from carbonspan.energy import _custom as custom, _law as law
from carbonspan.energy._coefficients import Coefficients
from carbonspan.energy._names import MAX_NAME, LazyPattern, normalise, stated_class, stated_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EMBEDDING: Final = "embedding"
UNKNOWN_CLASS, EMBEDDING_CLASS = "class:frontier", "class:embedding"
"""What an unknown model is taken for where its name states nothing."""

_CACHE_SIZE = 2048
"""Names kept. An application uses some tens of models; programs that name a model per request must not fill memory."""

# An encoder's entry stands for sizes within this factor of its own.
_SAME_SIZE = 1.5


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: server-level coefficients, and the evidence for them."""

    id: str
    tier: str
    evidence: str  # A measured by the user, B measured open weights, C sibling or law, D size prior, E class default
    coefficients: Coefficients
    source: str
    year: str
    url: str
    notes: str
    known: bool = True  # False where it stands in for a model the registry does not know


@dataclass(frozen=True, slots=True)
class _Bundle:
    patterns: tuple[tuple[LazyPattern, Entry], ...]
    classes: dict[str, Entry]


@cache
def _sources() -> dict[str, dict[str, str]]:
    return {row["source"]: row for row in rows("energy/sources.csv")}


def _entry(
    entry_id: str, coefficients: Coefficients, *, tier: str, evidence: str, source: str, notes: str, known: bool = True
) -> Entry:
    origin = _sources()[source]
    return Entry(
        id=entry_id,
        tier=tier,
        evidence=evidence,
        coefficients=coefficients,
        source=origin["title"],
        year=origin["year"],
        url=origin["url"],
        notes=notes,
        known=known,
    )


def _resized(entry: Entry, normalised: str) -> Entry:
    """Return an encoder's entry at the size the name states, where that differs from the entry's own.

    Families of rerankers run from 0.03B to 9B under one word. The bounds include the family's central value too.
    """
    size = stated_size(normalised)
    family = entry.coefficients.j_per_input_token.central
    if size is None or 1 / _SAME_SIZE <= law.ENCODER_INPUT_J_PER_B * size.total_b / family <= _SAME_SIZE:
        return entry
    low, central, high = law.encoder(size.total_b).j_per_input_token
    fresh = Range(min(low, family), central, max(high, family))
    return replace(
        entry,
        id=f"{entry.id}:{size.total_b:.3g}b",
        evidence="C",
        coefficients=Coefficients.encoder(fresh),
        notes=f"the name states A={size.total_b:.3g}; of the family {entry.id}",
    )


@cache
def _bundle() -> _Bundle:
    patterns: list[tuple[LazyPattern, Entry]] = []
    classes: dict[str, Entry] = {}
    for row in rows("energy/coefficients.csv"):
        fresh = Range(*(float(row[f"j_per_input_token_{bound}"]) for bound in Range._fields))
        output = Range(*(float(row[f"j_per_output_token_{bound}"]) for bound in Range._fields))
        tier, evidence = row["tier"], row["evidence"]
        if tier == EMBEDDING:
            coefficients = Coefficients.encoder(fresh)
        else:
            coefficients = law.widened(Coefficients.generator(output, fresh), evidence, tier)
        entry = _entry(
            row["id"],
            coefficients,
            tier=tier,
            evidence=evidence,
            source=row["source"],
            notes=row["notes"],
            known=bool(row["pattern"]),
        )
        if not entry.known:
            classes[entry.id] = entry
        else:
            patterns.append((LazyPattern(row["pattern"]), entry))
    return _Bundle(tuple(patterns), classes)


class Registry:
    """Resolves model names to entries. Immutable but for its bounded cache; safe to share between threads."""

    def __init__(self, models: Iterable[custom.CustomModel] = ()) -> None:
        self._bundle = _bundle()
        self._custom = tuple((model, self._registered(model)) for model in models)
        self._cached = lru_cache(maxsize=_CACHE_SIZE)(self._find)
        self.resolve("")  # reads the remaining tables now, so that no span has to wait for a file

    def with_models(self, models: Mapping[str, Mapping[str, float]]) -> Registry:
        """Return a registry that also knows these models; they win over bundled ones, later calls over earlier.

        A key is a name, or a glob over names (`my-llama-*`), in upper or lower case; it is compared with the name as
        given and as normalised, and the first key that matches wins. A value gives either sizes (`active_b`, `total_b`
        in billions, optionally `concurrency`) or joules per token measured at the server (`j_per_output_token`,
        `j_per_input_token`, optionally `j_per_cached_token` and `uncertainty`, a fraction: 0.3 puts the bounds at
        1/1.3 and 1.3 of the value; 0.374 where none is given).

        Raises:
            ValueError: A value is not allowed; the message names the option, the value and what is allowed.
        """
        added = [custom.read(key, spec) for key, spec in models.items()]
        return Registry([*added, *(model for model, _ in self._custom)])

    def resolve(self, name: str, *, embedding: bool = False) -> Entry:
        """Return the entry for a model's name, whatever the name: an unknown one gets its class, with `known` False.

        Args:
            name: The model as the span names it.
            embedding: Whether the operation only encodes; it decides what an unknown model is taken for.
        """
        return self._cached(name if len(name) <= MAX_NAME else name[:MAX_NAME], embedding)

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry: the user's, the bundled ones in the order they are tried, and the class defaults."""
        return (
            *(entry for _, entry in self._custom),
            *(entry for _, entry in self._bundle.patterns),
            *self._bundle.classes.values(),
        )

    def _find(self, name: str, embedding: bool) -> Entry:  # noqa: FBT001 - by position: a key of the cache
        normalised = normalise(name)
        raw = name.lower()
        for model, entry in self._custom:
            if model.matches(raw, normalised):
                return entry
        for pattern, entry in self._bundle.patterns:
            if pattern.occurs_in(normalised):
                return _resized(entry, normalised) if entry.tier == EMBEDDING else entry
        return self._stand_in(normalised, embedding=embedding)

    def _stand_in(self, normalised: str, *, embedding: bool) -> Entry:
        """Return what an unknown model is taken for: the law at the size its name states, else a class."""
        word = stated_class(normalised)
        embedding = embedding or word == EMBEDDING_CLASS
        size = stated_size(normalised)
        if size is None:
            return self._bundle.classes[EMBEDDING_CLASS if embedding else word or UNKNOWN_CLASS]
        dense = size.active_b == size.total_b
        stated = f"{size.total_b:.3g}b" if dense else f"{size.total_b:.3g}b-a{size.active_b:.3g}b"
        notes = f"the name states A={size.active_b:.3g} T={size.total_b:.3g}"
        if embedding:
            tier, source, coefficients = EMBEDDING, "prefill-law", law.encoder(size.total_b)
        else:
            tier, source = law.tier(*size), "name-law"
            # The reach of grade C: weights with a size in their name are open, who serves them is not known.
            coefficients = law.widened(law.open_weights(*size), "C", tier)
        return _entry(f"size:{stated}", coefficients, tier=tier, evidence="E", source=source, notes=notes, known=False)

    def _registered(self, model: custom.CustomModel) -> Entry:
        tier = model.tier or self._nearest_tier(model.coefficients)
        coefficients = model.coefficients
        if not model.serving_known:
            coefficients = law.widened(coefficients, model.evidence, tier)
        return _entry(model.key, coefficients, tier=tier, evidence=model.evidence, source="user", notes=model.notes)

    def _nearest_tier(self, coefficients: Coefficients) -> str:
        output_j = coefficients.j_per_output_token.central
        if output_j <= 0.0:
            return EMBEDDING

        def distance(entry: Entry) -> float:
            return abs(math.log(output_j / entry.coefficients.j_per_output_token.central))

        sized = (entry for entry in self._bundle.classes.values() if entry.tier not in {EMBEDDING, "reasoning"})
        return min(sized, key=distance).tier


@cache
def default_registry() -> Registry:
    """Return the registry of the bundled entries, built once."""
    return Registry()
