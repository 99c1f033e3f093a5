# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The sources that settings select: in what order, with what options, and no key in sight."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from carbonspan.core._options import Settings, warn_again
from carbonspan.live._live import open_grids
from carbonspan.live._selection import make_sources, parse_sources
from tests.live.app import App
from tests.live.loopback import LoopbackSource

pytestmark = pytest.mark.usefixtures("closed")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bundled", ("bundled",)),
        ("uk, Electricity_Maps ,bundled", ("uk_carbon_intensity", "electricity_maps", "bundled")),
        ("uk,", ("uk_carbon_intensity", "bundled")),
        (["uk"], ("uk_carbon_intensity", "bundled")),
        (Path("my.csv"), (Path("my.csv"), "bundled")),
        (print, (print, "bundled")),
        ([], ("bundled",)),
    ],
)
def test_sources_in_order(given: Any, expected: tuple[Any, ...]) -> None:
    assert parse_sources(given) == expected
    assert Settings.resolve({"grid": given}, {}).grid == expected


@pytest.mark.parametrize("wrong", ["ukk", 5, [5], {"uk": 1}, "bundled,uk", b"uk"])
def test_what_is_no_source(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"option 'grid' is .*allowed"):
        Settings.resolve({"grid": wrong}, {})


def test_a_key_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    options = {"uk": {"url": "http://secret-abc"}, "watttime": {"password": "secret-abc"}}
    settings = Settings.resolve({"grid_options": options}, {})
    assert settings.grid_options["uk_carbon_intensity"] == {"url": "http://secret-abc"}
    assert "secret-abc" not in repr(settings)
    wrong: dict[str, Any] = {"grid_options": {"no_source": {"token": "secret-abc"}}}
    with pytest.raises(ValueError, match="names: electricity_maps") as raised:
        Settings.resolve(wrong, {})
    assert "secret-abc" not in str(raised.value)
    assert raised.value.__cause__ is None
    warn_again()
    with caplog.at_level(logging.WARNING, "carbonspan"):
        Settings.resolve({}, {"CARBONSPAN_GRID_OPTIONS": '{"electricity_maps": {"token": "secret-abc"'})
    assert "CARBONSPAN_GRID_OPTIONS" in caplog.text
    assert "secret-abc" not in caplog.text


def test_doctor_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from carbonspan.cli._doctor import examine  # noqa: PLC0415 - the extra `cli`

    monkeypatch.setenv("CARBONSPAN_GRID", "uk")
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", '{"electricity_maps": {"token": "secret-abc"}}')
    report = json.dumps(examine())
    assert "secret-abc" not in report
    assert "uk_carbon_intensity" in report


def test_a_wrong_option_of_a_source(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="unknown option 'colour'"):
        App(grid="uk", grid_options={"uk": {"colour": "red"}})
    # from the environment: said, and the others are used
    warn_again()
    monkeypatch.setenv("CARBONSPAN_GRID", "electricity_maps,uk")
    monkeypatch.delenv("ELECTRICITYMAPS_API_TOKEN", raising=False)
    monkeypatch.setenv("CARBONSPAN_GRID_OPTIONS", '{"uk": {"url": "http://127.0.0.1:9"}}')
    with caplog.at_level(logging.WARNING, "carbonspan"):
        app = App()
    (grid,) = open_grids()
    assert grid.names == ("uk_carbon_intensity",)
    assert "token is missing" in caplog.text
    assert app.span()[2] == "electricity_maps_yearly"


def test_each_source_once() -> None:
    sources = [LoopbackSource(1), LoopbackSource(2)]
    with pytest.raises(ValueError, match="loopback more than once"):
        make_sources(sources, {}, {})
    said: list[str] = []
    assert [chosen.source for chosen in make_sources(sources, {}, {}, said.append)] == sources[:1]
    assert "more than once" in said[0]


def test_accounts_are_told_apart_and_no_key_is_in_the_file() -> None:
    def origin(token: str, environ: dict[str, str] | None = None) -> str:
        options = {"electricity_maps": {"token": token}} if token else {}
        return make_sources(["electricity_maps"], options, environ or {})[0].origin

    assert origin("one") == origin("one") != origin("two")
    assert origin("", {"ELECTRICITYMAPS_API_TOKEN": "one"}) != origin("", {"ELECTRICITYMAPS_API_TOKEN": "two"})
    assert origin("one").startswith("electricity_maps#")
    assert len(origin("one")) == len("electricity_maps#") + 4


def test_sources_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("zone,hour,value\nGB,2026-01-05T00:00:00Z,42\n")

    def function(_zone: str, _start: Any, _end: Any, _basis: Any) -> list[Any]:
        return []

    chosen = make_sources([path, function], {}, {})
    assert [c.source.name for c in chosen] == ["file", "function"]
    assert not any(c.shared for c in chosen)
    assert all(c.owned for c in chosen)
    app = App(grid=path, grid_cache=str(tmp_path / "grid.sqlite3"))
    at_s = 1767571200 + 60  # 2026-01-05T00:01Z
    assert app.until(lambda found: found[2] == "file", at_s)[0] == 42
