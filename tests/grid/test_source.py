# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a source of your own has to offer, and the errors it may raise."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from carbonspan import grid
from carbonspan.grid import Basis, Capabilities, GridError, GridSource, HourValue, Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class Own:
    name = "own"

    def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
        return [HourValue(zone, start, 50.0, basis, Quality.MEASURED, "consumption", self.name, end)]

    def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
        return self.history(zone, NOON, NOON, basis)[:0]

    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset({"GB"}), frozenset({Basis.DIRECT}))

    def serves(self, zone: str, basis: Basis) -> bool:
        return zone == "GB" and basis is Basis.DIRECT

    def close(self) -> None: ...


def test_whatever_has_the_methods_is_a_source() -> None:
    assert isinstance(Own(), GridSource)
    assert not isinstance(object(), GridSource)
    assert Own().capabilities().forecast_hours == 0


def test_an_hour_cannot_be_changed() -> None:
    (value,) = Own().history("GB", NOON, NOON, Basis.DIRECT)
    with pytest.raises(AttributeError):
        value.intensity_g_per_kwh = 0.0  # type: ignore[misc]  # that it is frozen is what is tested


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (grid.GridError, "error"),
        (grid.Unauthorised, "unauthorised"),
        (grid.NotCovered, "not_covered"),
        (grid.RateLimited, "rate_limited"),
        (grid.Unavailable, "unavailable"),
        (grid.BadAnswer, "bad_answer"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(error: type[GridError], outcome: str) -> None:
    with pytest.raises(GridError, match="no answer") as caught:
        raise error("no answer", "ask later")
    assert (caught.value.outcome, caught.value.hint) == (outcome, "ask later")
    assert error("no answer").hint == ""


@pytest.mark.parametrize("error", [grid.RateLimited, grid.Unavailable])
def test_a_source_may_say_how_long_to_wait(error: type[grid.RateLimited | grid.Unavailable]) -> None:
    assert error("busy", retry_after_s=60.0).retry_after_s == 60.0
    assert error("busy").retry_after_s is None
