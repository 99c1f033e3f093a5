# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the labels of metrics few: a backend pays for each combination of values, and spans hold any text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.core._text import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_VALUES = 100
"""Distinct values of one label; later ones become `OTHER`."""
MAX_SERIES = 2000
"""Combinations: the limit that the specification sets for an instrument
(OpenTelemetry, "Metrics SDK", cardinality limits, https://opentelemetry.io/docs/specs/otel/metrics/sdk/)."""
OTHER = "other"

Series = dict[str, str]


class Labels:
    """Gives every combination of values one dictionary, and stops counting where there are too many."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._values: tuple[set[str], ...] = tuple(set() for _ in self._names)
        self._series: dict[tuple[str, ...], Series] = {}

    def series(self, values: Sequence[object]) -> Series:
        """Return the labels of these values, the same object each time. What is no text, number or truth is left out.

        A label beyond its values, or a combination beyond `MAX_SERIES`, is `OTHER`.
        """
        texts = tuple(map(self._bounded, self._values, values))
        found = self._series.get(texts)
        if found is None:
            if len(self._series) >= MAX_SERIES:
                texts = tuple(OTHER if text else "" for text in texts)
            found = self._series.setdefault(
                texts, {name: text for name, text in zip(self._names, texts, strict=True) if text}
            )
        return found

    @staticmethod
    def _bounded(known: set[str], value: object) -> str:
        text = as_text(value)
        if text in known or not text:
            return text
        if len(known) < MAX_VALUES:
            known.add(text)
            return text
        return OTHER
