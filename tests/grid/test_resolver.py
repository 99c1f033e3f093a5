# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The ladder: which value a span gets, in which basis, and how wide."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core.values import Basis, Intensity, Place, Quality, Range
from carbonspan.grid import Capabilities, GridSource, HourValue, _spread as spread
from carbonspan.grid._resolver import _CACHE_SIZE, Resolver
from carbonspan.grid._store import HourStore

if TYPE_CHECKING:
    from collections.abc import Sequence

LONDON = Place("aws", "eu-west-2", "host", "GB", "GBR", "EUROPE")
DUBLIN = Place("aws", "eu-west-1", "host", "IE", "IRL", "EU")
OREGON = Place("aws", "us-west-2", "host", "US-NW-BPAT", "USA", "US")
VIRGINIA = Place("aws", "us-east-1", "host", "US-MIDA-PJM", "USA", "US")
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
SECOND = 10**9
HOUR = 3600 * SECOND
NOON_NS = int(NOON.timestamp()) * SECOND
ONE_SECOND = (NOON_NS + 60 * SECOND, NOON_NS + 61 * SECOND)
LIFE_CYCLE, DIRECT, MARGINAL = Basis.LIFE_CYCLE, Basis.DIRECT, Basis.MARGINAL


def hour(
    number: float, hours: int = 0, *, quality: Quality = Quality.MEASURED, basis: Basis = LIFE_CYCLE, **other: Any
) -> HourValue:
    fields: dict[str, Any] = {"zone": "GB", "source": "live", "accounting": "consumption", "fetched_at": NOON} | other
    return HourValue(
        hour=NOON + timedelta(hours=hours), intensity_g_per_kwh=number, basis=basis, quality=quality, **fields
    )


def resolver(*values: HourValue, **settings: Any) -> Resolver:
    store = HourStore()
    store.put(values)
    return Resolver(store, **settings)


def found(resolved: Intensity | None) -> tuple[float, str, Quality, Basis]:
    assert resolved is not None
    return resolved.intensity_g_per_kwh.central, resolved.source, resolved.quality, resolved.basis


def test_without_a_live_source_the_tables_answer() -> None:
    intensity = Resolver().at(LONDON, *ONE_SECOND)
    assert intensity is not None
    # the percentiles of real hours in 2024, 71 and 298 around a mean of 162.7, on the mean of 2025
    assert intensity.intensity_g_per_kwh == pytest.approx((176 * 71 / 162.7, 176, 176 * 298 / 162.7))
    assert intensity == Intensity(
        intensity.intensity_g_per_kwh,
        "GB",
        NOON,
        "electricity_maps_yearly",
        LIFE_CYCLE,
        Quality.ANNUAL,
        "consumption",
        "2025",
    )


def test_the_ladder_rung_by_rung() -> None:
    rungs = [
        (hour(1, -2), ("live", Quality.STALE)),
        (hour(2, quality=Quality.FORECAST), ("live", Quality.FORECAST)),
        (hour(3, quality=Quality.ESTIMATED), ("live", Quality.ESTIMATED)),
        (hour(4), ("live", Quality.MEASURED)),
    ]
    store = HourStore()
    climbing = Resolver(store)
    assert found(climbing.at(LONDON, *ONE_SECOND))[1:3] == ("electricity_maps_yearly", Quality.ANNUAL)
    for number, (value, expected) in enumerate(rungs, start=1):
        store.put([value])  # nothing but the store changes
        central, *where = found(climbing.at(LONDON, *ONE_SECOND))
        assert (central, tuple(where[:2])) == (number, expected)


@pytest.mark.parametrize(
    ("place", "source", "quality"),
    [
        (VIRGINIA, "eia930_profile", Quality.PROFILE),
        (DUBLIN, "electricity_maps_yearly", Quality.ANNUAL),
        (Place("aws", "JPN", "model_prefix", "", "JPN", "APAC"), "owid_ember", Quality.ANNUAL),
        (Place("aws", "EU", "model_prefix", "", "", "EU"), "mix:EU", Quality.MIX),
        (Place("openai", "US", "provider_default", "", "USA", "US"), "mix:US", Quality.MIX),
        (Place("aws", "eu-west-9", "span_region", "", "", "EUROPE"), "mix:EUROPE", Quality.MIX),
        (Place("", "WORLD", "unknown", "", "", "WORLD"), "mix:WORLD", Quality.MIX),
        (Place("", "x", "unknown", "NO-SUCH-ZONE"), "mix:WORLD", Quality.MIX),
        (Place("", "", ""), "mix:WORLD", Quality.MIX),
    ],
)
def test_rungs_of_the_tables(place: Place, source: str, quality: Quality) -> None:
    assert found(Resolver().at(place, *ONE_SECOND))[1:] == (source, quality, LIFE_CYCLE)


def test_a_live_source_slots_in_fails_and_recovers() -> None:
    class Recorded:
        name = "live"

        def history(self, zone: str, start: datetime, end: datetime, basis: Basis) -> Sequence[HourValue]:
            hours = range((end - start) // timedelta(hours=1))
            return [hour(50 + n, n - 24, zone=zone, basis=basis) for n in hours]

        def forecast(self, zone: str, basis: Basis) -> Sequence[HourValue]:
            return [hour(200 + n, n, zone=zone, basis=basis, quality=Quality.FORECAST) for n in range(3)]

        def capabilities(self) -> Capabilities:
            return Capabilities(frozenset({"GB"}), frozenset({LIFE_CYCLE}), forecast_hours=3)

        def serves(self, zone: str, basis: Basis) -> bool:
            return zone == "GB" and basis is LIFE_CYCLE

        def close(self) -> None: ...

    source = Recorded()
    assert isinstance(source, GridSource)
    store = HourStore()
    live = Resolver(store)
    assert found(live.at(LONDON, *ONE_SECOND))[2] is Quality.ANNUAL
    store.put(source.history("GB", NOON - timedelta(hours=24), NOON, LIFE_CYCLE))
    store.put(source.forecast("GB", LIFE_CYCLE))
    assert found(live.at(LONDON, *ONE_SECOND)) == (200, "live", Quality.FORECAST, LIFE_CYCLE)
    # the source is down: six hours on the last known one, then the table
    down = [live.at(LONDON, NOON_NS + n * HOUR, NOON_NS + n * HOUR + 1) for n in range(3, 10)]
    assert [found(value)[0] for value in down] == [202] * 6 + [176]
    assert [found(value)[2] for value in down] == [Quality.STALE] * 6 + [Quality.ANNUAL]
    # and back
    store.put([hour(80, 9)])
    later = NOON_NS + 9 * HOUR
    assert found(live.at(LONDON, later, later + 1)) == (80, "live", Quality.MEASURED, LIFE_CYCLE)
    # other zones never noticed
    assert found(live.at(DUBLIN, *ONE_SECOND))[1] == "electricity_maps_yearly"


def test_zero_is_a_value_and_not_a_gap() -> None:
    intensity = resolver(hour(0)).at(LONDON, *ONE_SECOND)
    assert intensity is not None
    assert intensity.intensity_g_per_kwh == Range(0.0, 0.0, 0.0)
    assert intensity.quality is Quality.MEASURED


def test_bounds_of_live_hours() -> None:
    measured = resolver(hour(100)).at(LONDON, *ONE_SECOND)
    forecast = resolver(hour(100, quality=Quality.FORECAST)).at(LONDON, *ONE_SECOND)
    stale = resolver(hour(100, -3)).at(LONDON, *ONE_SECOND)
    assert measured is not None
    assert forecast is not None
    assert stale is not None
    assert measured.intensity_g_per_kwh == pytest.approx((89, 100, 107.6))
    assert forecast.intensity_g_per_kwh == pytest.approx((100 / 1.26, 100, 126))
    assert stale.intensity_g_per_kwh == pytest.approx((86.3, 100, 114.8))
    assert stale.year == "2026"
    # a direct hour swings more: 1.148 and 0.863 with 162.7 / 105.94
    direct = resolver(hour(100, -3, basis=DIRECT)).at(LONDON, *ONE_SECOND)
    assert direct is not None
    assert direct.intensity_g_per_kwh == pytest.approx((78.96, 100, 122.73), abs=0.01)
    edition = resolver(hour(100, vintage="2026-02")).at(LONDON, *ONE_SECOND)
    assert edition is not None
    assert edition.year == "2026-02"


def test_the_first_source_named_goes_first_among_equals() -> None:
    values = [hour(1, source="a"), hour(2, source="b"), hour(3, source="c", quality=Quality.FORECAST)]
    assert found(resolver(*values).at(LONDON, *ONE_SECOND))[0] == 1  # in the order they came
    assert found(resolver(*values, sources=("b", "a")).at(LONDON, *ONE_SECOND))[0] == 2
    assert found(resolver(*values, sources=("c", "a")).at(LONDON, *ONE_SECOND))[0] == 1  # measured before forecast
    assert found(resolver(*values, sources=("c",)).at(LONDON, *ONE_SECOND))[0] == 3
    assert found(resolver(*values, sources=()).at(LONDON, *ONE_SECOND))[0] == 176


def test_how_long_a_stale_hour_is_good_for_is_a_setting() -> None:
    old = hour(100, -2)
    assert found(resolver(old, stale_hours=2).at(LONDON, *ONE_SECOND))[0] == 100
    assert found(resolver(old, stale_hours=1).at(LONDON, *ONE_SECOND))[0] == 176
    assert found(resolver(hour(100, 1), stale_hours=6).at(LONDON, *ONE_SECOND))[0] == 176  # never from the future


def test_hours_are_weighted_by_the_time_in_each() -> None:
    # 15 minutes at 100, an hour at 200, 45 minutes at 400: (25 + 200 + 300) / 2
    weighing = resolver(hour(100), hour(200, 1), hour(400, 2))
    intensity = weighing.at(LONDON, NOON_NS + HOUR * 3 // 4, NOON_NS + HOUR * 11 // 4)
    assert intensity is not None
    assert intensity.intensity_g_per_kwh == pytest.approx((262.5 * 0.89, 262.5, 262.5 * 1.076))
    assert intensity.hour == NOON


def test_the_worst_hour_gives_the_quality() -> None:
    mixed = resolver(hour(100), hour(200, 1, quality=Quality.FORECAST))
    central, _, quality, _ = found(mixed.at(LONDON, NOON_NS, NOON_NS + 2 * HOUR))
    assert (central, quality) == (150, Quality.FORECAST)
    with_a_gap = resolver(hour(100), stale_hours=0)
    central, source, quality, _ = found(with_a_gap.at(LONDON, NOON_NS, NOON_NS + 2 * HOUR))
    assert (central, source, quality) == ((100 + 176) / 2, "electricity_maps_yearly", Quality.ANNUAL)


def test_over_new_year() -> None:
    eve = int(datetime(2025, 12, 31, 23, 30, tzinfo=timezone.utc).timestamp()) * SECOND
    new_year = timedelta(hours=-(12 + 24 * 59))
    first = NOON + new_year
    assert first == datetime(2026, 1, 1, tzinfo=timezone.utc)
    both = resolver(
        hour(100, (first - NOON) // timedelta(hours=1) - 1), hour(300, (first - NOON) // timedelta(hours=1))
    )
    intensity = both.at(LONDON, eve, eve + HOUR)
    assert intensity is not None
    assert intensity.intensity_g_per_kwh.central == 200
    assert intensity.hour == datetime(2025, 12, 31, 23, tzinfo=timezone.utc)


def test_a_source_the_user_chose_is_used_in_the_basis_it_has() -> None:
    # the UK's is direct only
    uk = hour(54, basis=DIRECT, source="uk_neso")
    assert found(resolver(uk).at(LONDON, *ONE_SECOND)) == (54, "uk_neso", Quality.MEASURED, DIRECT)
    strict = resolver(uk, basis_strict=True)
    assert found(strict.at(LONDON, *ONE_SECOND)) == (176, "electricity_maps_yearly", Quality.ANNUAL, LIFE_CYCLE)
    # where both bases are live, the one wished for
    both = (uk, hour(99, quality=Quality.FORECAST))
    assert found(resolver(*both).at(LONDON, *ONE_SECOND)) == (99, "live", Quality.FORECAST, LIFE_CYCLE)
    assert found(resolver(*both, basis=DIRECT).at(LONDON, *ONE_SECOND))[0] == 54
    marginal = resolver(hour(700, basis=MARGINAL, source="wt"))
    assert found(marginal.at(LONDON, *ONE_SECOND)) == (700, "wt", Quality.MEASURED, MARGINAL)


def test_bases_never_blend() -> None:
    # only the first of two hours is live, and direct: the second is Google's direct mean, not the life-cycle one
    uk = hour(54, basis=DIRECT, source="uk_neso")
    span = (NOON_NS, NOON_NS + 2 * HOUR)
    central, source, quality, basis = found(resolver(uk, stale_hours=0).at(LONDON, *span))
    assert central == pytest.approx((54 + 105.94) / 2)
    assert (source, quality, basis) == ("google_region_2024", Quality.ANNUAL, DIRECT)
    # no table is marginal: then the whole span falls back to the basis wished for
    marginal = resolver(hour(700, basis=MARGINAL), stale_hours=0)
    assert found(marginal.at(LONDON, *span)) == (176, "electricity_maps_yearly", Quality.ANNUAL, LIFE_CYCLE)
    # two hours live in two bases: the one wished for, and the table for the hour that is not live in it
    central, _, quality, basis = found(resolver(uk, hour(99, 1)).at(LONDON, *span))
    assert (quality, basis) == (Quality.ANNUAL, LIFE_CYCLE)
    assert central == (176 + 99) / 2


def test_a_basis_that_nobody_has() -> None:
    assert found(Resolver(basis=DIRECT).at(LONDON, *ONE_SECOND))[3] is DIRECT
    # Ireland has no direct value
    assert found(Resolver(basis=DIRECT).at(DUBLIN, *ONE_SECOND))[3] is LIFE_CYCLE
    strict = Resolver(basis=DIRECT, basis_strict=True)
    assert strict.at(DUBLIN, *ONE_SECOND) is None
    assert strict.at(DUBLIN, *ONE_SECOND) is None  # remembered as well
    assert strict.at(DUBLIN, NOON_NS, NOON_NS + 3 * HOUR) is None
    assert strict.at(LONDON, *ONE_SECOND) is not None
    assert Resolver(basis=MARGINAL, basis_strict=True).at(VIRGINIA, *ONE_SECOND) is None


def test_where_the_zone_is_in_doubt_the_bounds_take_in_the_other() -> None:
    direct = Resolver(basis=DIRECT).at(OREGON, *ONE_SECOND)
    narrow = Place("", "US-NW-BPAT", "setting", "US-NW-BPAT", "USA", "US")
    doubtful, certain = Resolver().at(OREGON, *ONE_SECOND), Resolver().at(narrow, *ONE_SECOND)
    assert doubtful is not None
    assert certain is not None
    assert doubtful.intensity_g_per_kwh.central == certain.intensity_g_per_kwh.central
    assert doubtful.intensity_g_per_kwh.high == max(204.0, certain.intensity_g_per_kwh.high)
    # PacifiCorp has no direct value: nothing to take in
    assert direct is not None
    assert direct.intensity_g_per_kwh == spread.of_an_hour("US-NW-BPAT", DIRECT).scaled(
        direct.intensity_g_per_kwh.central
    )
    # a live hour of one zone is widened to what is known of the other
    live = resolver(hour(100, zone="US-NW-BPAT")).at(OREGON, *ONE_SECOND)
    assert live is not None
    assert live.intensity_g_per_kwh == Range(89.0, 100.0, 204.0)
    both = resolver(hour(100, zone="US-NW-BPAT"), hour(40, zone="US-NW-PACW")).at(OREGON, *ONE_SECOND)
    assert both is not None
    assert both.intensity_g_per_kwh == pytest.approx((40.0, 100.0, 107.6))


def test_equal_spans_share_a_value_until_the_store_changes() -> None:
    store = HourStore()
    live = Resolver(store)
    first = live.at(LONDON, *ONE_SECOND)
    assert live.at(LONDON, NOON_NS + 5, NOON_NS + HOUR) is first
    store.put([hour(100)])
    assert live.at(LONDON, *ONE_SECOND) != first


def test_the_cache_is_bounded() -> None:
    live = Resolver()
    for number in range(_CACHE_SIZE + 100):
        live.at(LONDON, number * HOUR, number * HOUR + 1)
    assert len(live._cache[1]) <= _CACHE_SIZE


def test_an_identity_that_is_used_again_is_not_mistaken() -> None:
    live = Resolver()
    live.at(LONDON, *ONE_SECOND)
    key = (id(DUBLIN), NOON_NS // HOUR)
    live._cache[1][key] = (LONDON, live.at(LONDON, *ONE_SECOND))
    assert found(live.at(DUBLIN, *ONE_SECOND))[0] == 301


@pytest.mark.parametrize("bad", [None, "x", math.nan, math.inf, -math.inf, True, (1,), -(10**40), 10**40, 1.5e18])
def test_no_time_of_a_span_is_an_error(bad: Any) -> None:
    live = Resolver()
    for start, end in ((bad, NOON_NS), (NOON_NS, bad), (bad, bad)):
        intensity = live.at(LONDON, start, end)
        assert intensity is not None
        assert 1970 <= intensity.hour.year <= 9999


places = st.builds(
    Place,
    st.sampled_from(["aws", "gcp", ""]),
    st.sampled_from(["us-west-2", "eu-west-2", "US", "EU", ""]) | st.text(max_size=5),
    st.just("host"),
    st.sampled_from(["GB", "US-NW-BPAT", "US-CAL-CISO", "IE", ""]) | st.text(max_size=5),
    st.sampled_from(["GBR", "USA", "JPN", "MNG", ""]) | st.text(max_size=3),
    st.sampled_from(["US", "EU", "APAC", "WORLD", ""]) | st.text(max_size=5),
)
live_hours = st.lists(
    st.builds(
        hour,
        st.floats(0, 3000),
        st.integers(-10, 30),
        quality=st.sampled_from([Quality.MEASURED, Quality.ESTIMATED, Quality.FORECAST]),
        basis=st.sampled_from(Basis),
        zone=st.sampled_from(["GB", "US-NW-BPAT", "US-NW-PACW"]),
    ),
    max_size=8,
)
times = st.integers() | st.integers(NOON_NS - 20 * HOUR, NOON_NS + 40 * HOUR) | st.floats() | st.none()


settings = st.fixed_dictionaries({"basis": st.sampled_from(Basis), "basis_strict": st.booleans()})


@given(places, times, times, live_hours, settings)
def test_any_span_anywhere(
    place: Place, start: Any, end: Any, values: list[HourValue], setting: dict[str, Any]
) -> None:
    live = resolver(*values, **setting)
    basis, basis_strict = setting["basis"], setting["basis_strict"]
    intensity = live.at(place, start, end)
    assert live.at(place, start, end) == intensity
    if intensity is None:
        assert basis_strict
        return
    low, central, high = intensity.intensity_g_per_kwh
    assert 0.0 <= low <= central * (1 + 1e-12)
    assert central <= high * (1 + 1e-12)
    assert math.isfinite(high)
    assert intensity.basis is basis or not basis_strict
    assert intensity.hour.tzinfo is timezone.utc
    assert intensity.hour.minute == 0
    assert intensity.source
