# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan grid` as a user calls it, its sources played by servers on loopback."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from carbonspan.cli._app import app
from carbonspan.cli._grid import cleanest
from carbonspan.live._live import open_grids
from tests.cli.running import hour_row
from tests.live.sources.apis import APIS, PASSWORD, TOKEN
from tests.live.sources.faults import FaultServer, answer, never, unused_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEAKER = {api.name: api for api in APIS}
SECRETS = {"ELECTRICITYMAPS_API_TOKEN": TOKEN, "WATTTIME_USERNAME": "someone", "WATTTIME_PASSWORD": PASSWORD}
COLUMNS = 80
PATIENCE = ("--timeout", "60")


@pytest.fixture(autouse=True)
def _keys_and_a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CARBONSPAN_GRID_CACHE", str(tmp_path / "grid.sqlite3"))
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    yield
    assert open_grids() == ()  # every command gives its grid back


def swing(moment: datetime) -> float:
    """Return a value for any moment: cleanest at noon."""
    return round(200 - 150 * math.exp(-(((moment.hour + moment.minute / 60 - 12) / 4) ** 2)), 1)


def environment(name: str, url: str, **options: Any) -> dict[str, str]:
    return {"CARBONSPAN_GRID": name, "CARBONSPAN_GRID_OPTIONS": json.dumps({name: {"url": url, **options}})}


def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(app, ["grid", *arguments], env=env, catch_exceptions=False)
    for secret in (TOKEN, PASSWORD):
        assert secret not in result.output
    return result


def as_json(*arguments: str, env: dict[str, str] | None = None) -> Any:
    result = call(*arguments, *PATIENCE, "--json", env=env)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def qualities(found: Any) -> set[str]:
    return {row["quality"] for row in found["hours"]}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_now_shows_each_source_with_basis_and_quality(api: Any) -> None:
    name, _, region = api.name.partition(":")
    with FaultServer(api.play(swing)) as server:
        env = environment(name, server.url, **({"region_id": int(region)} if region else {}))
        env["CARBONSPAN_BASIS"] = api.basis.value
        found = as_json("now", f"zone:{api.zone}", env=env)
        text = call("now", f"zone:{api.zone}", *PATIENCE, env=env).output
    assert len(found["hours"]) == 24
    of_source = [row for row in found["hours"] if row["source"] == api.name]
    assert len(of_source) > 20
    assert {row["basis"] for row in of_source} == {api.basis.value}
    assert all("fetched_at" in row for row in of_source)
    assert found["problems"] == []
    assert api.name in text
    assert "min ago" in text


def test_the_curve_fits_a_terminal_and_says_all_without_colour() -> None:
    with FaultServer(SPEAKER["uk_carbon_intensity"].play(swing)) as server:
        text = call("now", "aws:eu-west-2", *PATIENCE, env=environment("uk_carbon_intensity", server.url)).output
    lines = text.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert "\x1b" not in text
    assert "eu-west-2, zone GB" in lines[0]
    assert any(line.strip().startswith("M  M  M  M") for line in lines)
    assert "M  measured  direct  uk_carbon_intensity" in text
    assert "█" in text
    assert "UTC  " in text
    assert "min 5" in text


def test_without_a_live_source_tables_answer_and_nothing_is_made(tmp_path: Path) -> None:
    found = as_json("now", "US-CAL-CISO")
    assert found["sources"] == ["bundled"]
    assert qualities(found) == {"profile"}
    text = call("now", "DEU").output
    assert "No live source is in use" in text
    assert "zone DE" in text
    assert list(tmp_path.iterdir()) == []
    named = call("now", "GB", "--source", "bundled", env={"CARBONSPAN_GRID": "uk"}).output
    assert "No live source is in use" in named


@pytest.mark.parametrize("region", ["GB", "zone:GB", "GBR", "aws:eu-west-2", "uksouth"])
def test_any_spelling_of_a_region(region: str) -> None:
    assert as_json("now", region)["zone"] == "GB"


def test_a_source_that_refuses_is_named_with_its_hint_and_tables_answer() -> None:
    with FaultServer(answer({"error": "Invalid auth-token"}, status=401)) as server:
        env = environment("electricity_maps", server.url)
        found = as_json("now", "DE", env=env)
        text = call("now", "DE", *PATIENCE, env=env).output
    assert qualities(found) == {"annual"}
    assert found["problems"] == ["electricity_maps DE: unauthorised: check the key, and what its plan covers"]
    assert "! electricity_maps DE: unauthorised" in text
    assert "bundled tables are used instead" in text


def test_a_source_that_hangs_is_waited_for_no_longer_than_asked() -> None:
    with FaultServer(never()) as server:
        env = environment("energy_charts", server.url)
        result = call("now", "DE", "--timeout", "0.5", env=env)
        ahead = call("forecast", "DE", "--timeout", "0.5", env=env)
    assert result.exit_code == ahead.exit_code == 0
    assert "not all sources answered within 0.5 s" in result.output
    assert "not all sources answered within 0.5 s" in ahead.output


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (("now", "atlantis"), {}, "unknown region 'atlantis'"),
        (("now", "GB", "--source", "sun"), {}, "option 'grid' is ['sun']"),
        (("now", "GB", "--basis", "average"), {}, "option 'basis' is 'average'"),
        (("now", "DE", "--source", "electricity_maps"), {"ELECTRICITYMAPS_API_TOKEN": ""}, "token is missing"),
        (("history", "GB", "--day", "2999-01-01"), {}, "is not between 1970-01-01 and today"),
        (("history", "GB", "--day", "1969-12-31"), {}, "is not between 1970-01-01 and today"),
        (("now", "SG", "--basis", "marginal"), {"CARBONSPAN_BASIS_STRICT": "true"}, "no figure in this basis"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_1(arguments: tuple[str, ...], env: dict[str, str], says: str) -> None:
    result = call(*arguments, env=env)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert says in line
    assert "Traceback" not in result.output


def test_a_source_of_the_deployment_without_its_key_is_passed_over() -> None:
    env = {"CARBONSPAN_GRID": "electricity_maps", "ELECTRICITYMAPS_API_TOKEN": ""}
    found = as_json("now", "DE", env=env)
    assert found["sources"] == ["bundled"]
    assert "token is missing" in found["problems"][0]


def test_a_day_of_the_past_is_fetched_and_shared() -> None:
    day = (datetime.now(timezone.utc) - timedelta(days=9)).strftime("%Y-%m-%d")
    with FaultServer(SPEAKER["electricity_maps"].play(swing)) as server:
        env = environment("electricity_maps", server.url)
        found = as_json("history", "DE", "--day", day, env=env)
        again = as_json("history", "DE", "--day", day, env=env)
        assert [request.path.rsplit("/", 1)[1] for request in server.requests].count("past-range") == 1
    assert [row["hour"] for row in found["hours"]] == [f"{day}T{hour:02}:00:00Z" for hour in range(24)]
    assert qualities(found) == {"measured"}
    assert again["hours"] == found["hours"]
    (summary,) = found["summary"]
    assert (summary["hours"], summary["min_hour"], summary["min_g_per_kwh"]) == (24, f"{day}T12:00:00Z", 50.0)


def test_history_of_today_and_without_a_day() -> None:
    today = datetime.now(timezone.utc)
    found = as_json("history", "GB", "--day", today.strftime("%Y-%m-%d"))
    assert 1 <= len(found["hours"]) <= 24
    assert len(as_json("history", "GB")["hours"]) == 24


def test_a_forecast_names_the_cleanest_hours_and_is_asked_for_once() -> None:
    # Far from both ends of what the source knows, at whatever hour this runs.
    cleanest = datetime.now(timezone.utc) + timedelta(hours=12)

    def valley(moment: datetime) -> float:
        hours = (moment.hour - cleanest.hour + 12) % 24 - 12  # off the cleanest hour
        return round(200 - 150 * math.exp(-((hours / 4) ** 2)), 1)

    with FaultServer(SPEAKER["electricity_maps"].play(valley)) as server:
        env = environment("electricity_maps", server.url)
        found = as_json("forecast", "DE", "--hours", "48", env=env)
        asked = len(server.requests)
        text = call("forecast", "DE", *PATIENCE, env=env).output
        assert len(server.requests) == asked
    assert {"forecast", "annual"} <= qualities(found)  # 24 hours of the plan, then the table
    best = found["cleanest"]
    before = f"{(cleanest - timedelta(hours=1)).hour:02}:00"
    assert best["hours"][0]["hour"][11:16] == f"{cleanest.hour:02}:00"
    assert best["in_a_row"]["hour"][11:16] == before
    assert best["mean_g_per_kwh"] < 200  # only of the forecast: the table's mean would be among them
    assert "cleanest" in text
    assert f"3 h from {before}" in text


def test_a_forecast_where_the_source_has_none() -> None:
    with FaultServer(SPEAKER["eco2mix"].play(swing)) as server:
        env = environment("eco2mix", server.url)
        found = as_json("forecast", "FR", env=env)
        text = call("forecast", "FR", *PATIENCE, env=env).output
    assert qualities(found) == {"annual"}
    assert found["cleanest"] is None
    assert "all hours are alike" in text
    assert "bundled tables are used instead" in text


def test_a_forecast_that_fails_says_why() -> None:
    with FaultServer(SPEAKER["energy_charts"].play(swing)) as server:
        env = environment("energy_charts", server.url)
        as_json("now", "DE", env=env)
        server.usual = answer(b"", status=403)
        found = as_json("forecast", "DE", env=env)
    assert any("unauthorised" in problem for problem in found["problems"])


def test_several_sources_the_better_hour_wins_and_bases_are_told_apart() -> None:
    def first_hours(moment: datetime) -> float | None:
        return 30.0 if moment < datetime.now(timezone.utc) - timedelta(hours=12) else None

    with (
        FaultServer(SPEAKER["uk_carbon_intensity"].play(first_hours)) as uk,
        FaultServer(SPEAKER["electricity_maps"].play(swing)) as maps,
    ):
        options = {"uk_carbon_intensity": {"url": uk.url}, "electricity_maps": {"url": maps.url}}
        env = {"CARBONSPAN_GRID_OPTIONS": json.dumps(options), "CARBONSPAN_BASIS": "direct"}
        arguments = ("now", "GB", "--source", "uk", "--source", "electricity_maps")
        found = as_json(*arguments, env=env)
        mixed = call(*arguments, *PATIENCE, "--basis", "life-cycle", env=env).output
    assert {row["source"] for row in found["hours"]} == {"uk_carbon_intensity", "electricity_maps"}
    assert "life-cycle  min" in mixed


def test_hours_in_two_bases_are_never_added(tmp_path: Path) -> None:
    present = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = "".join(f"GB,{(present - timedelta(hours=n)).isoformat()},{20 + n},direct\n" for n in range(15, 24))
    (tmp_path / "own.csv").write_text(f"zone,hour,value,basis\n{rows}", encoding="utf-8")
    arguments = ("now", "GB", "--source", str(tmp_path / "own.csv"))
    found = as_json(*arguments)
    assert [one["basis"] for one in found["summary"]] == ["direct", "life-cycle"]
    text = call(*arguments).output
    assert "hours in two bases" in text
    assert "S  stale: an earlier hour" in text
    assert "file" in text


def test_a_partial_report_is_marked() -> None:
    at = datetime.now(timezone.utc) - timedelta(hours=6)

    def partial(moment: datetime) -> float:
        return 30.0 if moment.replace(minute=0) == at.replace(minute=0, second=0, microsecond=0) else 400.0

    with FaultServer(SPEAKER["electricity_maps"].play(partial)) as server:
        env = environment("electricity_maps", server.url)
        found = as_json("now", "DE", env=env)
        text = call("now", "DE", *PATIENCE, env=env).output
    (row,) = [row for row in found["hours"] if "around_g_per_kwh" in row]
    assert (row["g_per_kwh"]["central"], row["around_g_per_kwh"], row["quality"]) == (30.0, 400.0, "estimated")
    assert any("where the hours around say 400" in problem for problem in found["problems"])
    assert "?  estimated: far off the hours around it" in text


def test_a_geography_has_no_live_hours_and_that_is_said() -> None:
    found = as_json("now", "EU", env=environment("energy_charts", f"http://127.0.0.1:{unused_port()}"))
    assert qualities(found) == {"mix"}
    assert found["problems"] == [
        "EU is not a single grid zone, and live sources serve only those (`carbonspan regions`)"
    ]


def test_a_zone_that_no_source_serves() -> None:
    env = environment("uk_carbon_intensity", f"http://127.0.0.1:{unused_port()}")
    assert as_json("forecast", "SG", env=env)["problems"] == [
        "SG: no source serves this zone with this `basis`: add one that does"
    ]


def test_the_cleanest_hours_in_a_row_are_in_a_hour_row() -> None:
    rows = [
        hour_row(0, 10.0),
        hour_row(1, None),
        hour_row(2, 10.0),
        hour_row(3, 20.0),
        hour_row(4, 90.0),
        hour_row(5, 30.0),
    ]
    found = cleanest(rows)
    assert found is not None
    assert found["in_a_row"]["hour"] == hour_row(2, 0.0)["hour"]
    short = cleanest([*rows[:3:2], hour_row(3, 5.0)])
    assert short is not None
    assert short["in_a_row"] is None
