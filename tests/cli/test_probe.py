# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `carbonspan doctor` says of live sources and of the shared file, and that it shows no secret."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from carbonspan.cli import _probe as probe
from carbonspan.cli._app import app
from carbonspan.core.values import Basis
from carbonspan.grid import Capabilities
from carbonspan.live._selection import SelectedSource
from carbonspan.live.cache._cache import HourCache, Key
from carbonspan.live.cache._file import SCHEMA, state_of
from carbonspan.live.sources._function import FunctionSource
from tests.live.sources.apis import APIS, PASSWORD, TOKEN
from tests.live.sources.faults import FaultServer, answer, never, too_many, unused_port

if TYPE_CHECKING:
    from carbonspan.grid.source import GridSource

SPEAKER = {api.name: api for api in APIS}


@pytest.fixture(autouse=True)
def _keys_and_a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBONSPAN_GRID_CACHE", str(tmp_path / "grid.sqlite3"))
    monkeypatch.setenv("ELECTRICITYMAPS_API_TOKEN", TOKEN)
    monkeypatch.setenv("WATTTIME_USERNAME", "someone")
    monkeypatch.setenv("WATTTIME_PASSWORD", PASSWORD)
    monkeypatch.setattr(probe, "TIMEOUT_S", 60.0)


def doctor(*arguments: str, **env: str) -> tuple[Any, str]:
    """Return the report and the page, which end alike and hold no secret."""
    runner = CliRunner()
    report = runner.invoke(app, ["doctor", *arguments, "--json"], env=env, catch_exceptions=False)
    page = runner.invoke(app, ["doctor", *arguments], env=env, catch_exceptions=False)
    found = json.loads(report.stdout)
    assert report.exit_code == page.exit_code == bool(found["problems"])
    for text in (report.output, page.output):
        assert TOKEN not in text
        assert PASSWORD not in text
    return found, " ".join(page.output.split())


def environment(*urls: tuple[str, str], **more: str) -> dict[str, str]:
    options = {name: {"url": url, "timeout_s": 30} for name, url in urls}
    return {
        "CARBONSPAN_GRID": ",".join(name for name, _ in urls),
        "CARBONSPAN_GRID_OPTIONS": json.dumps(options),
        **more,
    }


@pytest.mark.parametrize("api", [s for s in APIS if ":" not in s.name], ids=lambda api: api.name)
def test_a_source_in_order(api: Any) -> None:
    with FaultServer(api.play(lambda _: 100.0)) as server:
        env = environment((api.name, server.url), CARBONSPAN_BASIS=api.basis.value)
        found, page = doctor(**env)
        asked = len(server.requests)
        doctor("--offline", **env)
        assert len(server.requests) == asked
    (row,) = found["live"]["sources"]
    assert (row["state"], row["source"], row["basis"]) == ("ok", api.name, api.basis.value)
    assert row["newest_hour"].endswith(":00:00Z")
    assert f"{api.name} " in page
    assert "ok: " in page
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("play", "says", "hint"),
    [
        (answer({"error": "Invalid auth-token"}, status=401), "access refused (HTTP 401)", "check the key"),
        (answer(b"Access denied", status=403, content_type="text/plain"), "access refused (HTTP 403)", "its plan"),
        (too_many("3600"), "too many requests", "fewer zones"),
        (answer(b"<html>"), "electricity_maps: ", "check the option url"),
    ],
)
def test_what_is_wrong_with_a_source_and_how_to_mend_it(play: Any, says: str, hint: str) -> None:
    with FaultServer(play) as server:
        found, page = doctor(**environment(("electricity_maps", server.url)))
    (problem,) = found["problems"]
    assert says in problem
    assert hint in problem
    assert "\n" not in problem
    assert "! electricity_maps: " in page
    assert found["live"]["sources"][0]["state"] not in {"ok", "not probed"}


def test_one_that_is_down_does_not_hide_one_that_is_not() -> None:
    with FaultServer(SPEAKER["uk_carbon_intensity"].play(lambda _: 100.0)) as server:
        found, _ = doctor(
            **environment(("energy_charts", f"http://127.0.0.1:{unused_port()}"), ("uk_carbon_intensity", server.url))
        )
    assert [row["state"] for row in found["live"]["sources"]] == ["unavailable", "ok"]
    (problem,) = found["problems"]
    assert "no connection to 127.0.0.1" in problem
    assert "HTTPS_PROXY" in problem


def test_a_source_that_hangs_has_its_time() -> None:
    sources: list[GridSource] = []
    with FaultServer(never()) as server:
        sources.append(SPEAKER["energy_charts"].make(url=server.url, timeout_s=60))
        selected = [SelectedSource(source, source.name, shared=True, owned=False) for source in sources]
        (row,) = probe.ask_all(selected, ["DE"], [Basis.LIFE_CYCLE], 0.2)
    assert row["state"] == "no answer"
    assert row["message"] == "energy_charts: no answer within 0.2 s"


def row_of(source: Any, *, owned: bool = False) -> dict[str, Any]:
    return probe.ask(SelectedSource(source, source.name, shared=True, owned=owned), ["DE"], [Basis.LIFE_CYCLE])


def test_a_source_without_hours_of_now_and_one_of_another_basis() -> None:
    assert (
        row_of(FunctionSource(function=lambda *_: []), owned=True)["message"]
        == "function: nothing for DE in the last 6 hours"
    )
    marginal = SPEAKER["watttime"].make(url=f"http://127.0.0.1:{unused_port()}")
    marginal.capabilities = lambda: Capabilities(frozenset({"DE"}), frozenset({Basis.MARGINAL}))  # type: ignore[method-assign]
    found = row_of(marginal)
    assert (found["state"], found["message"]) == ("empty", "watttime: it has no zone in the basis life-cycle")


def test_a_source_of_ones_own_may_raise_anything() -> None:
    class Broken(FunctionSource):
        def capabilities(self) -> Capabilities:
            raise KeyError(TOKEN)

    found = row_of(Broken(function=print))
    assert (found["state"], found["message"]) == ("error", "function: KeyError")


def test_a_missing_key_and_a_region_that_no_source_serves() -> None:
    found, _ = doctor(CARBONSPAN_GRID="electricity_maps", ELECTRICITYMAPS_API_TOKEN="")
    assert found["live"]["sources"] == []
    assert "ELECTRICITYMAPS_API_TOKEN" in found["problems"][0]
    with FaultServer(SPEAKER["uk_carbon_intensity"].play(lambda _: 100.0)) as server:
        found, page = doctor(**environment(("uk_carbon_intensity", server.url), CARBONSPAN_REGION="gcp:europe-west4"))
    assert found["problems"] == ["no source serves gcp:europe-west4 (zone NL): the bundled tables will be used"]
    assert "Nothing is missing" not in page


def test_without_live_sources_no_file_is_looked_at(tmp_path: Path) -> None:
    found, page = doctor()
    assert found["live"] == {"sources": [], "cache": None}
    assert "no network" in page
    assert list(tmp_path.iterdir()) == []


def test_the_file_before_and_after_it_is_in_use(tmp_path: Path) -> None:
    with FaultServer(SPEAKER["electricity_maps"].play(lambda _: 100.0)) as server:
        env = environment(("electricity_maps", server.url))
        found, page = doctor("--offline", **env)
        assert (found["live"]["cache"]["exists"], found["problems"]) == (False, [])
        assert "not created yet" in page
        assert list(tmp_path.iterdir()) == []
        result = CliRunner().invoke(app, ["grid", "now", "FR", "--timeout", "60"], env=env, catch_exceptions=False)
        assert result.exit_code == 0
        found, page = doctor(**env)
    cache = found["live"]["cache"]
    assert (cache["exists"], cache["hours"], cache["problem"]) == (True, 24, "")
    assert cache["age_s"] < 3600
    assert [(zone["source"], zone["zone"], zone["hours"]) for zone in cache["zones"]] == [
        ("electricity_maps", "FR", 24)
    ]
    assert "24 hours, last fetched" in page
    assert "FR life-cycle, 24 hours to" in page
    assert found["live"]["sources"][0]["zone"] == "DE"  # the plan has no FR, as it says when it is asked


def test_no_file_at_all() -> None:
    found, page = doctor("--offline", CARBONSPAN_GRID="uk", CARBONSPAN_GRID_CACHE="false")
    assert found["live"]["cache"] is None
    assert "each process asks the sources itself" in page
    _, page = doctor("--offline", CARBONSPAN_GRID="uk", CARBONSPAN_GRID_CACHE="true")
    assert "grid cache" in page


def test_many_zones_are_cut(tmp_path: Path) -> None:
    cache = HourCache(tmp_path / "grid.sqlite3")
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    for number in range(15):
        source = FunctionSource(function=lambda *_: [(now, 10.0)])
        key = Key("function", f"zone-{number}", Basis.LIFE_CYCLE)
        claim = cache.claim(key)
        assert claim.holder is not None
        values = source.history(key.zone, now, now + timedelta(hours=1), Basis.LIFE_CYCLE)
        cache.finish(key, claim.holder, claim.attempt, values)
    found, page = doctor("--offline", CARBONSPAN_GRID="uk")
    assert len(found["live"]["cache"]["zones"]) == 15
    assert "and 5 more (--json)" in page


def damage(path: Path, damage_done: str) -> None:
    if damage_done == "corrupt":
        path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    elif damage_done == "folder":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as db:
            if damage_done == "foreign":
                db.execute("CREATE TABLE t (x)")
            else:
                db.execute("PRAGMA application_id = 1667396464")
                db.execute(f"PRAGMA user_version = {SCHEMA + (1 if damage_done == 'newer' else -1)}")
            db.commit()


@pytest.mark.parametrize(
    ("damage_done", "says"),
    [("corrupt", ""), ("foreign", "another program"), ("newer", "newer carbonspan"), ("folder", "")],
)
def test_a_file_that_cannot_be_used_is_named_and_left_alone(damage_done: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.sqlite3"
    damage(path, damage_done)
    before = path.read_bytes() if path.is_file() else b""
    found, page = doctor("--offline", CARBONSPAN_GRID="uk")
    (problem,) = found["problems"]
    assert str(path) in problem
    assert says in problem
    assert ("CARBONSPAN_GRID_CACHE" in problem) is (damage_done in {"foreign", "newer"})
    assert "make it readable" not in problem
    assert "! grid cache" in page
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [each.name for each in tmp_path.iterdir()] == ["grid.sqlite3"]


def test_an_empty_file_is_to_be_filled(tmp_path: Path) -> None:
    damage(tmp_path / "grid.sqlite3", "older")
    assert state_of(tmp_path / "grid.sqlite3").problem == ""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody may write to")
def test_a_place_where_nothing_can_be_made() -> None:
    state = state_of(Path("/proc/self/nothing/grid.sqlite3"))
    assert (state.exists, bool(state.problem), bool(state.hint)) == (False, True, True)
