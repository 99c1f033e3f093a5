# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The user's own files: what is read, what is skipped and named, and when they are read again."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core.values import Basis, Quality
from carbonspan.grid.source import BadAnswer, GridSource, NotCovered, Unavailable
from carbonspan.live.sources._file import FileSource
from carbonspan.live.sources._rows import floor, now

if TYPE_CHECKING:
    from pathlib import Path

UTC = timezone.utc
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = (NOON - 12 * HOUR, NOON + 12 * HOUR)


def values(source: GridSource, zone: str = "DE", basis: Basis = Basis.LIFE_CYCLE) -> list[float]:
    return [value.intensity_g_per_kwh for value in source.history(zone, *DAY, basis)]


@pytest.mark.parametrize(
    "text",
    [
        "zone,hour,value\nDE,2026-03-01T12:00Z,5\n",
        "Zone Id,Datetime (UTC),carbon_intensity\nDE,2026-03-01 12:00:00,5\n",
        "\ufeffzone_id,datetime,g_per_kwh\r\nDE,2026-03-01T13:00:00+01:00,5.0\r\n",
        'value,zone,time,extra\n"5",DE,2026-03-01T12:00:00.000Z,x,more,than,columns\n',
        "hour,value\n2026-03-01T12:00Z,5\n",
        "zone,hour,value\nDE,2026-03-01T12:00Z,4\nDE,2026-03-01T12:30Z,6\n",  # two halves
        "zone,hour,value\nDE,2026-03-01T12:00Z,4\nDE,2026-03-01T12:00Z,5\n",  # the last
    ],
)
def test_csv(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hours.csv"
    path.write_text(text, encoding="utf-8")
    (value,) = FileSource(path=path, zone="DE").history("DE", *DAY, Basis.LIFE_CYCLE)
    assert (value.intensity_g_per_kwh, value.hour, value.quality) == (5, NOON, Quality.MEASURED)
    assert (value.source, value.basis, value.accounting) == ("file", Basis.LIFE_CYCLE, "consumption")


@pytest.mark.parametrize(
    "content",
    [
        [{"zone": "DE", "hour": "2026-03-01T12:00Z", "value": 5}],
        {"zone": "DE", "history": [{"datetime": "2026-03-01T12:00:00.000Z", "carbonIntensity": 5}]},
        {"data": [{"zone": "DE", "hour": NOON.timestamp(), "value": "5", "quality": "measured"}]},
    ],
)
def test_json(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "hours.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert values(FileSource(path=str(path))) == [5]


def test_an_hourly_export_of_electricity_maps(tmp_path: Path) -> None:
    for suffix, folder in (("LCA", "old"), ("Life cycle", "new")):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "DE_2026_hourly.csv"
        path.write_text(
            f"Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
            f"Carbon intensity gCO₂eq/kWh ({suffix}),Data estimated\n"
            "2026-03-01 12:00:00,Germany,Germany,DE,100.5,150.5,False\n"
            "2026-03-01 13:00:00,Germany,Germany,DE,101.5,151.5,true\n",
            encoding="utf-8",
        )
        source = FileSource(path=path)
        assert values(source, basis=Basis.DIRECT) == [100.5, 101.5]
        assert values(source) == [150.5, 151.5]
        assert values(source, basis=Basis.MARGINAL) == [100.5, 101.5]  # another basis, marked
        found = source.history("DE", *DAY, Basis.MARGINAL)
        assert {value.basis for value in found} == {Basis.DIRECT}
        assert [value.quality for value in found] == [Quality.MEASURED, Quality.ESTIMATED]


def test_a_folder_and_what_changes_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("zone,hour,value\nDE,2026-03-01T12:00Z,1\n", encoding="utf-8")
    (tmp_path / "b.JSON").write_text('[{"zone": "FR", "hour": "2026-03-01T12:00Z", "value": 2}]', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not ours", encoding="utf-8")
    source = FileSource(path=tmp_path)
    assert source.serves("ES", Basis.DIRECT)  # not read yet
    assert not source.serves("", Basis.DIRECT)
    assert (values(source), values(source, "FR")) == ([1], [2])
    assert not source.serves("ES", Basis.DIRECT)
    with pytest.raises(NotCovered):
        values(source, "ES")
    before = source._read_again()
    assert source._read_again() is before
    (tmp_path / "c.csv").write_text("zone,hour,value\nES,2026-03-01T12:00Z,3\n", encoding="utf-8")
    assert values(source, "ES") == [3]
    (tmp_path / "a.csv").write_text("zone,hour,value\nDE,2026-03-01T12:00Z,9\n", encoding="utf-8")
    os.utime(tmp_path / "a.csv", ns=(1, 1))  # a clock of a file system may not have moved
    assert values(source) == [9]
    source.close()
    assert values(source) == [9]


def test_a_zone_that_comes_into_a_file_later_is_served(tmp_path: Path) -> None:
    path = tmp_path / "grid.csv"
    path.write_text("zone,hour,value\nFR,2026-01-01T00:00Z,1\n", encoding="utf-8")
    source = FileSource(path=path)
    source.capabilities()
    assert not source.serves("DE", Basis.LIFE_CYCLE)
    path.write_text("zone,hour,value\nFR,2026-01-01T00:00Z,1\nDE,2026-01-01T00:00Z,2\n", encoding="utf-8")
    assert source.serves("DE", Basis.LIFE_CYCLE)  # it may be
    source.capabilities()
    assert source.serves("DE", Basis.LIFE_CYCLE)
    assert not source.serves("AQ", Basis.LIFE_CYCLE)
    path.unlink()
    assert not source.serves("AQ", Basis.LIFE_CYCLE)
    assert source.serves("DE", Basis.LIFE_CYCLE)  # as last read


def test_bad_rows_are_named_and_the_rest_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "hours.csv"
    bad = ["DE,2026-03-01T12:00Z,abc", "DE,2026-03-01T12:00Z,-1", "DE,yesterday,1", ",2026-03-01T12:00Z,1"]
    bad += ["DE,2026-03-01T12:00Z,nan", "DE,2026-03-01T12:00Z,3001", "DE,1960-01-01T00:00Z,1"]
    path.write_text("\n".join(["zone,hour,value", *bad, "DE,2026-03-01T13:00Z,7", "DE,2026-03-01T14:00Z,"]), "utf-8")
    assert values(FileSource(path=path)) == [7]
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("file: skipped 7 unusable rows: ")
    assert f"{path}:2: a value that is not a number from 0 to 3000" in message
    assert f"{path}:4: no hour: 'yesterday' is neither ISO 8601 nor seconds since 1970; {path}:5: no zone; " in message
    assert message.endswith("...")


def test_a_file_of_the_wrong_kind(tmp_path: Path) -> None:
    for name, content in (
        ("a.csv", b"a,b,c\n1,2,3\n"),
        ("b.csv", b"\xff\xfe\x00\x01"),
        ("c.json", b"{"),
        ("d.json", b'{"x": 1}'),
        ("e.json", b"[" * 100_000),
        ("f.json", b"[1, null]"),
        ("g.csv", b"zone,hour,value,basis\nDE,2026-03-01T12:00Z,1,nonsense\n"),
        ("h.csv", b"zone,hour,value,quality\nDE,2026-03-01T12:00Z,1,nonsense\n"),
        ("i.json", b'[{"zone": "DE", "hour": "2026-03-01T12:00Z", "value": [1]}]'),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BadAnswer) as caught:
            values(FileSource(path=path))
        assert str(path) in str(caught.value)
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    with pytest.raises(NotCovered):
        values(FileSource(path=empty))
    assert FileSource(path=empty).capabilities().zones == frozenset()


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    source = FileSource(path=path)
    with pytest.raises(Unavailable, match="No such file") as caught:
        values(source)
    assert caught.value.__context__ is None
    path.write_text("zone,hour,value\nDE,2026-03-01T12:00Z,1\n", encoding="utf-8")
    assert values(source) == [1]
    assert repr(source) == f"FileSource({str(path)!r})"


def test_qualities_bases_and_the_hours_ahead(tmp_path: Path) -> None:
    ahead = floor(now()) + 3 * HOUR
    path = tmp_path / "hours.csv"
    path.write_text(
        "zone,hour,value,basis,quality\n"
        f"DE,{NOON.isoformat()},1,direct,estimated\n"
        f"DE,{ahead.isoformat()},2,,\n"
        f"DE,{NOON.isoformat()},3,marginal,forecast\n",
        encoding="utf-8",
    )
    source = FileSource(path=path, name="plant", accounting="production", basis="lifecycle")
    (one,) = source.history("DE", *DAY, Basis.DIRECT)
    assert (one.intensity_g_per_kwh, one.quality, one.source) == (1, Quality.ESTIMATED, "plant")
    assert one.accounting == "production"
    (two,) = source.forecast("DE", Basis.LIFE_CYCLE)
    assert (two.hour, two.quality) == (ahead, Quality.FORECAST)
    found = source.capabilities()
    assert found.bases == set(Basis)
    assert found.zones == {"DE"}
    assert 2 <= found.forecast_hours <= 3
    assert found.history_hours > 24


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "path"),
        ({"path": ""}, "path"),
        ({"path": 5}, "path"),
        ({"path": "x", "zone": 5}, "zone"),
        ({"path": "x", "basis": "average"}, "basis"),
        ({"path": "x", "accounting": "x"}, "accounting"),
        ({"path": "x", "name": "a b"}, "name"),
    ],
)
def test_options_of_a_file(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named}=.* is not allowed; allowed: "):
        FileSource(**options)
