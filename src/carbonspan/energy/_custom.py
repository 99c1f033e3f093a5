# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The option `models`: a user's own models, by size or by their own measurement."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fnmatch import translate
from typing import NamedTuple

from carbonspan.core.values import Range
from carbonspan.energy import _law as law
from carbonspan.energy._coefficients import Coefficients

# Metering 10 %, host share 15-20 %, split between prefill and decoding 20-30 %: the upper ends in quadrature, 0.374.
# From the counter's documentation and the spread of published host shares (1.21-2.0 against 1.43); NVIDIA DCGM,
# field DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, 2025, https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/
MEASURED_UNCERTAINTY = math.sqrt(0.10**2 + 0.20**2 + 0.30**2)
_MAX_UNCERTAINTY = 100.0
_MAX_VALUE = 1e6

_SIZED = ("active_b", "total_b", "concurrency")
_MEASURED = ("j_per_output_token", "j_per_input_token", "j_per_cached_token", "uncertainty")
_ALLOWED = (
    "either active_b, total_b and optionally concurrency, "
    "or j_per_output_token, j_per_input_token and optionally j_per_cached_token and uncertainty"
)


class CustomModel(NamedTuple):
    """One registered name or glob, ready to match."""

    key: str
    glob: re.Pattern[str]
    coefficients: Coefficients
    evidence: str
    tier: str  # "" where no size is given
    serving_known: bool
    notes: str

    def matches(self, raw: str, normalised: str) -> bool:
        """Return whether the name is meant: in lower case as given, without its path, or normalised."""
        return any(self.glob.match(name) for name in (raw, raw.rpartition("/")[2], normalised))


def read(key: object, spec: object) -> CustomModel:
    """Return one entry of the `models` option, checked.

    Raises:
        ValueError: The message names the option, the model, the value and what is allowed.
    """
    if not isinstance(key, str) or not key.strip():
        raise ValueError(f"models: a model's name or glob must be a string that is not empty, not {key!r}")
    if not isinstance(spec, Mapping) or not spec:
        raise ValueError(f"models: {key!r} must be a mapping with {_ALLOWED}; not {spec!r}")
    glob = re.compile(translate(key.strip().lower()))
    if set(spec) <= set(_SIZED):
        sizes = {name: _number(key, spec, name, above_zero=True) for name in _SIZED[:2]}
        if sizes["active_b"] > sizes["total_b"]:
            raise ValueError(
                f"models: {key!r}: active_b must not exceed total_b, but {sizes['active_b']!r} > {sizes['total_b']!r}"
            )
        concurrency = (
            _number(key, spec, "concurrency", above_zero=True) if "concurrency" in spec else law.REFERENCE_CONCURRENCY
        )
        notes = ", ".join(f"{name}={value!r}" for name, value in spec.items())
        coefficients = law.open_weights(sizes["active_b"], sizes["total_b"], concurrency=concurrency)
        tier = law.tier(sizes["active_b"], sizes["total_b"])
        return CustomModel(key, glob, coefficients, "C", tier, "concurrency" in spec, f"by size: {notes}")
    if set(spec) <= set(_MEASURED):
        coefficients, notes = _measured(key, spec)
        return CustomModel(key, glob, coefficients, "A", "", True, notes)  # noqa: FBT003 - a row, read by name
    raise ValueError(f"models: {key!r} has {sorted(map(str, spec))}; allowed: {_ALLOWED}")


def _measured(key: str, spec: Mapping[object, object]) -> tuple[Coefficients, str]:
    output = _number(key, spec, "j_per_output_token")
    fresh = _number(key, spec, "j_per_input_token")
    if output == fresh == 0.0:
        raise ValueError(f"models: {key!r}: j_per_output_token and j_per_input_token must not both be 0")
    uncertainty = (
        _number(key, spec, "uncertainty", maximum=_MAX_UNCERTAINTY) if "uncertainty" in spec else MEASURED_UNCERTAINTY
    )
    factor = 1.0 + uncertainty
    coefficients = Coefficients.generator(Range.around(output, factor, factor), Range.around(fresh, factor, factor))
    if "j_per_cached_token" in spec:
        cached = _number(key, spec, "j_per_cached_token", maximum=fresh)
        coefficients = coefficients._replace(j_per_cached_token=Range.around(cached, factor, factor))
    return coefficients, f"measured by the user, bounds x/÷ {factor:.3g}"


def _number(
    key: str, spec: Mapping[object, object], name: str, *, above_zero: bool = False, maximum: float = _MAX_VALUE
) -> float:
    allowed = f"a number {'above 0' if above_zero else 'of 0 or more'}, at most {maximum:g}"
    if name not in spec:
        raise ValueError(f"models: {key!r} lacks {name}, {allowed}; allowed: {_ALLOWED}")
    value = spec[name]
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value <= maximum
        or (above_zero and not value)
    ):
        raise ValueError(f"models: {key!r}: {name} must be {allowed}; not {value!r}")
    return float(value)
